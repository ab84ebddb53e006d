#include "datasets/own/own_tokens.h"

#include "core/error.h"
#include "datasets/data_settings.h"
#include "datasets/registry.h"
#include "tests/datasets/formats/npy_files.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

namespace bitstate::datasets::own_tokens_test {
namespace {

using tests::error_of;
using tests::npy_of;
using tests::TempFolder;
using tests::write_quickly;
using Ids = std::vector<std::int32_t>;

std::vector<std::uint16_t> counted(std::size_t count, std::uint16_t first = 0) {
  std::vector<std::uint16_t> ids(count);
  std::iota(ids.begin(), ids.end(), first);
  return ids;
}

std::string ids_file(const std::vector<std::uint16_t>& ids) {
  return npy_of("<u2", fmt::format("({},)", ids.size()), ids);
}

/// "0 1 2>3" for the tokens 0, 1, 2 of which the last is labelled 3; "+" before those that continue.
std::string text_of(const Dataset& part) {
  std::string text;
  Example example;
  for (std::size_t i = 0; i < part.size(); ++i) {
    example.clear();
    part.read(i, example);
    REQUIRE(example.length == example.tokens.size());
    REQUIRE(std::equal(example.tokens.begin() + 1, example.tokens.end(), example.labels.begin()));
    text += fmt::format("{}{}{}>{}", i == 0 ? "" : " ", example.continues ? "+" : "", fmt::join(example.tokens, ","),
                        example.labels.back());
  }
  return text;
}

TEST_CASE("own tokens: one text is cut in order, and each window asks for the ids that follow") {
  const TempFolder folder;
  write_quickly(folder / "ids.npy", ids_file(counted(20)));
  const Splits splits = load("own", {.path = folder / "ids.npy", .series = {.window = 4}});
  CHECK(splits.task == Task::labelling);
  CHECK(splits.metric == Metric::bits_per_token);
  CHECK(splits.tokens);
  CHECK(splits.d_input == 20);
  CHECK(splits.d_output == 20);
  CHECK(splits.max_length == 4);
  CHECK(splits.origin == "20 ids of ids.npy");
  CHECK(text_of(*splits.train) == "0,1,2,3>4 4,5,6,7>8 8,9,10,11>12");
  CHECK(text_of(*splits.validation) == "16>17");
  CHECK(text_of(*splits.test) == "18>19");
  const Splits dense = load("own", {.path = folder / "ids.npy", .series = {.window = 8, .stride = 7}});
  CHECK(text_of(*dense.train) == "0,1,2,3,4,5,6,7>8 7,8,9,10,11,12,13,14>15");
  CHECK(load("own", {.path = folder / "ids.npy", .own = {.vocabulary = 300}}).d_output == 300);
}

TEST_CASE("own tokens: a cut is moved behind the next end of a document") {
  const TempFolder folder;
  std::vector<std::uint16_t> ids = counted(30, 1);
  for (const std::size_t end : {9, 25, 27, 29}) ids[end] = 0;
  write_quickly(folder / "ids.npy", ids_file(ids));
  const Splits splits = load("own", {.path = folder / "ids.npy", .own = {.document_end = 0}});
  CHECK(text_of(*splits.validation) == "27>0");
  CHECK(text_of(*splits.test) == "29>0");
}

TEST_CASE("own tokens: rows and files are texts of their own") {
  const TempFolder folder;
  write_quickly(folder / "rows.npy", npy_of("<u2", "(10, 4)", counted(40)));
  const Splits rows = load("own", {.path = folder / "rows.npy", .series = {.window = 2}});
  CHECK(rows.train->size() == 8);  // a window of each row, and one step that is left
  CHECK(text_of(*rows.test) == "36,37>38 38>39");
  std::filesystem::create_directories(folder / "texts/train");
  std::filesystem::create_directories(folder / "texts/test");
  write_quickly(folder / "texts/train/b.txt", "bcd");
  write_quickly(folder / "texts/train/a.txt", "ab\xff");
  write_quickly(folder / "texts/test/c.txt", std::string("\0\1", 2));
  write_quickly(folder / "texts/notes.md", "x");
  const Splits texts = load("own", {.path = folder / "texts", .series = {.window = 2}});
  CHECK(texts.metric == Metric::bits_per_byte);
  CHECK(texts.d_input == 256);
  CHECK(texts.validation == nullptr);
  CHECK(text_of(*texts.train) == "97,98>255 98,99>100");
  CHECK(text_of(*texts.test) == "0>1");
  CHECK(texts.origin == "8 bytes of 3 files; not read: notes.md");
}

TEST_CASE("own tokens: a stream carries the state over windows, and with a reset not over documents") {
  const TempFolder folder;
  write_quickly(folder / "train.npy", ids_file(counted(9)));
  write_quickly(folder / "test.npy", npy_of<std::uint16_t>("<u2", "(2, 6)", {1, 2, 0, 3, 4, 5, 6, 0, 7, 8, 8, 0}));
  const auto test = [&](const char* stream, std::optional<std::size_t> end) {
    const Splits splits =
        load("own", {.path = folder.path(), .series = {.window = 3}, .own = {.document_end = end}, .stream = {stream}});
    CHECK(splits.streams == (std::string(stream) != "none"));
    CHECK(text_of(*splits.train) == "0,1,2>3 3,4,5>6");
    return text_of(*splits.test);
  };
  CHECK(test("none", {}) == "1,2,0>3 3,4>5 6,0,7>8 8,8>0");
  CHECK(test("carry", {}) == "1,2,0>3 +3,4>5 +6,0,7>8 +8,8>0");
  CHECK(test("carry_reset", {}) == "1,2,0>3 +3,4>5 6,0,7>8 +8,8>0");
  CHECK(test("carry", 0) == "1,2,0>3 +3,4>5 +6,0,7>8 +8,8>0");
  CHECK(test("carry_reset", 0) == "1,2>0 0,3,4>5 6>0 0,7,8>8 +8>0");
}

TEST_CASE("own tokens: what cannot be read is refused in a sentence") {
  const TempFolder folder;
  const auto refused = [&](const std::string& name, const std::string& bytes, const DataSettings& settings = {}) {
    write_quickly(folder / name, bytes);
    DataSettings with = settings;
    with.path = folder / name;
    return error_of<Error>([&] { (void)load("own", with); });
  };
  const std::string where = "[" + (folder / "x.npy").string() + "] ";
  CHECK(refused("x.npy", ids_file({1, 2, 9}), {.own = {.vocabulary = 9}}) ==
        where + "element 2: expected a token id below the vocabulary of 9, got 9");
  CHECK(refused("x.npy", ids_file({1})) == where + "a text of 1 ids asks for nothing; expected at least 2");
  CHECK(refused("x.npy", ids_file(counted(14))) ==
        where + "cut into 80, 10 and 10 % of its 14 ids it has a validation part of 1; expected 2 or more");
  CHECK(refused("x.npy", ids_file(counted(20)), {.own = {.document_end = 99}}).find("has a validation part of 0") !=
        std::string::npos);
  CHECK(refused("x.npy", npy_of("<u2", "(9, 2)", counted(18))) ==
        where + "holds 9 texts, but splitting them takes at least 10");
  CHECK(refused("x.txt", "") == "[" + (folder / "x.txt").string() + "] is empty");
  Reading learnt;
  learnt.inputs = learnt.outputs = 12;
  CHECK(refused("x.npy", ids_file(counted(30)), {.reading = learnt}) ==
        "[data] the model was trained with the tokens 0 to 11; these data also hold 29");
  CHECK(refused("x.txt", std::string((1U << 21U), 'a')).find("expected a window of at most 1048576") !=
        std::string::npos);
  for (const DataSettings& settings :
       {DataSettings{.series = {.horizon = 1}}, DataSettings{.own = {.input = "a"}},
        DataSettings{.own = {.task = "value"}}, DataSettings{.own = {.table = {.missing = "drop"}}}}) {
    CHECK(refused("x.npy", ids_file(counted(30)), settings) ==
          "[data] input, target, horizon, task and how tables are read are for series, not for .npy and .txt files");
  }
  CHECK(refused("x.csv", "a,b\n1,2\n", {.stream = {"carry"}}) ==
        "[data] vocabulary, document_end and stream are for .npy and .txt files");
  std::filesystem::create_directories(folder / "mixed");
  write_quickly(folder / "mixed/train.txt", "abc");
  write_quickly(folder / "mixed/test.npy", ids_file({1, 2}));
  CHECK(error_of<Error>([&] { (void)load("own", {.path = folder / "mixed"}); }) ==
        fmt::format("[own] {} holds bytes, but {} ids", (folder / "mixed/train.txt").string(),
                    (folder / "mixed/test.npy").string()));
}

}  // namespace
}  // namespace bitstate::datasets::own_tokens_test
