#include "datasets/sets/smnist.h"

#include "core/error.h"
#include "datasets/data_settings.h"
#include "datasets/formats/idx.h"
#include "datasets/registry.h"
#include "datasets/splits.h"
#include "tests/datasets/formats/idx_files.h"
#include "tests/support/folders.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <numeric>
#include <optional>
#include <set>
#include <string>

namespace bitstate::tests::smnist_test {

using namespace bitstate;
using namespace bitstate::datasets;
using tests::error_of;
using tests::TempFolder;

namespace {

/// The folder of the official files, if it is there.
std::optional<std::filesystem::path> official_files() {
  const auto folder = tests::shared_folder() / "data" / "mnist";
  if (std::filesystem::exists(folder)) return folder;
  MESSAGE("skipped: ", folder.string(), " is not there");
  return std::nullopt;
}

}  // namespace

TEST_CASE("smnist: examples are the pixels over 255 in reading order, split as random_split of seed 42 says") {
  const TempFolder folder;
  for (const bool compressed : {false, true}) {
    const TempFolder files;
    tests::write_digits(files.path(), 40, 7, compressed);
    const Splits splits = smnist(files.path(), false);
    CHECK(splits.task == Task::classification);
    CHECK(splits.d_input == 1);
    CHECK(splits.d_output == 10);
    CHECK(splits.max_length == 784);
    CHECK(splits.train->size() == 36);
    CHECK(splits.validation->size() == 4);
    CHECK(splits.test->size() == 7);

    const auto parts = random_split({36, 4}, 42);
    Example example;
    example.target = {1.0F};
    for (std::size_t i = 0; i < 4; ++i) {
      splits.validation->read(i, example);
      const std::uint32_t image = parts[1][i];
      CHECK(example.length == 784);
      CHECK(example.label == static_cast<int>(image % 10));
      CHECK(example.x.size() == 784);
      CHECK(example.target.empty());
      for (const std::size_t p : {0, 1, 300, 783}) {
        CHECK(example.x[p] == static_cast<float>((image + p) % 256) / 255.0F);
      }
    }
    splits.test->read(6, example);
    CHECK(example.label == 6);
    CHECK_THROWS_AS(splits.test->read(7, example), Error);
  }
}

TEST_CASE("psmnist: position j holds the pixel of the bit-reversal permutation") {
  const auto order = bit_reversal_permutation();
  const std::vector<std::uint16_t> begin = {0, 512, 256, 768, 128, 640, 384, 64, 576, 320, 192, 704};
  CHECK(std::vector<std::uint16_t>(order.begin(), order.begin() + 12) == begin);
  CHECK(std::set<std::uint16_t>(order.begin(), order.end()).size() == 784);
  CHECK(order.size() == 784);

  const TempFolder files;
  tests::write_digits(files.path(), 10, 2, false);
  Example plain;
  Example permuted;
  smnist(files.path(), false).test->read(1, plain);
  const Splits splits = smnist(files.path(), true);
  splits.test->read(1, permuted);
  CHECK(splits.name == "psmnist");
  for (std::size_t j = 0; j < 784; ++j) CHECK(permuted.x[j] == plain.x[order[j]]);
}

TEST_CASE("smnist: files that do not belong together are errors that name file, offset and reason") {
  const TempFolder files;
  const auto message = [&] { return error_of<Error>([&] { (void)smnist(files.path(), false); }); };
  CHECK(message().find("train-images-idx3-ubyte") != std::string::npos);

  tests::write_digits(files.path(), 10, 3, false);
  REQUIRE(message().empty());
  const auto labels = files / "t10k-labels-idx1-ubyte";
  tests::write_quickly(labels, tests::idx_header({2}) + std::string("\1\2"));
  CHECK(message().find("2 labels, but") != std::string::npos);
  tests::write_quickly(labels, tests::idx_header({3}) + std::string("\1\2\x0a"));
  CHECK(message().find(labels.string() + "] offset 10: label 10 is not a digit") != std::string::npos);
  tests::write_quickly(labels, tests::idx_header({3}) + std::string("\1\2\3"));
  REQUIRE(message().empty());
  tests::write_quickly(files / "t10k-images-idx3-ubyte", tests::idx_header({3, 2, 2}) + std::string(12, 'x'));
  CHECK(message().find("2 x 2 pixels") != std::string::npos);
}

TEST_CASE(
    "official: smnist: the split of seed 42 has the reference's sizes and the official files their first labels") {
  const auto folder = official_files();
  if (!folder) return;
  const Splits splits = load("smnist", {.path = *folder});
  CHECK(splits.train->size() == 54'000);
  CHECK(splits.validation->size() == 6'000);
  CHECK(splits.test->size() == 10'000);
  Example example;
  // the labels of test images 0..4
  for (const auto& [index, label] : {std::pair{0, 7}, {1, 2}, {2, 1}, {3, 0}, {4, 4}}) {
    splits.test->read(static_cast<std::size_t>(index), example);
    CHECK(example.label == label);
  }
  // the training part begins with images 37542, 43087, 2992, 25810 and 39634
  const Idx labels = read_idx(*folder / "train-labels-idx1-ubyte.gz", 1);
  std::size_t next = 0;
  for (const std::size_t image : {37542, 43087, 2992, 25810, 39634}) {
    splits.train->read(next++, example);
    CHECK(example.label == labels.values[image]);
  }
  CHECK(labels.values[0] == 5);
  double mean = 0.0;
  for (std::size_t i = 0; i < 200; ++i) {
    splits.train->read(i, example);
    mean += std::accumulate(example.x.begin(), example.x.end(), 0.0) / (784.0 * 200.0);
    for (const float x : example.x) REQUIRE((x >= 0.0F && x <= 1.0F));
  }
  CHECK(mean == doctest::Approx(0.1307).epsilon(0.05));  // the mean pixel of MNIST
}

}  // namespace bitstate::tests::smnist_test
