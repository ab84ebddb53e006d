// What models know of their data, and what tells data apart: through the registry.
#include "core/error.h"
#include "datasets/data_settings.h"
#include "datasets/registry.h"
#include "datasets/splits.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

namespace bitstate::datasets {
namespace {

using tests::error_of;
using tests::TempFolder;
using tests::write_quickly;

void write_listops(const std::filesystem::path& folder, const std::string& train, const std::string& test) {
  write_quickly(folder / "basic_train.tsv", "Source\tTarget\n" + train);
  write_quickly(folder / "basic_val.tsv", "Source\tTarget\n" + test);
  write_quickly(folder / "basic_test.tsv", "Source\tTarget\n" + test);
}

TEST_CASE("reading: data whose training part numbers the symbols otherwise are refused to a trained model") {
  const TempFolder folder;
  const std::string two = "( ( ( [MAX 2 ) 1 ) ] )\t2\n";
  const std::string more = two + "( ( ( [MAX 1 ) 1 ) ] )\t1\n";
  for (const char* name : {"a", "b", "c"}) std::filesystem::create_directory(folder / name);
  write_listops(folder / "a", two + two, two);
  write_listops(folder / "b", more + more, two);  // 1 is more frequent than 2
  write_listops(folder / "c", two + two, more);   // as a, tested on others
  const TempFolder cache;
  const auto read = [&](const char* name, std::optional<Reading> reading) {
    return load("listops", {.path = folder / name, .cache = cache.path(), .reading = std::move(reading)});
  };
  const Reading learnt = read("a", {}).reading;
  CHECK(learnt.vocabulary.size() == 64);
  CHECK(read("a", learnt).reading == learnt);  // now from the cache
  CHECK(read("c", learnt).test->size() == 2);
  CHECK(error_of<Error>([&] { (void)read("b", learnt); }).find("stand for other symbols") != std::string::npos);
  CHECK(error_of<Error>([&] {
          (void)load("lorenz", {.dynamics = {.trajectories = 10}, .reading = Reading{{{0}, {1}}, {}, ""}});
        }).find("does not have the units") != std::string::npos);
}

TEST_CASE("reading: a share held out of windows that overlap is refused") {
  const TempFolder folder;
  std::string rows = "u,y\n";
  for (int i = 0; i < 50; ++i) rows += fmt::format("{},{}\n", i, -i);
  write_quickly(folder / "train.csv", rows);
  write_quickly(folder / "test.csv", rows);
  DataSettings options{.path = folder.path(),
                       .val_split = 0.2,
                       .series = {.window = 10, .stride = 5},
                       .own = {.input = "u", .target = "y"}};
  CHECK(error_of<UsageError>([&] { (void)load("own", options); }).find("a stride of at least 10") != std::string::npos);
  options.series.stride = 10;
  CHECK(load("own", options).validation->size() == 1);
}

TEST_CASE("digest: of data it sees values, targets, sizes and units; twice the same, it is the same") {
  const TempFolder folder;
  const auto of = [&](std::size_t rows, int changed, float by) {
    std::string text = "u,y\n";
    for (std::size_t i = 0; i < rows; ++i) {
      text += fmt::format("{},{}\n", i, static_cast<float>(i) + (static_cast<int>(i) == changed ? by : 0.0F));
    }
    write_quickly(folder / "s.csv", text);
    return digest(load("own", {.path = folder / "s.csv", .own = {.input = "u", .target = "y"}}));
  };
  const std::string one = of(40, -1, 0);
  CHECK(of(40, -1, 0) == one);
  CHECK(of(45, -1, 0) != one);
  CHECK(of(40, 7, 0.5F) != one);
}

}  // namespace
}  // namespace bitstate::datasets
