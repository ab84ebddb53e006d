# How every target of the project is compiled: link a target to bitstate_options to give it these flags.

find_program(BITSTATE_CCACHE ccache)
if(BITSTATE_CCACHE AND PROJECT_IS_TOP_LEVEL AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${BITSTATE_CCACHE})
endif()

add_library(bitstate_options INTERFACE)
target_compile_options(bitstate_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
  # values never depend on how the compiler contracts or reorders (but for the sums of core/kernels/reduce.h)
  -ffp-contract=off -fno-math-errno -fno-trapping-math -fopenmp-simd
  # GCC 12 warns about its own headers: __Y of the AVX intrinsics (bug 105593), std::string's copies (bugs 105651, 105329)
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-maybe-uninitialized;-Wno-restrict;-Wno-stringop-overflow;-Wno-array-bounds>
  $<$<BOOL:${BITSTATE_NATIVE}>:-march=native>
  $<$<BOOL:${BITSTATE_WERROR}>:-Werror>)

if(BITSTATE_SANITIZE)
  target_compile_options(bitstate_options INTERFACE
    -fsanitize=${BITSTATE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(bitstate_options INTERFACE -fsanitize=${BITSTATE_SANITIZE})
endif()

# bitstate_precompile(<target> [<header>...]): parses the headers that nearly every source includes once. Not where ccache
# keeps whole objects, which precompiled headers would hide from it, nor for clang, whose builds show a missing #include.
function(bitstate_precompile target)
  if(CMAKE_CXX_COMPILER_LAUNCHER MATCHES "ccache" OR NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    return()
  endif()
  target_precompile_headers(${target} PRIVATE
    <algorithm> <array> <cmath> <cstdint> <filesystem> <functional> <map> <memory> <optional> <set> <span> <string>
    <string_view> <utility> <variant> <vector> <fmt/format.h> ${ARGN})
endfunction()
