#include "datasets/sets/listops.h"

#include "core/error.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

namespace bitstate::tests::listops_test {

using namespace bitstate;
using datasets::evaluate_listops;
using datasets::Example;
using datasets::listops_words;
using datasets::parse_listops;
using tests::error_of;
using tests::TempFolder;
using tests::write_quickly;

namespace {

/// The value of a source without parentheses.
int value(const std::string& source) {
  return evaluate_listops(parse_listops(source + "\t0", "line").expression, "line");
}

std::string refusal(const std::string& line) {
  return error_of<Error>([&] { evaluate_listops(parse_listops(line, "f, line 2").expression, "f, line 2"); });
}

/// Three files with a header and these lines.
void write_files(const std::filesystem::path& folder, const std::string& train, const std::string& validation,
                 const std::string& test) {
  std::filesystem::create_directories(folder);
  write_quickly(folder / "basic_train.tsv", "Source\tTarget\n" + train);
  write_quickly(folder / "basic_val.tsv", "Source\tTarget\n" + validation);
  write_quickly(folder / "basic_test.tsv", "Source\tTarget\n" + test);
}

std::vector<std::int32_t> tokens(const datasets::Dataset& data, std::size_t index) {
  Example example;
  data.read(index, example);
  return example.tokens;
}

const std::string nested = "( ( ( [MAX 4 ) ( ( ( [SM 7 ) 8 ) ] ) ) ] )\t5\n";

}  // namespace

TEST_CASE("listops: operators are those of the Long Range Arena") {
  CHECK(value("[MIN 4 2 9 ]") == 2);
  CHECK(value("[MAX 4 2 9 ]") == 9);
  CHECK(value("[SM 4 2 9 ]") == 5);
  CHECK(value("[MED 9 2 4 ]") == 4);
  CHECK(value("[MED 9 2 5 4 ]") == 4);  // 4.5, rounded down
  CHECK(value("[MED 1 9 ]") == 5);
  CHECK(value("[SM [MAX 1 [MED 3 8 3 ] ] [MIN 9 8 ] 9 ]") == 0);  // 3 + 8 + 9
  CHECK(value("7") == 7);
}

TEST_CASE("listops: a line is its words, whatever the parentheses") {
  const auto example = parse_listops("( ( ( [MAX 4 ) ( ( ( [SM 7 ) 8 ) ] ) ) ] )\t5", "line");
  CHECK(example.value == 5);
  std::string words;
  for (const std::uint8_t symbol : example.expression) words += std::string(listops_words.at(symbol)) + " ";
  CHECK(words == "[MAX 4 [SM 7 8 X X ");
}

TEST_CASE("listops: what is no line is an error that names the place and what is wrong") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "has no tab between expression and value"},
      {"( ( [MAX 4 ) ] )", "has no tab between expression and value"},
      {"[MAX 4 ]\t", "the value \"\" is not one of 0 to 9"},
      {"[MAX 4 ]\t10", "the value \"10\" is not one of 0 to 9"},
      {"[MAX 4 ]\t-", "the value \"-\" is not one of 0 to 9"},
      {"[MAX 4 ]\t4\t4", "the value \"4\t4\" is not one of 0 to 9"},
      {"[MAX 4 10 ]\t4", "column 8: \"10\" is not part of an expression"},
      {"[FIRST 4 ]\t4", "column 1: \"[FIRST\" is not part of an expression"},
      {"[MAX 4 X\t4", "column 8: \"X\" is not part of an expression"},
      {"\t4", "is not one complete expression"},
      {"1 2\t4", "is not one complete expression"},
      {"[MAX 4 [MIN 2 ]\t4", "is not one complete expression"},
      {"[MAX\t4", "is not one complete expression"},
      {"[MAX 4 ] ]\t4", "a list is closed that was not opened"},
      {"[MAX 4 [MIN ] ]\t4", "an operator has no arguments"},
  };
  for (const auto& bad : cases) {
    CAPTURE(bad.first);
    CHECK(refusal(bad.first) == "[f, line 2] " + bad.second);
  }
}

TEST_CASE("listops: ids follow frequency, ties the order of the words") {
  std::array<std::uint64_t, 15> counts{};
  counts[10] = 7;  // X
  counts[14] = 5;  // [SM
  counts[3] = 5;
  const auto ids = datasets::listops_ids(counts);
  CHECK(ids[10] == 3);
  CHECK(ids[3] == 4);
  CHECK(ids[14] == 5);
  CHECK(ids[0] == 6);
  CHECK(ids[13] == 17);  // [MIN, the last that does not occur
}

TEST_CASE("listops: files become token ids, numbered by the training part alone") {
  for (const char* place :
       {"", "listops", "listops-1000", "lra_release/lra_release/listops-1000", "lra_release/listops-1000"}) {
    const TempFolder folder;
    // train: X 3 times, 7 3 times, then 4, 8, [MAX, [SM once or twice
    write_files(folder / place, nested + "( ( ( [MAX 7 ) 7 ) ] )\t7\n", "1\t1\n",
                "( ( ( [SM 1 ) 2 ) ] )\t3\r\n8\t8\r\n");
    const auto splits = datasets::listops(folder.path(), {});
    CHECK(splits.name == "listops");
    CHECK(splits.tokens);
    CHECK(splits.d_input == 18);
    CHECK(splits.d_output == 10);
    CHECK(splits.max_length == 2048);
    CHECK(splits.train->size() == 2);
    CHECK(splits.validation->size() == 1);
    CHECK(splits.test->size() == 2);
    // counts: 7 and X 3, [MAX 2, then 4, 8, [SM 1, then 0 1 2 3 5 6 9 [MED [MIN
    CHECK(tokens(*splits.train, 0) == std::vector<std::int32_t>{5, 6, 8, 3, 7, 4, 4, 2});
    CHECK(tokens(*splits.train, 1) == std::vector<std::int32_t>{5, 3, 3, 4, 2});
    CHECK(tokens(*splits.validation, 0) == std::vector<std::int32_t>{10, 2});
    CHECK(tokens(*splits.test, 0) == std::vector<std::int32_t>{8, 10, 11, 4, 2});
    Example example;
    splits.test->read(0, example);
    CHECK(example.label == 3);
  }
}

TEST_CASE("listops: an expression beyond 2047 symbols is cut, its value is not") {
  const TempFolder folder;
  std::string longest = "[MAX";
  for (int i = 0; i < 3000; ++i) longest += " 1";
  write_files(folder.path(), longest + " 9 ]\t9\n", "1\t1\n", "1\t1\n");
  const auto splits = datasets::listops(folder.path(), {});
  Example example;
  splits.train->read(0, example);
  CHECK(example.length == 2048);
  CHECK(example.label == 9);
  CHECK(example.tokens.back() == 2);
  CHECK(std::count(example.tokens.begin(), example.tokens.end(), 3) == 2046);  // 1
}

TEST_CASE("listops: damaged files are errors that name file and line") {
  const TempFolder folder;
  const auto message = [&](const std::string& test) {
    write_files(folder.path(), nested, nested, test);
    return error_of<Error>([&] { datasets::listops(folder.path(), {}); });
  };
  const std::string file = (folder / "basic_test.tsv").string();
  CHECK(message("1\t1\n[MAX 1 2 ]\t1\n") ==
        "[" + file + ", line 3] the target is 1, but the expression has the value 2");
  CHECK(message("1\t1\n[MAX \xff ]\t1\n") == "[" + file + ", line 3] column 6: \"\xff\" is not part of an expression");
  CHECK(message("") == "[" + file + "] holds no examples");
  CHECK(message("1\t1\n" + std::string(3'000'000, '(')) ==
        "[" + file + ", line 3] is longer than 1048576 bytes, the most that are read");
  for (std::size_t size = 1; size < nested.size(); ++size) {
    CAPTURE(size);
    CHECK(message(nested + nested.substr(0, size)).find("[" + file + ", line 3] the file ends within this line") == 0);
  }
  write_quickly(folder / "basic_test.tsv", nested);
  CHECK(error_of<Error>([&] { datasets::listops(folder.path(), {}); }) ==
        "[" + file + ", line 1] is not the header \"Source\\tTarget\"");
}

TEST_CASE("listops: deep nesting costs memory of the line's order, not the stack") {
  std::string line;
  for (int i = 0; i < 200'000; ++i) line += "[SM ";
  line += "5";
  for (int i = 0; i < 200'000; ++i) line += " ]";
  CHECK(value(line) == 5);
}

}  // namespace bitstate::tests::listops_test
