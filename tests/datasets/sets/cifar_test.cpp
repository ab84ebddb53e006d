#include "datasets/sets/cifar.h"

#include "core/error.h"
#include "datasets/formats/archive.h"
#include "tests/support/archives.h"
#include "tests/support/folders.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <array>
#include <numeric>

namespace bitstate::datasets::cifar_test {
namespace {

using tests::error_of;
using tests::TempFolder;
using tests::write_quickly;

/// Images whose pixel p has red, green, blue = (first + p), (first + 2 p), (first + 3 p) mod 256.
std::string batch(const std::vector<std::uint8_t>& labels) {
  std::string bytes;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    bytes += static_cast<char>(labels[i]);
    for (std::size_t plane = 1; plane <= 3; ++plane) {
      for (std::size_t p = 0; p < 1024; ++p) bytes += static_cast<char>((i + plane * p) % 256);
    }
  }
  return bytes;
}

std::filesystem::path small_set(const TempFolder& folder) {
  for (std::uint8_t i = 1; i <= 5; ++i) {
    write_quickly(folder / ("data_batch_" + std::to_string(i) + ".bin"),
                  batch({i, 1, 2, static_cast<std::uint8_t>(9 - i)}));
  }
  write_quickly(folder / "test_batch.bin", batch({4, 2, 0, 9}));
  return folder.path();
}

TEST_CASE("cifar: grey is PIL's conversion") {
  CHECK(grey(255, 255, 255) == 255);
  CHECK(grey(0, 0, 0) == 0);
  CHECK(grey(255, 0, 0) == 76);
  CHECK(grey(0, 255, 0) == 150);
  CHECK(grey(0, 0, 255) == 29);
  CHECK(grey(1, 2, 3) == 2);
  CHECK(grey(10, 200, 30) == 124);
}

TEST_CASE("cifar: pixels in rows, normalized as S4 and S5 do, in grey and in colour") {
  const TempFolder folder;
  const Splits image = cifar(small_set(folder), true);
  CHECK(image.name == "lra-cifar");
  CHECK(image.train->size() == 18);
  CHECK(image.validation->size() == 2);
  Example example;
  image.test->read(1, example);
  CHECK(example.length == 1024);
  CHECK(example.label == 2);
  const std::uint8_t v = grey(1 + 5, 1 + 10, 1 + 15);
  CHECK(example.x[5] == doctest::Approx((v / 255.0 - 122.6 / 255.0) / (61.0 / 255.0)).epsilon(1e-6));
  const Splits colour = cifar(folder.path(), false);
  CHECK(colour.name == "cifar");
  colour.test->read(1, example);
  CHECK(example.x.size() == 3072);
  CHECK(example.x[3 * 5] == doctest::Approx((6 / 255.0 - 0.4914) / 0.247).epsilon(1e-6));
  CHECK(example.x[3 * 5 + 1] == doctest::Approx((11 / 255.0 - 0.4822) / 0.243).epsilon(1e-6));
  CHECK(example.x[3 * 5 + 2] == doctest::Approx((16 / 255.0 - 0.4465) / 0.261).epsilon(1e-6));
}

TEST_CASE("cifar: an archive gives what its folder gives, in whatever order it was packed") {
  const TempFolder folder;
  const Splits of_folder = cifar(small_set(folder), true);
  std::vector<tests::Member> members;
  for_each_file(
      folder.path(), [](std::string_view) { return true; },
      [&](std::string_view name, std::string content) {
        members.insert(members.begin(), {"cifar-10-batches-bin/" + std::string(name), std::move(content)});
      });
  write_quickly(folder / "cifar-10-binary.tar.gz", tar_of(members, "gzip"));
  const Splits of_archive = cifar(folder / "cifar-10-binary.tar.gz", true);
  Example a, b;
  for (std::size_t i = 0; i < of_folder.train->size(); ++i) {
    of_folder.train->read(i, a);
    of_archive.train->read(i, b);
    CHECK(a.label == b.label);
    CHECK(a.x == b.x);
  }
}

TEST_CASE("cifar: files that lie are refused by name and offset") {
  const TempFolder folder;
  const auto refusal = [&](const std::string& content) {
    small_set(folder);
    write_quickly(folder / "data_batch_2.bin", content);
    write_quickly(folder / "test_batch.bin",
                  batch(std::vector<std::uint8_t>(content.size() / 3073)) + std::string(content.size() % 3073, 'x'));
    return error_of<Error>([&] { (void)cifar(folder.path(), true); });
  };
  const std::string good = batch({1, 2, 3, 4});
  CHECK(refusal(good).empty());
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{3072}, good.size() - 1}) {
    CHECK(refusal(good.substr(0, size)).find("data_batch_2.bin") != std::string::npos);
  }
  CHECK(refusal(good + "x").find("are not images") != std::string::npos);
  std::string wrong = good;
  wrong[3073] = 10;
  CHECK(refusal(wrong).find("offset 3073: label 10") != std::string::npos);
  const TempFolder empty;
  CHECK(error_of<Error>([&] { (void)cifar(empty.path(), true); }).find("holds no CIFAR-10") != std::string::npos);
}

TEST_CASE("cifar: a batch that is missing or was cut is an error, the first alone is a subset") {
  const TempFolder folder;
  const auto message = [&] { return error_of<Error>([&] { (void)cifar(folder.path(), true); }); };
  for (int missing = 1; missing <= 5; ++missing) {
    small_set(folder);
    const std::string name = "data_batch_" + std::to_string(missing) + ".bin";
    std::filesystem::remove(folder / name);
    CHECK(message().find("[" + folder.path().string() + "] " + name + " is not there") == 0);
  }
  for (const char* name : {"data_batch_1.bin", "data_batch_5.bin", "test_batch.bin"}) {
    small_set(folder);
    write_quickly(folder / name, batch({1, 2, 3}));
    CHECK(message().find("test_batch.bin has") != std::string::npos);
    CHECK(message().find("is truncated") != std::string::npos);
  }
  small_set(folder);
  for (const char* name : {"data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin"}) {
    std::filesystem::remove(folder / name);
    CHECK_FALSE(message().empty());
  }
  std::filesystem::remove(folder / "data_batch_5.bin");
  CHECK(cifar(folder.path(), true).train->size() == 3);
}

TEST_CASE("cifar: a subset is read from its archive, a tenth of it held out, its images normalized") {
  const TempFolder folder;
  std::vector<std::uint8_t> labels(100);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::uint8_t>(i % 10);
  write_quickly(folder / "cifar-10-subset.tar.xz",
                tests::tar_of({{"cifar-10-batches-bin/batches.meta.txt", "airplane\n"},
                               {"cifar-10-batches-bin/data_batch_1.bin", batch(labels)},
                               {"cifar-10-batches-bin/test_batch.bin", batch(labels)}},
                              "xz"));
  const Splits splits = cifar(folder / "cifar-10-subset.tar.xz", true);
  CHECK(splits.train->size() == 90);
  CHECK(splits.validation->size() == 10);
  REQUIRE(splits.test->size() == 100);
  Example example;
  for (std::size_t i = 0; i < 100; ++i) {
    splits.test->read(i, example);
    CHECK(example.label == static_cast<int>(i % 10));
    CHECK(example.x[0] == doctest::Approx((static_cast<double>(i) - 122.6) / 61.0).epsilon(1e-5));
  }
}

TEST_CASE("official: cifar: the subset of the real data is read from its archive") {
  const std::filesystem::path archive = tests::shared_folder() / "data/cifar10/cifar-10-subset.tar.xz";
  if (!std::filesystem::exists(archive)) {
    MESSAGE("skipped: the CIFAR-10 subset is not there");
    return;
  }
  const Splits splits = cifar(archive, true);
  CHECK(splits.train->size() == 9000);
  CHECK(splits.validation->size() == 1000);
  CHECK(splits.test->size() == 10000);
  Example example;
  std::array<int, 10> labels{};
  double sum = 0.0;
  for (std::size_t i = 0; i < 10000; ++i) {
    splits.test->read(i, example);
    ++labels[static_cast<std::size_t>(example.label)];
    sum += std::accumulate(example.x.begin(), example.x.end(), 0.0);
  }
  for (const int count : labels) CHECK(count == 1000);  // the official test part has 1,000 of each class
  CHECK(std::abs(sum / 10000.0 / 1024.0) < 0.05);       // the means of S4 are those of this data set
}

}  // namespace
}  // namespace bitstate::datasets::cifar_test
