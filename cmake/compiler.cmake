# How every target of the project is compiled: link a target to bitstate_options to give it these flags.

find_program(BITSTATE_CCACHE ccache)
if(BITSTATE_CCACHE AND PROJECT_IS_TOP_LEVEL AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${BITSTATE_CCACHE})
endif()

# GCC 12 warns about its own headers: __Y of the AVX intrinsics (bug 105593), std::string's copies (bugs 105651, 105329)
set(own_headers_of_gcc "")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  set(own_headers_of_gcc -Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds)
endif()

add_library(bitstate_options INTERFACE)
target_compile_options(bitstate_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
  # values never depend on how the compiler contracts or reorders (but for the sums of autograd/kernels/reduce.h)
  -ffp-contract=off -fno-math-errno -fno-trapping-math -fopenmp-simd
  ${own_headers_of_gcc}
  $<$<BOOL:${BITSTATE_NATIVE}>:-march=native>
  $<$<BOOL:${BITSTATE_WERROR}>:-Werror>)

if(BITSTATE_SANITIZE)
  target_compile_options(bitstate_options INTERFACE
    -fsanitize=${BITSTATE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(bitstate_options INTERFACE -fsanitize=${BITSTATE_SANITIZE})
  if(BITSTATE_SANITIZE MATCHES "address" AND BITSTATE_SANITIZE MATCHES "undefined")
    # AddressSanitizer reports the same at the access itself; these checks take a third of the time to compile
    target_compile_options(bitstate_options INTERFACE -fno-sanitize=null,object-size,vptr)
  endif()
endif()

# bitstate_precompile(<target> [<header>...]) parses once the headers that nearly every source of the target includes,
# and bitstate_precompile(<target> REUSE_FROM <other>) takes those of another. Not where ccache keeps whole objects,
# which precompiled headers would hide from it, nor for clang, whose builds show a missing #include.
function(bitstate_precompile target)
  if(CMAKE_CXX_COMPILER_LAUNCHER MATCHES "ccache" OR NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    return()
  endif()
  if("${ARGV1}" STREQUAL "REUSE_FROM")
    target_precompile_headers(${target} REUSE_FROM ${ARGV2})
    return()
  endif()
  target_precompile_headers(${target} PRIVATE
    <algorithm> <array> <cmath> <cstdint> <filesystem> <functional> <map> <memory> <optional> <set> <span> <string>
    <string_view> <utility> <variant> <vector> <fmt/format.h> ${ARGN})
endfunction()

# bitstate_unite(<target> [EXCEPT <glob>]): where BITSTATE_UNITY is on, compiles the target's sources ten at a time,
# which share the templates they instantiate. Their unnamed namespaces are then one, so their names must differ. It is
# not for folders whose files all use the same names, such as the data sets.
function(bitstate_unite target)
  if(BITSTATE_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 10)
    if("${ARGV1}" STREQUAL "EXCEPT")
      file(GLOB alone CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${ARGV2})
      set_source_files_properties(${alone} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    endif()
  endif()
endfunction()
