#!/usr/bin/env bash
# The C of a model as a CMake project, an Arduino library and a Zephyr module: each is built by what its build system
# reads (of Arduino and Zephyr by stand-ins for their functions), and the self-test has no wrong code.
set -euo pipefail
fail() { echo "$*" >&2; exit 1; }

"$BITSTATE" train lorenz-small --trajectories=20 --bsz=4 --epochs=1 --quant=w8a8 --out=run > train.log
for layout in plain cmake arduino zephyr; do
  "$BITSTATE" export run --format=c --name=gait --layout=$layout --parity=2 --out=$layout > export.log
done
code=0
"$BITSTATE" export run --format=c --layout=platformio --out=none 2> said || code=$?
[ "$code" -eq 2 ] && grep -qF 'expected plain, cmake, arduino or zephyr, got "platformio"' said || fail "$(cat said)"
[ ! -e none ] || fail "a refused layout has made a folder"
code=0
"$BITSTATE" export run --layout=arduino 2> said || code=$?
[ "$code" -eq 2 ] && grep -qF 'expected c with --name, --layout' said || fail "$(cat said)"
[ "$(ls plain | tr '\n' ' ')" = 'gait.c gait.h gait_test.c ' ] || fail "$(ls plain)"
cmp plain/gait.c zephyr/src/gait.c && cmp plain/gait.h arduino/src/gait.h || fail "the C differs"
command -v cc > /dev/null && command -v c++ > /dev/null || exit 0

# CMake: alone, and from another project
cmake -S cmake -B alone > log 2>&1 && cmake --build alone >> log 2>&1 || fail "$(cat log)"
[[ $(alone/gait_test) == *" 0 wrong" ]] || fail "the self-test of the CMake project"
mkdir other
cat > other/CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.14)
project(firmware C)
include(FetchContent)
FetchContent_Declare(gait SOURCE_DIR ${CMAKE_CURRENT_SOURCE_DIR}/../cmake)
FetchContent_MakeAvailable(gait)
add_executable(firmware main.c)
target_link_libraries(firmware PRIVATE gait)
END
cat > other/main.c <<'END'
#include <gait.h>
int main(void) {
  static gait_state s;
  static const int8_t input[GAIT_INPUTS];
  int32_t output[GAIT_OUTPUTS];
  gait_init(&s);
  gait_step(&s, input, output);
  return 0;
}
END
cmake -S other -B built > log 2>&1 && cmake --build built >> log 2>&1 && built/firmware || fail "$(cat log)"
[ ! -e built/gait_test ] && [ ! -e built/_deps/gait-build/gait_test ] || fail "the test of a dependency is built"

# Arduino: a sketch is C++ behind #include <Arduino.h>; the C of the library and beside the sketch is C
for key in name version author maintainer sentence paragraph category url architectures; do
  grep -q "^$key=." arduino/library.properties || fail "library.properties has no $key"
done
mkdir stub
cat > stub/Arduino.h <<'END'
#include <cstdio>
struct {
  void begin(long) {}
  explicit operator bool() const { return true; }
  void print(const char *text) { std::printf("%s", text); }
  void println(unsigned long number) { std::printf("%lu\n", number); }
} Serial;
END
sketch=arduino/examples/SelfTest
{ echo '#include <Arduino.h>'; cat $sketch/SelfTest.ino; echo 'int main() { setup(); loop(); }'; } > sketch.cpp
cc -std=c99 -Iarduino/src -c arduino/src/gait.c -o gait.o
cc -std=c99 -Iarduino/src -c $sketch/gait_test.c -o gait_test.o
c++ -Istub -Iarduino/src sketch.cpp gait.o gait_test.o -o sketch
[ "$(./sketch)" = 'gait: wrong codes: 0' ] || fail "the sketch says: $(./sketch)"

# Zephyr: its functions, as far as the module calls them
mkdir application
cat > application/CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.14)
project(application C)
set(CONFIG_GAIT y)
set(CONFIG_GAIT_SELF_TEST y)
add_library(interface INTERFACE)
macro(zephyr_library)
  add_library(module STATIC)
  target_link_libraries(module PRIVATE interface)
endmacro()
macro(zephyr_library_sources)
  target_sources(module PRIVATE ${ARGN})
endmacro()
macro(zephyr_library_compile_definitions)
  target_compile_definitions(module PRIVATE ${ARGN})
endmacro()
macro(zephyr_include_directories)
  target_include_directories(interface INTERFACE ${CMAKE_CURRENT_SOURCE_DIR}/${ARGN})
endmacro()
add_subdirectory(../zephyr module)
add_executable(app main.c)
target_link_libraries(app PRIVATE module)
END
cat > application/main.c <<'END'
#include <stdint.h>
uint32_t gait_self_test(uint64_t *hash);
int main(void) {
  uint64_t hash;
  return gait_self_test(&hash) != 0;
}
END
cmake -S application -B zephyr_build > log 2>&1 && cmake --build zephyr_build >> log 2>&1 || fail "$(cat log)"
zephyr_build/app || fail "the self-test of the Zephyr module"
grep -qx 'config GAIT' zephyr/Kconfig && grep -qx 'name: gait' zephyr/zephyr/module.yml || fail "Kconfig, module.yml"
