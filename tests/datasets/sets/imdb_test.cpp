#include "datasets/sets/imdb.h"

#include "core/error.h"
#include "datasets/data_settings.h"
#include "datasets/registry.h"
#include "datasets/sets/imdb_bytes.h"
#include "tests/support/archives.h"
#include "tests/support/folders.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace bitstate::datasets::imdb_test {
namespace {

using tests::error_of;
using tests::TempFolder;
using tests::write_quickly;

/// Reviews of a's, b's and c's: a is the most frequent, c occurs 14 times in training.
std::vector<tests::Member> reviews() {
  return {{"aclImdb/train/pos/0_9.txt", std::string(20, 'a') + std::string(15, 'b') + std::string(14, 'c')},
          {"aclImdb/train/neg/0_1.txt", "aab" + std::string(5000, 'a')},
          {"aclImdb/test/pos/7_10.txt", "abcd\xc3\xa9"},
          {"aclImdb/test/neg/3_2.txt", "b"},
          {"aclImdb/train/unsup/0_0.txt", std::string(100, 'c')},
          {"aclImdb/imdb.vocab", "the"}};
}

TEST_CASE("imdb: characters by frequency, the first 4095 and the end, labels from the folders") {
  const TempFolder folder;
  write_quickly(folder / "aclImdb_v1.tar.gz", tar_of(reviews(), "gzip"));
  const Splits splits = imdb(folder / "aclImdb_v1.tar.gz", {});
  CHECK(splits.d_input == 5);  // pad, unknown, end, a, b
  CHECK(splits.train->size() == 2);
  CHECK(splits.test->size() == 2);
  CHECK(splits.validation == nullptr);
  Example example;
  splits.train->read(0, example);  // neg before pos
  CHECK(example.label == 0);
  CHECK(example.length == 4096);
  CHECK(example.tokens[0] == 3);
  CHECK(example.tokens[2] == 4);
  CHECK(example.tokens[4094] == 3);
  CHECK(example.tokens[4095] == 2);
  splits.test->read(1, example);
  CHECK(example.label == 1);
  CHECK(example.tokens == std::vector<std::int32_t>{3, 4, 1, 1, 1, 2});  // one of them of two bytes
}

TEST_CASE("imdb-bytes: windows of the reviews in a drawn order, each step labelled by the byte that follows") {
  const TempFolder folder;
  write_quickly(folder / "aclImdb_v1.tar.gz", tar_of(reviews(), "gzip"));
  const Splits splits = imdb_bytes(folder / "aclImdb_v1.tar.gz", 4, {.test_bytes = 9});
  CHECK(splits.d_input == 256);
  CHECK(splits.d_output == 256);
  std::string text;
  Example example;
  for (std::size_t i = 0; i < splits.test->size(); ++i) {
    example.clear();
    splits.test->read(i, example);
    REQUIRE(example.length == 4);
    REQUIRE(example.labels.size() == 4);
    CHECK(std::equal(example.tokens.begin() + 1, example.tokens.end(), example.labels.begin()));
    for (const auto id : example.tokens) text.push_back(static_cast<char>(id));
  }
  // nine of the ten bytes, the last of which is a label only
  const std::string one = "b", other = "abcd\xc3\xa9";
  const auto joined = [](const std::string& a, const std::string& b) {
    return (std::string(1, '\0') + a + '\0' + b).substr(0, 8);
  };
  CHECK((text == joined(one, other) || text == joined(other, one)));
  CHECK(splits.validation->size() + splits.train->size() == 5004 / 4 + 50 / 4);
  const Splits streamed = imdb_bytes(folder / "aclImdb_v1.tar.gz", 4, {.test_bytes = 10}, {"carry_reset"});
  std::size_t steps = 0;
  std::size_t starts = 0;
  for (std::size_t i = 0; i < streamed.test->size(); ++i) {
    example.clear();
    streamed.test->read(i, example);
    steps += example.length;
    if (example.continues) continue;
    ++starts;
    CHECK(example.tokens.front() == 0);
  }
  CHECK(steps == 9);  // of each review every byte and the end
  CHECK(starts == 2);
  CHECK(tests::error_of<Error>([&] {
          imdb_bytes(folder / "aclImdb_v1.tar.gz", 5000, {});
        }).find("has no window of 5000 bytes") != std::string::npos);
}

TEST_CASE("imdb: a limit that leaves one class of a sorted part is refused") {
  const TempFolder folder;
  std::vector<tests::Member> members = reviews();
  for (int i = 100; i < 140; ++i) {
    for (const char* label : {"pos", "neg"}) {
      members.push_back({fmt::format("aclImdb/test/{}/{}_5.txt", label, i), "ab"});
    }
  }
  write_quickly(folder / "aclImdb_v1.tar.gz", tar_of(members, "gzip"));
  const auto limited = [&](std::size_t n) { return load("imdb", {.path = folder.path(), .limit_test = n}); };
  CHECK(
      error_of<UsageError>([&] { limited(35); }) ==
      "[limit_test] the first 35 examples of imdb are all of one class, for they are sorted; expected a larger number");
  CHECK(limited(60).test->size() == 60);
  CHECK(limited(5).test->size() == 5);
}

TEST_CASE("imdb: a folder gives what its archive gives, and the cache what both give") {
  const TempFolder folder;
  write_quickly(folder / "packed.tar", tar_of(reviews(), ""));
  for (const auto& [name, content, kind] : reviews()) {
    std::filesystem::create_directories((folder / name).parent_path());
    write_quickly(folder / name, content);
  }
  const Splits packed = imdb(folder / "packed.tar", folder / "cache");
  const Splits cached = imdb(folder / "packed.tar", folder / "cache");
  const Splits tree = imdb(folder / "aclImdb", folder / "cache");
  Example a, b;
  for (const Splits* other : {&cached, &tree}) {
    for (std::size_t i = 0; i < 2; ++i) {
      packed.test->read(i, a);
      other->test->read(i, b);
      CHECK(a.tokens == b.tokens);
      CHECK(a.label == b.label);
    }
  }
}

TEST_CASE("imdb: reviews that are no text, and sources without reviews, are refused") {
  const TempFolder folder;
  auto members = reviews();
  members[2].content = "good \xff film";
  write_quickly(folder / "x.tar", tar_of(members, ""));
  const std::string error = error_of<Error>([&] { (void)imdb(folder / "x.tar", {}); });
  CHECK(error.find("test/pos/7_10.txt") != std::string::npos);
  CHECK(error.find("offset 5") != std::string::npos);
  members.resize(2);
  write_quickly(folder / "x.tar", tar_of(members, ""));
  CHECK(error_of<Error>([&] { (void)imdb(folder / "x.tar", {}); }).find("holds no IMDB reviews") != std::string::npos);
}

TEST_CASE("imdb: a share of the training reviews is held out, each is in one part") {
  const TempFolder folder;
  std::vector<tests::Member> members;
  for (std::size_t i = 0; i < 20; ++i) {  // review i has i + 20 letters; enough of them for a vocabulary of one
    for (const char* part : {"train/pos", "train/neg", "test/pos", "test/neg"}) {
      members.push_back(
          {"aclImdb/" + std::string(part) + "/" + std::to_string(i) + "_5.txt", std::string(i + 20, 'a')});
    }
  }
  std::filesystem::create_directory(folder / "imdb");
  write_quickly(folder / "imdb/aclImdb_labelled.tar.xz", tar_of(members, "xz"));
  const Splits splits = load("imdb", {.path = folder.path(), .val_split = 0.1});
  CHECK(splits.d_input == 4);
  CHECK(splits.train->size() == 36);
  CHECK(splits.validation->size() == 4);
  CHECK(splits.test->size() == 40);
  std::vector<int> seen(40, 0);
  for (const auto& part : {splits.train, splits.validation}) {
    for (std::size_t i = 0; i < part->size(); ++i) {
      Example example;
      part->read(i, example);
      ++seen.at((example.length - 21) * 2 + static_cast<std::size_t>(example.label));
    }
  }
  CHECK(seen == std::vector<int>(40, 1));
}

TEST_CASE("official: imdb: the reviews are 25,000 a part and have 134 characters") {
  const std::filesystem::path data = tests::shared_folder() / "data";
  if (!std::filesystem::exists(data / "imdb")) {
    MESSAGE("skipped: the IMDB reviews are not there");
    return;
  }
  const Splits splits = load("imdb", {.path = data, .val_split = 0.1});
  CHECK(splits.d_input == shape("imdb").splits.d_input);
  CHECK(splits.train->size() == 22'500);
  CHECK(splits.validation->size() == 2'500);
  CHECK(splits.test->size() == 25'000);
  Example example;
  std::size_t tokens = 0;
  std::size_t positive = 0;
  for (const auto& part : {splits.train, splits.validation}) {
    for (std::size_t i = 0; i < part->size(); ++i) {
      part->read(i, example);
      tokens += example.length;
      positive += static_cast<std::size_t>(example.label);
    }
  }
  CHECK(positive == 12'500);
  CHECK(static_cast<double>(tokens) / 25'000.0 == doctest::Approx(shape("imdb").mean_length).epsilon(1e-4));
}

}  // namespace
}  // namespace bitstate::datasets::imdb_test
