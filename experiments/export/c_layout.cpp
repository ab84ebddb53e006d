#include "experiments/export/c_layout.h"

#include "core/error.h"
#include "core/program/c/text.h"

namespace bitstate::experiments {
namespace {

// $N: the name of the model, $C: in capitals, ${: these two characters

constexpr std::string_view cmake_text = R"(# The model as a library. In a project of yours:
#   include(FetchContent)
#   FetchContent_Declare($N SOURCE_DIR path/to/this/folder)  # or a URL, or GIT_REPOSITORY
#   FetchContent_MakeAvailable($N)
#   target_link_libraries(firmware PRIVATE $N)
cmake_minimum_required(VERSION 3.14)
project($N LANGUAGES C)

add_library($N STATIC $N.c)
target_include_directories($N PUBLIC "${CMAKE_CURRENT_SOURCE_DIR}")
set_target_properties($N PROPERTIES C_STANDARD 99 C_STANDARD_REQUIRED ON)

if(CMAKE_SOURCE_DIR STREQUAL CMAKE_CURRENT_SOURCE_DIR)
  enable_testing()
  add_executable($N_test $N_test.c)
  target_link_libraries($N_test PRIVATE $N)
  add_test(NAME $N_self_test COMMAND $N_test)
endif()
)";

constexpr std::string_view properties_text = R"(name=$N
version=1.0.0
author=bitstate
maintainer=bitstate
sentence=A trained model as an integer program.
paragraph=Streaming inference in C99: no heap, no floating point, the same codes on every board.
category=Data Processing
url=https://docs.arduino.cc/arduino-cli/library-specification/
architectures=*
includes=$N.h
)";

constexpr std::string_view sketch_text = R"(// Runs the self-test of the model on the board.
#include <$N.h>

extern "C" uint32_t $N_self_test(uint64_t *hash);

void setup() {
  uint64_t hash = 0;
  Serial.begin(115200);
  while (!Serial) {
  }
  Serial.print("$N: wrong codes: ");
  Serial.println((unsigned long)$N_self_test(&hash));
}

void loop() {}
)";

constexpr std::string_view module_text = R"(name: $N
build:
  cmake: .
  kconfig: Kconfig
)";

constexpr std::string_view zephyr_text = R"(if(CONFIG_$C)
  zephyr_include_directories(include)
  zephyr_library()
  zephyr_library_sources(src/$N.c)
  if(CONFIG_$C_SELF_TEST)
    zephyr_library_sources(src/$N_test.c)
    zephyr_library_compile_definitions($C_BARE)
  endif()
endif()
)";

constexpr std::string_view kconfig_text = R"(config $C
	bool "$N: a trained model as an integer program"
	help
	  Streaming inference in C99: no heap, no floating point. The API is
	  in include/$N.h.

config $C_SELF_TEST
	bool "$N_self_test, its self-test"
	depends on $C
	help
	  Compares the outputs on recorded inputs with those of bitstate.
)";

}  // namespace

CLayout c_layout(std::string_view layout, const std::string& name) {
  const std::string capitals = program::c_capitals(name);
  const auto filled = [&](std::string_view text) {
    return program::c_fill(text, {{'N', name}, {'C', capitals}, {'{', "${"}});
  };
  const std::filesystem::path src = "src", include = "include";
  const std::string header = name + ".h", source = name + ".c", test = name + "_test.c";
  if (layout == "plain") return {header, source, test};
  if (layout == "cmake") return {header, source, test, false, {{"CMakeLists.txt", filled(cmake_text)}}};
  if (layout == "arduino") {
    const std::filesystem::path example = "examples/SelfTest";
    return {src / header,
            src / source,
            example / test,
            true,
            {{"library.properties", filled(properties_text)}, {example / "SelfTest.ino", filled(sketch_text)}}};
  }
  require<UsageError>(layout == "zephyr", "layout", "expected plain, cmake, arduino or zephyr, got \"{}\"", layout);
  return {include / header,
          src / source,
          src / test,
          false,
          {{"zephyr/module.yml", filled(module_text)},
           {"CMakeLists.txt", filled(zephyr_text)},
           {"Kconfig", filled(kconfig_text)}}};
}

}  // namespace bitstate::experiments
