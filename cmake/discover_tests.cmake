# bitstate_discover_tests(<target> LABEL <label> ENVIRONMENT <name=value>...): asks a doctest executable for its cases
# and makes each a CTest test named "<label>/<case>". Included by the project it defines the function; run as a script
# (cmake -P) it writes the tests of one executable. CTest asks when it runs, so a build never runs a test executable. A
# case whose name begins with "official:" is a test only where BITSTATE_OFFICIAL_DATA is ON.

if(CMAKE_SCRIPT_MODE_FILE)
  cmake_minimum_required(VERSION 3.25)
  execute_process(COMMAND ${executable} --list-test-cases --no-intro --no-version
                  OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${executable} --list-test-cases failed (${result}):\n${output}")
  endif()
  # Brackets and semicolons would be read as CMake lists: they travel as control characters.
  string(ASCII 1 open)
  string(ASCII 2 close)
  string(ASCII 3 semicolon)
  string(REPLACE "[" "${open}" output "${output}")
  string(REPLACE "]" "${close}" output "${output}")
  string(REPLACE ";" "${semicolon}" output "${output}")
  string(REPLACE "\n" ";" lines "${output}")
  set(text "")
  foreach(line IN LISTS lines)
    if(line STREQUAL "" OR line MATCHES "^${open}doctest${close} " OR line MATCHES "^=+$")
      continue()
    endif()
    set(labels "${label}")
    if(line MATCHES "^long:")
      string(APPEND labels ";long")
    endif()
    set(begin "")
    set(end "")
    if(line MATCHES "^official:")
      string(APPEND labels ";official")
      set(begin "if(official)\n")
      set(end "endif()\n")
    endif()
    # doctest's filter takes a comma as a separator and has * and ? as wildcards; ? stands for itself too
    string(REPLACE "," "\\," filter "${line}")
    foreach(variable IN ITEMS line filter)
      string(REPLACE "${open}" "[" ${variable} "${${variable}}")
      string(REPLACE "${close}" "]" ${variable} "${${variable}}")
      string(REPLACE "${semicolon}" ";" ${variable} "${${variable}}")
    endforeach()
    string(APPEND text "${begin}"
      "add_test([==[${label}/${line}]==] [==[${executable}]==] [==[--test-case=${filter}]==])\n"
      "set_tests_properties([==[${label}/${line}]==] PROPERTIES LABELS [==[${labels}]==]\n"
      "  ENVIRONMENT [==[${environment}]==]\n"
      "  SKIP_RETURN_CODE 77 FAIL_REGULAR_EXPRESSION [==[test cases: 0 ]==])\n" "${end}")
  endforeach()
  file(WRITE ${list} "${text}")
  return()
endif()

set(BITSTATE_DISCOVER_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

function(bitstate_discover_tests target)
  cmake_parse_arguments(arg "" "LABEL" "ENVIRONMENT" ${ARGN})
  set(include_file ${CMAKE_CURRENT_BINARY_DIR}/${target}_include.cmake)
  set(list_file ${CMAKE_CURRENT_BINARY_DIR}/${target}_list.cmake)
  file(GENERATE OUTPUT ${include_file} CONTENT
"if(NOT EXISTS [==[$<TARGET_FILE:${target}>]==])
  add_test(${arg_LABEL}/not_built ${target}_is_not_built)
  set_tests_properties(${arg_LABEL}/not_built PROPERTIES LABELS ${arg_LABEL})
  return()
endif()
if(NOT EXISTS [==[${list_file}]==] OR [==[$<TARGET_FILE:${target}>]==] IS_NEWER_THAN [==[${list_file}]==])
  execute_process(COMMAND [==[${CMAKE_COMMAND}]==] -D label=${arg_LABEL} -D [==[list=${list_file}]==]
                          -D [==[executable=$<TARGET_FILE:${target}>]==] -D [==[environment=${arg_ENVIRONMENT}]==]
                          -P [==[${BITSTATE_DISCOVER_SCRIPT}]==] COMMAND_ERROR_IS_FATAL ANY)
endif()
set(official ${BITSTATE_OFFICIAL_DATA})
include([==[${list_file}]==])
")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${include_file})
endfunction()
