#include "datasets/sets/pathfinder.h"

#include "core/error.h"
#include "core/parallel.h"
#include "datasets/formats/png.h"
#include "datasets/splits.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace bitstate::tests::pathfinder_test {

using namespace bitstate;
using namespace bitstate::datasets;
using tests::contains;
using tests::error_of;
using tests::TempFolder;

namespace {

namespace fs = std::filesystem;

/// The layout of the release with made-up images of one grey value each.
class Release {
 public:
  explicit Release(const fs::path& folder, std::size_t size = 32)
      : level_(folder / "curv_contour_length_14"), size_(size) {
    fs::create_directories(level_ / "metadata");
  }

  [[nodiscard]] fs::path image(int batch, int i) const {
    return level_ / "imgs" / std::to_string(batch) / ("sample_" + std::to_string(i) + ".png");
  }
  [[nodiscard]] fs::path metadata(int batch) const { return level_ / "metadata" / (std::to_string(batch) + ".npy"); }

  static std::string line(int batch, int i, int label) {
    return "imgs/" + std::to_string(batch) + " sample_" + std::to_string(i) + ".png " + std::to_string(i) + " " +
           std::to_string(label) + " 1.0 14 4 2 0.5 1 1\n";
  }

  /// Images of grey `first`, `first` + 1, ...; the labels are those of the grey value's lowest bit.
  void add(int batch, int count, int first) const {
    fs::create_directories(image(batch, 0).parent_path());
    std::string lines;
    for (int i = 0; i < count; ++i) {
      const GreyImage grey{size_, size_,
                           std::vector<std::uint8_t>(size_ * size_, static_cast<std::uint8_t>(first + i))};
      tests::write_quickly(image(batch, i), encode_png(grey));
      lines += line(batch, i, (first + i) % 2);
    }
    tests::write_quickly(metadata(batch), lines);
  }

 private:
  fs::path level_;
  std::size_t size_;
};

/// The grey values of a part's images.
std::vector<int> greys(const Dataset& part) {
  std::vector<int> values;
  Example example;
  for (std::size_t i = 0; i < part.size(); ++i) {
    part.read(i, example);
    values.push_back(static_cast<int>((example.x.at(0) * 0.5F + 0.5F) * 255.0F + 0.5F));
    CHECK(example.label == values.back() % 2);
  }
  return values;
}

std::string message(const fs::path& folder) {
  return error_of<Error>([&] { (void)pathfinder(folder, 32); });
}

}  // namespace

TEST_CASE("pathfinder: metadata are read in the order of their numbers, the parts are training, validation, test") {
  const TempFolder folder;
  const Release release(folder / "pathfinder32");
  release.add(10, 15, 100);  // after 2, though its name sorts before
  release.add(2, 20, 0);
  const Splits splits = pathfinder(folder.path(), 32);

  std::vector<int> all;
  for (int i = 0; i < 20; ++i) all.push_back(i);
  for (int i = 100; i < 115; ++i) all.push_back(i);
  std::vector<int> expected;
  for (const std::uint32_t index : torch_randperm(35, 42)) expected.push_back(all[index]);
  const auto part = [&](std::ptrdiff_t first, std::ptrdiff_t end) {
    return std::vector<int>(expected.begin() + first, expected.begin() + end);
  };
  CHECK(greys(*splits.train) == part(0, 29));
  CHECK(greys(*splits.validation) == part(29, 32));
  CHECK(greys(*splits.test) == part(32, 35));
}

TEST_CASE("pathfinder: an example is the image's pixels row by row, from -1 to 1") {
  const TempFolder folder;
  const Release release(folder.path());
  release.add(0, 10, 0);
  GreyImage image{32, 32, std::vector<std::uint8_t>(1024)};
  for (std::size_t i = 0; i < 1024; ++i) image.values[i] = static_cast<std::uint8_t>(i % 256);
  for (int i = 0; i < 10; ++i) tests::write_quickly(release.image(0, i), encode_png(image));

  const Splits splits = pathfinder(folder.path(), 32);
  CHECK(splits.name == "pathfinder");
  CHECK(splits.task == Task::classification);
  CHECK_FALSE(splits.tokens);
  CHECK(splits.d_input == 1);
  CHECK(splits.d_output == 2);
  CHECK(splits.max_length == 1024);
  Example example;
  splits.train->read(7, example);
  CHECK(example.length == 1024);
  REQUIRE(example.x.size() == 1024);
  for (std::size_t i = 0; i < 1024; ++i) {
    CHECK(example.x[i] == doctest::Approx((static_cast<double>(i % 256) / 255.0 - 0.5) / 0.5).epsilon(1e-6));
  }
  CHECK(example.x[0] == -1.0F);
  CHECK(example.x[255] == 1.0F);
  CHECK_THROWS_AS(splits.train->read(8, example), Error);
}

TEST_CASE("pathfinder: images without a byte are left out before the parts are drawn") {
  const TempFolder folder;
  const Release release(folder / "pathfinder32");
  release.add(0, 12, 0);
  tests::write_quickly(release.image(0, 4), "");
  const Splits splits = pathfinder(folder.path(), 32);
  std::vector<int> all = {0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11};
  std::vector<int> expected;
  for (const std::uint32_t index : torch_randperm(11, 42)) expected.push_back(all[index]);
  CHECK(greys(*splits.train) == std::vector<int>(expected.begin(), expected.begin() + 9));
  CHECK(greys(*splits.test) == std::vector<int>(expected.begin() + 10, expected.end()));
}

TEST_CASE("pathfinder: the folder may be the set itself or hold it as the release does; each size has its name") {
  const TempFolder folder;
  for (const fs::path place :
       {"a/pathfinder128", "b/lra_release/pathfinder128", "c/lra_release/lra_release/pathfinder128"}) {
    Release(folder / place, 128).add(0, 10, 0);
  }
  for (const fs::path place : {"a", "a/pathfinder128", "b", "b/lra_release", "c", "c/lra_release"}) {
    const Splits splits = pathfinder(folder / place, 128);
    CHECK(splits.name == "pathx");
    CHECK(splits.max_length == 16384);
    CHECK(splits.test->size() == 1);
  }
  Release(folder / "a/pathfinder64", 64).add(0, 10, 0);
  Release(folder / "a/pathfinder256", 256).add(0, 10, 0);
  CHECK(pathfinder(folder / "a", 64).name == "pathfinder64");
  CHECK(pathfinder(folder / "a", 256).name == "pathfinder256");
  CHECK(contains(message(folder / "a"),
                 "there is no pathfinder32/curv_contour_length_14/metadata; make the images (bitstate data make "
                 "pathfinder --size=32 --contour_length=14 "
                 "--out=DIR), or name the folder of the Long Range Arena's release"));
  CHECK_THROWS_AS((void)pathfinder(folder / "a", 48), UsageError);
}

TEST_CASE("pathfinder: several threads read the same examples as one") {
  const TempFolder folder;
  const Release release(folder / "pathfinder32");
  release.add(0, 200, 0);
  const Splits splits = pathfinder(folder.path(), 32);
  const std::vector<int> expected = greys(*splits.train);
  std::vector<int> found(expected.size());
  Workers workers(4);
  workers.for_each(found.size(), [&](std::size_t i) {
    Example example;
    splits.train->read(i, example);
    found[i] = static_cast<int>((example.x[1023] * 0.5F + 0.5F) * 255.0F + 0.5F);
  });
  CHECK(found == expected);
}

TEST_CASE("pathfinder: a missing, damaged or wrong-sized image is an error that names it") {
  const TempFolder folder;
  const Release release(folder / "pathfinder32");
  release.add(0, 10, 0);
  // example 0 of training is image 2 of 10
  REQUIRE(torch_randperm(10, 42)[0] == 2);
  const fs::path file = release.image(0, 2);
  const Splits splits = pathfinder(folder.path(), 32);
  const auto reading = [&](const std::string& bytes) {
    tests::write_quickly(file, bytes);
    return error_of<Error>([&] {
      Example example;
      splits.train->read(0, example);
    });
  };
  CHECK(contains(reading(encode_png({32, 31, std::vector<std::uint8_t>(32 * 31)})), "has 32 x 31 pixels, not 32 x 32"));
  CHECK(contains(reading(encode_png({33, 32, std::vector<std::uint8_t>(33 * 32)})), "has 33 x 32 pixels; 1 to 32"));
  CHECK(contains(reading("GIF89a"), "[" + file.string() + "] is not a PNG file"));
  fs::remove(file);
  CHECK(contains(message(folder.path()), "[" + file.string() + "] is named in "));
}

TEST_CASE("pathfinder: metadata that cannot be right are errors that name file and line") {
  const TempFolder folder;
  const Release release(folder / "pathfinder32");
  release.add(0, 10, 0);
  const std::string file = release.metadata(1).string();
  const auto reading = [&](const std::string& text) {
    tests::write_quickly(release.metadata(1), text);
    return message(folder.path());
  };
  CHECK(reading(Release::line(0, 0, 1)).empty());
  CHECK(contains(reading(Release::line(0, 0, 1) + Release::line(0, 1, 2)),
                 "[" + file + ", line 2] the label 2 is neither"));
  CHECK(contains(reading("imgs/0 sample_0.png 0\n"), "[" + file + ", line 1] has 3 fields"));
  CHECK(
      contains(reading("../metadata 0.npy 0 1\n"), "[" + file + ", line 1] the image ../metadata/0.npy is not below"));
  CHECK(contains(reading("imgs/0 /etc/passwd 0 1\n"), "is not below this folder"));
  CHECK(contains(reading("imgs 0 0 1\n"), "cannot be read"));  // a folder
  CHECK(contains(reading(""), "[" + file + "] is empty"));
  fs::remove(release.metadata(1));
  for (const std::string name : {"x.npy", "01.npy", "-1.npy", "99999999999.npy"}) {
    const fs::path other = release.metadata(0).parent_path() / name;
    tests::write_quickly(other, Release::line(0, 0, 1));
    CHECK(contains(message(folder.path()), "[" + other.string() + "] is not named by a number"));
    fs::remove(other);
  }
  tests::write_quickly(release.metadata(0).parent_path() / ".0.npy.tmp-1-0", "left behind");
  CHECK(message(folder.path()).empty());
  tests::write_quickly(release.metadata(0), Release::line(0, 0, 1));
  CHECK(contains(message(folder.path()), "has 1 images; at least 10 are needed"));
}

}  // namespace bitstate::tests::pathfinder_test
