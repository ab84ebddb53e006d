// Models of several names in one program.
#include "core/error.h"
#include "core/program/run/runner.h"
#include "tests/support/c_build.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

namespace bitstate::tests {
namespace {

using program::Program;

/// Two columns in, two out, with a state: functions of many kinds, and of the same kinds for each `weight`.
Program program_with(std::int32_t weight, bool classes) {
  Program p;
  p.name = "own";
  p.input = {2, false, false, {0.5F, -50, 50}};
  if (!classes) p.input.units = {{1.0F, 2.0F}, {3.0F, 4.0F}};
  program::Scan scan;
  scan.x = 1;
  scan.shift = 15;
  scan.lambda_bits = 16;
  scan.bound = 127;
  scan.limit = std::int64_t{508} << 15;
  scan.to_state = {std::int64_t{1} << 30, 45};
  scan.to_inner = {std::int64_t{1} << 30, 15};
  scan.lambda = {30000, -5000};
  scan.from_input = {to_fixed_point(9000.0, "test"), to_fixed_point(8000.0, "test")};
  p.instructions = {program::Linear{0, {2, 2, 4, {weight, -3, 1, 2}}, {1, weight}}, scan};
  if (classes) p.instructions.emplace_back(program::MeanPool{2, 3});
  p.output.classes = classes;
  p.output.scale = {0.25F};
  return p;
}

program::CSource write_model(const TempFolder& folder, const Program& p, const std::string& name,
                             const std::vector<program::CTestSequence>& tests) {
  program::CExtras extras;
  extras.adc = program::CAdc{12, false, {0.01}, {-20.0}};
  program::CSource c = program::c_source(p, name, tests, 0, extras);
  write_quickly(folder / (name + ".h"), c.header);
  write_quickly(folder / (name + ".c"), c.source);
  write_quickly(folder / (name + "_test.c"), c.self_test);
  return c;
}

TEST_CASE("c_source: two models of different names are right in one program, in C and in C++") {
  if (!there_is("cc") || !there_is("c++")) {
    MESSAGE("skipped: there is no cc, or no c++");
    return;
  }
  const TempFolder folder;
  const Program gait = program_with(5, false), rest = program_with(-7, true);
  const std::vector gait_tests{random_sequence(gait, 30, 1)}, rest_tests{random_sequence(rest, 20, 2)};
  write_model(folder, gait, "gait", gait_tests);
  write_model(folder, rest, "rest_of_it", rest_tests);
  const std::string main =
      "#include \"gait.h\"\n#include \"rest_of_it.h\"\n"
      R"(#include <stdio.h>
#ifdef __cplusplus
extern "C" {
#endif
uint32_t gait_self_test(uint64_t *hash);
uint32_t rest_of_it_self_test(uint64_t *hash);
#ifdef __cplusplus
}
#endif
int main(void) {
  uint64_t a, b;
  const uint32_t wrong = gait_self_test(&a) + rest_of_it_self_test(&b);
  printf("%lu %016llx %016llx %d %d %d %d %g\n", (unsigned long)wrong, (unsigned long long)a, (unsigned long long)b,
         gait_encode(4.0f, 0), rest_of_it_encode(4.0f, 0), gait_encode_adc(2400, 0), rest_of_it_encode_adc(2400, 0),
         (double)rest_of_it_decode(6, 1));
  return GAIT_INPUTS + REST_OF_IT_OUTPUTS == 4 ? 0 : 1;
}
)";
  write_quickly(folder / "main.c", main);
  write_quickly(folder / "main.cpp", main);
  const std::string expected = fmt::format("0 {:016x} {:016x} 2 8 2 8 1.5\n", program::c_test_hash(gait_tests),
                                           program::c_test_hash(rest_tests));
  const Outcome objects =
      compile(folder, "cc -O1 -DGAIT_BARE -DREST_OF_IT_BARE", "-c gait.c gait_test.c rest_of_it.c rest_of_it_test.c");
  CHECK(objects.output.empty());
  REQUIRE(objects.code == 0);
  for (const char* const compiler : {"cc -std=c99 -Wall -Wextra -Wpedantic -Wconversion -Werror main.c",
                                     "c++ -std=c++11 -Wall -Wextra -Wpedantic -Wconversion -Werror main.cpp",
                                     "c++ -std=c++20 -Wall -Werror main.cpp"}) {
    CAPTURE(compiler);
    const Outcome built = shell(fmt::format("cd {} && {} *.o -o main && ./main", folder.path().string(), compiler));
    CHECK(built.output == expected);
    CHECK(built.code == 0);
  }
}

TEST_CASE("c_source: every word of the C that says model says the name instead") {
  const TempFolder folder;
  const Program p = program_with(5, true);
  const std::vector tests{random_sequence(p, 3, 1)};
  const program::CSource c = write_model(folder, p, "gait", tests);
  for (const std::string* text : {&c.header, &c.source, &c.self_test}) {
    CHECK(text->find("model_") == std::string::npos);
    CHECK(text->find("MODEL") == std::string::npos);
    CHECK(text->find("model.h") == std::string::npos);
    std::istringstream lines(*text);
    for (std::string word; lines >> word;) {
      if (word != "#define" && word != "#ifndef") continue;
      lines >> word;
      CAPTURE(word);
      CHECK((word.starts_with("GAIT_")));
    }
  }
}

TEST_CASE("c_source: names that C, C++ or the file system would take for something else are refused") {
  const auto refusal = [](const std::string& name) {
    return error_of<UsageError>([&] { program::check_c_name(name); });
  };
  for (const char* const name : {"", "1st", "_model", "a-b", "a b", "ä", "../up", "a.c", "a\n"}) {
    CAPTURE(name);
    CHECK(refusal(name).find("[name] expected a name for C") == 0);
  }
  CHECK(refusal(std::string(41, 'a')).find("at most 40 in all") != std::string::npos);
  for (const char* const name : {"int", "class", "restrict", "co_await", "static_assert", "xor_eq", "typeof"}) {
    CHECK(refusal(name) == fmt::format("[name] \"{}\" is a keyword of C or C++", name));
  }
  CHECK(refusal("stdint") == "[name] \"stdint\" would make a header stdint.h, which the C library has");
  CHECK(refusal("gait_test").find("does not end with _test") != std::string::npos);
  for (const char* const name : {"model", "Gait2", "x", "integer", "my_model_"}) CHECK(refusal(name).empty());
}

TEST_CASE("c: the header has the names of the classes as an array of strings, whatever they are") {
  const TempFolder folder;
  Program p = program_with(7, true);
  CHECK(write_model(folder, p, "model", {random_sequence(p, 3, 1)}).header.find("CLASS_NAMES") == std::string::npos);
  p.output.class_names = {"a \"b\" \\ ?\?/ */",
                          "\xC3\xBC"
                          "1"};
  write_model(folder, p, "model", {random_sequence(p, 3, 1)});
  if (no_compiler()) return;
  write_quickly(folder / "names.c", R"(#include "model.h"
#include <string.h>
int main(void) {
  static const char *const names[] = MODEL_CLASS_NAMES;
  if (sizeof names != MODEL_OUTPUTS * sizeof names[0]) return 1;
  if (strcmp(names[0], "a \x22" "b\x22 \x5c ?" "?/ *" "/") != 0) return 2;
  return strcmp(names[1], "\xC3\xBC" "1") != 0;
}
)");
  const Outcome compiled = compile(folder, "cc", "-o names names.c");
  CHECK(compiled.output.empty());
  CHECK(shell((folder / "names").string()).code == 0);
}

TEST_CASE("c: the header has the names of the columns as arrays of strings") {
  const TempFolder folder;
  Program p = program_with(7, false);
  const std::size_t outputs = program::analyse(p).back().cols;
  for (std::size_t c = 0; c < p.input.cols; ++c) p.input.names.push_back(fmt::format("u*/ {}", c));
  for (std::size_t c = 0; c < outputs; ++c) p.output.names.push_back(fmt::format("y\\ {}", c));
  const std::string header = write_model(folder, p, "model", {random_sequence(p, 3, 1)}).header;
  CHECK(header.find(" * The names of the inputs: static const char *const names[] = MODEL_INPUT_NAMES;\n") !=
        std::string::npos);
  if (no_compiler()) return;
  write_quickly(folder / "names.c", R"(#include "model.h"
#include <string.h>
int main(void) {
  static const char *const inputs[] = MODEL_INPUT_NAMES;
  static const char *const outputs[] = MODEL_OUTPUT_NAMES;
  if (sizeof inputs != MODEL_INPUTS * sizeof inputs[0] || sizeof outputs != MODEL_OUTPUTS * sizeof outputs[0]) return 1;
  return strcmp(inputs[0], "u*" "/ 0") != 0 || strcmp(outputs[MODEL_OUTPUTS - 1], LAST) != 0;
}
)");
  const Outcome compiled = compile(folder, "cc", fmt::format("-DLAST='\"y\\\\ {}\"' -o names names.c", outputs - 1));
  CHECK(compiled.output.empty());
  CHECK(shell((folder / "names").string()).code == 0);
}

}  // namespace
}  // namespace bitstate::tests
