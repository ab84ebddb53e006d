# `cmake --install`: the libraries and their headers, the command line, and the package that find_package(bitstate)
# finds.
include(CMakePackageConfigHelpers)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/bitstate)

# Components of the package, each with what it links to (cmake/bitstateConfig.cmake.in).
set(core_targets bitstate_core)
set(codegen_targets bitstate_codegen)
set(training_targets bitstate_parallel bitstate_autograd bitstate_models bitstate_training)
set(datasets_targets bitstate_datasets)
set(experiments_targets bitstate_experiments)
foreach(component IN ITEMS core codegen training datasets experiments)
  install(TARGETS ${${component}_targets} EXPORT bitstate-${component} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT bitstate-${component} NAMESPACE bitstate:: DESTINATION ${package_folder})
endforeach()
install(TARGETS bitstate RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
if(TARGET bitstate_mpi)
  install(TARGETS bitstate_mpi RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
foreach(folder IN ITEMS core autograd models datasets experiments)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/bitstate
          FILES_MATCHING PATTERN "*.h"
          PATTERN "configs" EXCLUDE PATTERN "recipes" EXCLUDE PATTERN "sweeps" EXCLUDE)
endforeach()
# where bash-completion and zsh look; bitstate prints the scripts
install(CODE [[execute_process(COMMAND $<TARGET_FILE:bitstate> completion bash COMMAND_ERROR_IS_FATAL ANY
  OUTPUT_FILE ${CMAKE_CURRENT_LIST_DIR}/completion.bash)]])
install(CODE [[execute_process(COMMAND $<TARGET_FILE:bitstate> completion zsh COMMAND_ERROR_IS_FATAL ANY
  OUTPUT_FILE ${CMAKE_CURRENT_LIST_DIR}/completion.zsh)]])
install(FILES ${PROJECT_BINARY_DIR}/completion.bash RENAME bitstate
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${PROJECT_BINARY_DIR}/completion.zsh RENAME _bitstate
        DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/licenses/bitstate)

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/bitstateConfig.cmake.in
                              ${PROJECT_BINARY_DIR}/bitstateConfig.cmake INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/bitstateConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/bitstateConfig.cmake ${PROJECT_BINARY_DIR}/bitstateConfigVersion.cmake
        DESTINATION ${package_folder})
