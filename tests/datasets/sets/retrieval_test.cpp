#include "datasets/sets/retrieval.h"

#include "core/error.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

namespace bitstate::tests::retrieval_test {

using namespace bitstate;
using datasets::Example;
using datasets::parse_text_pair;
using tests::error_of;
using tests::TempFolder;
using tests::write_quickly;

namespace {

void write_files(const std::filesystem::path& folder, const std::string& train, const std::string& validation,
                 const std::string& test) {
  std::filesystem::create_directories(folder);
  write_quickly(folder / "new_aan_pairs.train.tsv", train);
  write_quickly(folder / "new_aan_pairs.eval.tsv", validation);
  write_quickly(folder / "new_aan_pairs.test.tsv", test);
}

const std::string good = "1.0\ti\tj\tab\tc\n";

}  // namespace

TEST_CASE("retrieval: a line is split at its tabs, quotation marks are characters") {
  const auto pair = parse_text_pair("1.0\tP1\tP2\t\"a b\t\"\"c\"", "line");
  CHECK(pair.label == 1);
  CHECK(pair.texts[0] == "\"a b");
  CHECK(pair.texts[1] == "\"\"c\"");
  for (const auto& [text, label] : {std::pair{"0", 0}, {"1", 1}, {"0.0", 0}, {"1.000", 1}, {"1e0", 1}, {"-0.0", 0}}) {
    CHECK(parse_text_pair(std::string(text) + "\t\t\ta\tb", "line").label == label);
  }
}

TEST_CASE("retrieval: what is no line is an error that names the place and what is wrong") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "has 1 fields, not the 5 of label, two ids and two texts"},
      {"1.0\ti\tj\ta", "has 4 fields, not the 5 of label, two ids and two texts"},
      {"1.0\ti\tj\ta\tb\t", "has 6 fields, not the 5 of label, two ids and two texts"},
      {"2.0\ti\tj\ta\tb", "the label \"2.0\" is neither 0 nor 1"},
      {"0.5\ti\tj\ta\tb", "the label \"0.5\" is neither 0 nor 1"},
      {"nan\ti\tj\ta\tb", "the label \"nan\" is neither 0 nor 1"},
      {"1.0x\ti\tj\ta\tb", "the label \"1.0x\" is neither 0 nor 1"},
      {"\ti\tj\ta\tb", "the label \"\" is neither 0 nor 1"},
      {"1\ti\tj\t\tb", "text 1 is empty"},
      {"1\ti\tj\ta\t", "text 2 is empty"},
  };
  for (const auto& bad : cases) {
    CAPTURE(bad.first);
    CHECK(error_of<Error>([&] { parse_text_pair(bad.first, "f, line 2"); }) == "[f, line 2] " + bad.second);
  }
}

TEST_CASE("retrieval: files become pairs of documents in the ids of the training part's characters") {
  for (const char* place : {"", "retrieval", "tsv_data", "lra_release/lra_release/tsv_data", "lra_release/tsv_data"}) {
    const TempFolder folder;
    // in train: b 3 times, a twice, then c and e with an accent
    write_files(folder / place, "1.0\tx\ty\tbab\t\u00e9b\r\n0.0\tx\ty\ta\tc\r\n", "0\tx\ty\tz\tb\n", good);
    const auto splits = datasets::aan(folder.path(), {});
    CHECK(splits.name == "aan");
    CHECK(splits.tokens);
    CHECK(splits.pairs);
    CHECK(splits.d_input == 3 + 4);
    CHECK(splits.d_output == 2);
    CHECK(splits.max_length == 4000);
    CHECK(splits.train->size() == 2);
    CHECK(splits.validation->size() == 1);
    CHECK(splits.test->size() == 1);
    Example example;
    splits.train->read(0, example);
    CHECK(example.label == 1);
    CHECK(example.tokens == std::vector<std::int32_t>{3, 4, 3, 2});
    CHECK(example.second == std::vector<std::int32_t>{6, 3, 2});
    splits.train->read(1, example);
    CHECK(example.label == 0);
    CHECK(example.second == std::vector<std::int32_t>{5, 2});
    splits.validation->read(0, example);
    CHECK(example.tokens == std::vector<std::int32_t>{1, 2});  // z does not occur in the training part
  }
}

TEST_CASE("retrieval: documents are cut to 3999 characters, for the vocabulary too") {
  const TempFolder folder;
  std::string text;
  for (int i = 0; i < 3999; ++i) text += "\u00e9";
  write_files(folder.path(), "1\tx\ty\t" + text + "z\ta\n", good, good);
  const auto splits = datasets::aan(folder.path(), {});
  CHECK(splits.d_input == 3 + 2);  // without z
  Example example;
  splits.train->read(0, example);
  CHECK(example.length == 4000);
  CHECK(example.tokens[3998] == 3);
  CHECK(example.tokens[3999] == 2);
}

TEST_CASE("retrieval: damaged files are errors that name file and line") {
  const TempFolder folder;
  const auto message = [&](const std::string& test) {
    write_files(folder.path(), good, good, test);
    return error_of<Error>([&] { datasets::aan(folder.path(), {}); });
  };
  const std::string file = (folder / "new_aan_pairs.test.tsv").string();
  CHECK(message(good).empty());
  CHECK(message(good + "1\ti\tj\tok\ta\xff\n") ==
        "[" + file + ", line 2, text 2] offset 1: the byte 0xff begins no UTF-8 character");
  CHECK(message(good + "3\ti\tj\ta\tb\n") == "[" + file + ", line 2] the label \"3\" is neither 0 nor 1");
  CHECK(message("") == "[" + file + "] holds no examples");
  CHECK(message(good + std::string(17'000'000, 'x')) ==
        "[" + file + ", line 2] is longer than 16777216 bytes, the most that are read");
  for (std::size_t size = 1; size < good.size(); ++size) {
    CAPTURE(size);
    CHECK(message(good + good.substr(0, size)).find("[" + file + ", line 2] the file ends within this line") == 0);
  }
}

}  // namespace bitstate::tests::retrieval_test
