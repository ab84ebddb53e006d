#include "datasets/own/folds.h"

#include "datasets/data_settings.h"
#include "datasets/registry.h"
#include "tests/datasets/own/own_files.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

using namespace bitstate;
using namespace bitstate::datasets;
using namespace bitstate::tests;

namespace {

OwnSettings folded(std::size_t folds, std::size_t fold, OwnSettings own = u_to_y) {
  own.folding = {folds, fold};
  return own;
}

/// The inputs of all steps of a part, which are the numbers of their rows.
std::vector<int> rows_in(const Splits& splits, const std::shared_ptr<const Dataset>& part) {
  std::vector<int> rows;
  for (std::size_t i = 0; part != nullptr && i < part->size(); ++i) {
    const Example example = restored(splits, part, i);
    for (std::size_t step = 0; step < example.length; ++step) {
      rows.push_back(static_cast<int>(example.x[step]));
      if (step > 0) CHECK(rows.back() == rows[rows.size() - 2] + 1);  // no sequence reaches over a border
      if (splits.task == Task::regression) CHECK(example.target[step] == 10.0F * example.x[step] + 1.0F);
    }
  }
  return rows;
}

std::vector<int> from_to(int first, int last) {
  std::vector<int> rows(static_cast<std::size_t>(last - first));
  std::iota(rows.begin(), rows.end(), first);
  return rows;
}

std::vector<int> without(std::vector<int> rows, const std::vector<int>& others) {
  std::erase_if(rows, [&](int row) { return std::count(others.begin(), others.end(), row) > 0; });
  return rows;
}

}  // namespace

TEST_CASE("folds: one series is cut into blocks of steps, and the test part is what it is without folds") {
  const TempFolder folder;
  write_quickly(folder / "a.csv", series(103));
  const Splits without_folds = own_data(folder / "a.csv", u_to_y);
  std::vector<int> validated;
  for (std::size_t fold = 0; fold < 5; ++fold) {
    CAPTURE(fold);
    const Splits splits = own_data(folder / "a.csv", folded(5, fold));
    const auto validation = rows_in(splits, splits.validation);
    const auto train = rows_in(splits, splits.train);
    CHECK(validation == from_to(static_cast<int>(92 * fold / 5), static_cast<int>(92 * (fold + 1) / 5)));
    CHECK(train == without(from_to(0, 92), validation));
    CHECK(rows_in(splits, splits.test) == rows_in(without_folds, without_folds.test));
    CHECK(splits.test->size() == 1);
    validated.insert(validated.end(), validation.begin(), validation.end());
    // the units are those of the training blocks alone
    const double mean = std::accumulate(train.begin(), train.end(), 0.0) / static_cast<double>(train.size());
    CHECK(splits.reading.input_units.mean[0] == doctest::Approx(mean));
    CHECK(splits.reading.target_units.mean[0] == doctest::Approx(10 * mean + 1));
    CHECK(splits.origin.ends_with(fmt::format("; fold {} of 0 to 4 is the validation part", fold)));
  }
  CHECK(validated == from_to(0, 92));
}

TEST_CASE("folds: no window and no horizon reaches into another block") {
  const TempFolder folder;
  write_quickly(folder / "a.csv", series(100));
  const SeriesSettings windows{.window = 10, .stride = 1};
  const Splits splits = own_data(folder / "a.csv", folded(3, 1), windows);  // blocks of 30 rows
  const auto train = rows_in(splits, splits.train);
  CHECK(std::set<int>(train.begin(), train.end()).size() == 60);
  CHECK(splits.train->size() == 2 * 21);
  CHECK(splits.validation->size() == 3);
  CHECK(rows_in(splits, splits.validation) == from_to(30, 60));
  // with a horizon the last steps of each block have no target
  const Splits ahead = own_data(folder / "a.csv", folded(3, 1), {.horizon = 4});
  CHECK(example_of(ahead.validation, 0).length == 26);
  CHECK(restored(ahead, ahead.validation, 0).target.back() == 591.0F);
  CHECK(example_of(ahead.train, 0).length == 26);
  CHECK(restored(ahead, ahead.train, 0).target.back() == 291.0F);
  // so they do in series that gaps part: one ends in row 50
  OwnSettings timed = folded(3, 1);
  timed.table.time = "0";
  std::string text = "t,u,y\n";
  for (int i = 0; i < 100; ++i) text += fmt::format("{},{},{}\n", i < 50 ? i : i + 100, i, 10 * i + 1);
  write_quickly(folder / "b.csv", text);
  const Splits parted = own_data(folder / "b.csv", timed);
  CHECK(parted.validation->size() == 2);
  CHECK(rows_in(parted, parted.validation) == from_to(30, 60));
}

TEST_CASE("folds: of classes whole series are dealt, equally many of each class; few series are cut each") {
  const TempFolder folder;
  std::filesystem::create_directories(folder / "train");
  write_quickly(folder / "test.csv", series(4));
  for (int n = 0; n < 8; ++n) {  // labels 0 0 1 1 1 1 1 1
    std::string text = "u,c\n";
    for (int i = 0; i < 5; ++i) text += fmt::format("{},{}\n", 10 * n + i, n < 2 ? 0 : 1);
    write_quickly(folder / "train" / fmt::format("{}.csv", n), text);
  }
  const OwnSettings classes{.input = "u", .target = "c", .task = "classification"};
  for (std::size_t fold = 0; fold < 2; ++fold) {
    const Splits splits = own_data(folder.path(), folded(2, fold, classes));
    REQUIRE(splits.validation->size() == 4);
    CHECK(splits.train->size() == 4);
    std::map<int, int> counts;
    for (std::size_t i = 0; i < 4; ++i) ++counts[example_of(splits.validation, i).label];
    CHECK(counts == std::map<int, int>{{0, 1}, {1, 3}});
  }
  says(usage_of(folder.path(), folded(9, 0, classes)), "[folds] expected at most 8, the number of sequences");
  // windows of the two series of one file: each is cut into three blocks
  std::filesystem::create_directories(folder / "two/train");
  write_quickly(folder / "two/test.csv", "u,c\n0,0\n1,1\n");
  for (int n = 0; n < 2; ++n) {
    std::string text = "u,c\n";
    for (int i = 0; i < 30; ++i) text += fmt::format("{},{}\n", 100 * n + i, n);
    write_quickly(folder / "two/train" / fmt::format("{}.csv", n), text);
  }
  const Splits cut = own_data(folder / "two", folded(3, 1, classes), {.window = 5});
  REQUIRE(cut.validation->size() == 4);
  CHECK(rows_in(cut, cut.train).size() == 40);
  CHECK(restored(cut, cut.validation, 0).x.front() == 10.0F);
  CHECK(restored(cut, cut.validation, 2).x.front() == 110.0F);
  CHECK(example_of(cut.validation, 2).label == 1);
}

TEST_CASE("folds: sequences with labels, a whole or a training part") {
  const TempFolder folder;
  std::string text = "@classLabel true a b\n@data\n";
  for (int n = 0; n < 40; ++n) text += fmt::format("{},{}:{}\n", n, n + 1, n % 4 == 0 ? "a" : "b");
  write_quickly(folder / "d.ts", text);
  const Splits without_folds = own_data(folder / "d.ts", {});
  std::multiset<float> validated;
  for (std::size_t fold = 0; fold < 3; ++fold) {
    const Splits splits = own_data(folder / "d.ts", folded(3, fold, {}));
    CHECK(splits.train->size() + splits.validation->size() == 36);
    CHECK(splits.validation->size() == 12);
    CHECK(rows_in(splits, splits.test).size() == rows_in(without_folds, without_folds.test).size());
    std::size_t of_a = 0;
    for (std::size_t i = 0; i < splits.validation->size(); ++i) {
      const Example example = restored(splits, splits.validation, i);
      of_a += example.label == 0 ? 1 : 0;
      validated.insert(example.x[0]);
    }
    CHECK(of_a >= 2);
    CHECK(of_a <= 4);
  }
  CHECK(validated.size() == 36);
  CHECK(std::set<float>(validated.begin(), validated.end()).size() == 36);
  says(usage_of(folder / "d.ts", folded(37, 0, {})), "[folds] expected at most 36");
}

TEST_CASE("folds: arrays of series, and of groups that are parts") {
  const TempFolder folder;
  const auto steps = written(folder, [](Hdf5Writer& writer) {
    writer.write("x", counting(0, 100), {100});
    writer.write("y", counting(0, 100, 10.0F, 1.0F), {100});
  });
  const Splits splits = own_data(steps, folded(3, 2, {.rows = "steps"}));
  CHECK(rows_in(splits, splits.validation) == from_to(60, 90));
  CHECK(rows_in(splits, splits.train) == from_to(0, 60));
  const auto groups = [&](bool validation) {
    return written(
        folder,
        [&](Hdf5Writer& writer) {
          Arrays{}.write(writer, "train");
          Arrays{}.write(writer, "test");
          if (validation) Arrays{}.write(writer, "validation");
        },
        validation ? "three.h5" : "two.h5");
  };
  const Splits two = own_data(groups(false), folded(4, 1, {}));
  CHECK(two.validation->size() == 3);
  CHECK(two.train->size() == 9);
  CHECK(two.test->size() == 12);
  CHECK(example_of(two.validation, 0).target == Floats{103});
  says(usage_of(groups(true), folded(4, 1, {})), "[folds] are cut from the training part, but there is a validation");
}

TEST_CASE("folds: every block has a piece with a target, or none is trained") {
  const TempFolder folder;
  std::filesystem::create_directories(folder / "train");
  write_quickly(folder / "test.csv", series(20));
  for (int n = 0; n < 6; ++n) write_quickly(folder / "train" / fmt::format("{}.csv", n), series(20));
  // of 8 blocks of 15 rows those from 15 to 30 and so on are ends of two series, with 5 and 10 rows
  for (std::size_t fold = 0; fold < 8; ++fold) {
    says(usage_of(folder.path(), folded(8, fold), {.horizon = 10}),
         "[folds] the block 1 of 8 has at most 10 steps of one series; expected at least 11");
  }
  for (std::size_t fold = 0; fold < 6; ++fold) {
    CHECK(own_data(folder.path(), folded(6, fold), {.horizon = 10}).validation->size() == 1);
  }
}

TEST_CASE("folds: one series with classes is cut, with and without windows") {
  const TempFolder folder;
  std::string text = "u,c\n";
  for (int i = 0; i < 100; ++i) text += fmt::format("{},{}\n", i, i % 7 < 3 ? "a" : "b");
  write_quickly(folder / "a.csv", text);
  const OwnSettings classes{.input = "u", .target = "c", .task = "classification"};
  for (const std::size_t window : {0, 10}) {
    const Splits splits = own_data(folder / "a.csv", folded(3, 1, classes), {.window = window});
    CHECK(splits.validation->size() == (window == 0 ? 1 : 3));
    CHECK(rows_in(splits, splits.validation) == from_to(30, 60));
  }
}

TEST_CASE("folds: what cannot be cut is refused") {
  const TempFolder folder;
  write_quickly(folder / "a.csv", series(100));
  const auto refused = [&](const OwnSettings& own, const SeriesSettings& windows = {}) {
    return usage_of(folder / "a.csv", own, windows);
  };
  OwnSettings own = u_to_y;
  own.folding = {0, 1};
  says(refused(own), "[fold] is 1, but there are no folds: say --folds=K");
  own.folding = {4, {}};
  says(refused(own), "[fold] is missing: expected one of the 4 folds");
  says(refused(folded(4, 4)), "[fold] expected a number below 4, the number of folds, got 4");
  says(refused(folded(10, 0), {.window = 10}),
       "[folds] 10 blocks of 90 steps have 9 each; expected at least 10, for a window of 10 and a horizon of 0");
  says(refused(folded(91, 0)), "[folds] 91 blocks of 90 steps have 0 each");
  CHECK(own_data(folder / "a.csv", folded(9, 0), {.window = 10}).validation->size() == 1);
  write_quickly(folder / "a.txt", "some text that is long enough");
  says(usage_of(folder / "a.txt", folded(2, 0, {})), "[folds] are for series and sequences");
  OwnSettings parts = folded(2, 0);
  parts.parts = {folder / "a.csv", folder / "a.csv", folder / "a.csv"};
  says(usage_of({}, parts), "[folds] are cut from the training part");
  parts.parts.validation.clear();
  CHECK(own_data({}, parts).validation->size() == 1);
  DataSettings held;
  held.path = folder / "a.csv";
  held.own = folded(2, 0);
  held.val_split = 0.1;
  says(error_of<UsageError>([&] { (void)load("own", held); }), "[val_split] cannot be given together with folds");
  // a model that was trained on a fold reads a test part alone
  OwnSettings alone = folded(2, 0);
  alone.parts = {{}, {}, folder / "a.csv"};
  const Splits trained = own_data(folder / "a.csv", folded(2, 0));
  CHECK(rows_in(trained, own_data({}, alone, {}, trained.reading).test) == from_to(0, 100));
}
