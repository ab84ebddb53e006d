#include "datasets/generators/pathfinder_generator.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "datasets/formats/npy.h"
#include "datasets/formats/png.h"
#include "datasets/generators/pathfinder_image.h"
#include "datasets/sets/pathfinder.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace bitstate::tests::pathfinder_generator_test {

using namespace bitstate;
using namespace bitstate::datasets;
using tests::error_of;
using tests::TempFolder;

namespace {

namespace fs = std::filesystem;

/// Every file below a folder, by its path from there.
std::map<std::string, std::string> files_below(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files[fs::relative(entry.path(), folder)] = read_file(entry.path(), 1 << 20);
  }
  return files;
}

void make(const PathfinderOptions& options, const fs::path& out, std::size_t threads = 2) {
  Workers workers(threads);
  make_pathfinder(options, out, workers, {});
}

}  // namespace

TEST_CASE("pathfinder_generator: what is written is the release's layout, and pathfinder() reads it") {
  const TempFolder folder;
  for (const auto& [size, line] :
       {std::pair<std::size_t, std::string>{32, " 1.0 14 4 2 0.5 1 1"}, {256, " 1.8 14 4 5 2 3 1"}}) {
    make({.size = size, .seed = 5, .images = 10}, folder.path());
    const PathfinderArtist artist(size, 5);
    const fs::path level = folder / ("pathfinder" + std::to_string(size)) / "curv_contour_length_14";
    const std::string metadata = read_file(level / "metadata/0.npy", 10000);
    std::string expected;
    for (std::size_t i = 0; i < 10; ++i) {
      const PathfinderImage image = artist.draw(i);
      const std::string number = std::to_string(i);
      expected += "imgs/0 sample_" + number + ".png " + number + " " + std::to_string(image.label) + line + "\n";
      CHECK(read_png(level / "imgs/0" / ("sample_" + number + ".png"), size) == image.picture);
    }
    CHECK(metadata == expected);
    CHECK(read_table(level / "metadata/0.npy").size() == 10);
    const Splits splits = pathfinder(folder.path(), size);
    CHECK(splits.train->size() == 8);
    Example example;
    splits.test->read(0, example);
    CHECK(example.x.size() == size * size);
  }
}

TEST_CASE("pathfinder_generator: files do not depend on threads or interruptions; batches have a thousand images") {
  const TempFolder folder;
  const PathfinderOptions options{.size = 32, .seed = 1, .images = 1030};
  make(options, folder / "one", 1);
  make(options, folder / "two", 2);
  const auto expected = files_below(folder / "one");
  REQUIRE(expected.size() == 1030 + 2 + 1);
  CHECK(expected.at("pathfinder32/curv_contour_length_14/imgs/1/sample_29.png") ==
        encode_png(PathfinderArtist(32, 1).draw(1029).picture));
  CHECK(files_below(folder / "two") == expected);

  // stopped after the first batch, with half of the second one written
  Workers workers(2);
  std::vector<std::pair<std::size_t, std::size_t>> reports;
  const auto stop = [&](std::size_t done, std::size_t images) {
    reports.emplace_back(done, images);
    throw std::runtime_error("stopped");
  };
  CHECK_THROWS_AS(make_pathfinder(options, folder / "three", workers, stop), std::runtime_error);
  CHECK(reports == std::vector<std::pair<std::size_t, std::size_t>>{{1000, 1030}});
  const fs::path level = folder / "three/pathfinder32/curv_contour_length_14";
  CHECK_FALSE(fs::exists(level / "metadata/1.npy"));
  fs::create_directories(level / "imgs/1");
  tests::write_quickly(level / "imgs/1/sample_3.png", "half of an ima");
  tests::write_quickly(level / "metadata/.1.npy.tmp-1-0", "imgs/1 sam");
  const fs::path done = level / "imgs/0/sample_0.png";
  tests::write_quickly(done, "not made again");
  reports.clear();
  make_pathfinder(options, folder / "three", workers,
                  [&](std::size_t so_far, std::size_t images) { reports.emplace_back(so_far, images); });
  CHECK(reports == std::vector<std::pair<std::size_t, std::size_t>>{{1000, 1030}, {1030, 1030}});
  CHECK(read_file(done, 100) == "not made again");
  tests::write_quickly(done, expected.at("pathfinder32/curv_contour_length_14/imgs/0/sample_0.png"));
  CHECK(files_below(folder / "three") == expected);
}

TEST_CASE("pathfinder_generator: the levels of one size lie side by side, under the release's names") {
  const TempFolder folder;
  const fs::path place = folder / "pathfinder32";
  make({.size = 32, .seed = 5, .images = 10}, folder.path());
  make({.size = 32, .seed = 5, .images = 20, .contour_length = 6}, folder.path());
  CHECK(read_file(place / "curv_baseline/metadata/0.npy", 10000).find(" 1.0 6 2 2 0.5 1 1\n") != std::string::npos);
  CHECK(pathfinder(folder.path(), 32).train->size() == 8);
  CHECK(pathfinder(folder.path(), 32, 6).train->size() == 16);
  CHECK(error_of<Error>([&] {
          (void)pathfinder(folder.path(), 32, 9);
        }).find("there is no pathfinder32/curv_contour_length_9") != std::string::npos);
  make({.size = 32, .seed = 6, .images = 30, .contour_length = 9}, folder.path());
  CHECK(pathfinder(folder.path(), 32, 9).train->size() == 24);
  CHECK(pathfinder_advice(32, 9).find("release") != std::string::npos);
  CHECK(pathfinder_advice(32, 3).find("release") == std::string::npos);
  CHECK_THROWS_AS(make({.size = 32, .contour_length = 15}, folder.path()), UsageError);
}

TEST_CASE("pathfinder_generator: a set of which images are missing or empty is refused, and completed by its command") {
  const TempFolder folder;
  const PathfinderOptions options{.size = 32, .seed = 3, .images = 1010};
  Workers workers(2);
  const auto stop = [](std::size_t, std::size_t) { throw std::runtime_error("stopped"); };
  CHECK_THROWS_AS(make_pathfinder(options, folder.path(), workers, stop), std::runtime_error);
  const auto refusal = [&] { return error_of<Error>([&] { (void)pathfinder(folder.path(), 32); }); };
  const std::string place = (folder / "pathfinder32/curv_contour_length_14").string();
  const std::string command =
      "bitstate data make pathfinder --size=32 --images=1010 --seed=3 --contour_length=14 --out=" +
      (folder / "").string();
  CHECK(refusal() ==
        "[" + place + "] 1000 of 1010 images are there and not empty; the same command makes the others: " + command);
  make(options, folder.path());
  CHECK(refusal().empty());

  const fs::path image = folder / "pathfinder32/curv_contour_length_14/imgs/0/sample_7.png";
  const std::string good = read_file(image, 1 << 20);
  tests::write_quickly(image, "");
  CHECK(refusal().find("1009 of 1010 images") != std::string::npos);
  make(options, folder.path());
  CHECK(read_file(image, 1 << 20) == good);
  CHECK(refusal().empty());

  tests::write_quickly(folder / "pathfinder32/curv_contour_length_14/generator.txt",
                       "bitstate pathfinder, version 1\nsize 32\nseed 3\n");
  CHECK(refusal().find("[" + place + "/generator.txt] is damaged") == 0);
}

TEST_CASE("pathfinder_generator: impossible options, other options and folders of others are usage errors") {
  const TempFolder folder;
  CHECK_THROWS_AS(make({.size = 48}, folder.path()), UsageError);
  CHECK_THROWS_AS(make({.size = 32, .images = 0}, folder.path()), UsageError);
  CHECK_THROWS_AS(make({.size = 32, .images = 10'000'001}, folder.path()), UsageError);
  CHECK(folder.entries() == 0);

  make({.size = 32, .seed = 1, .images = 10}, folder.path());
  const auto before = files_below(folder.path());
  for (const PathfinderOptions& other : {PathfinderOptions{.size = 32, .seed = 2, .images = 10},
                                         PathfinderOptions{.size = 32, .seed = 1, .images = 11}}) {
    const std::string message = error_of<UsageError>([&] { make(other, folder.path()); });
    CHECK(message.find("[" + (folder / "pathfinder32/curv_contour_length_14").string() +
                       "] was made with other options") == 0);
  }
  CHECK(files_below(folder.path()) == before);

  fs::create_directories(folder / "release/pathfinder32/curv_contour_length_14/metadata");
  CHECK_THROWS_AS(make({.size = 32, .images = 10}, folder / "release"), UsageError);
  tests::write_quickly(folder / "file", "x");
  CHECK_THROWS_AS(make({.size = 32, .images = 10}, folder / "file"), Error);
}

}  // namespace bitstate::tests::pathfinder_generator_test
