#include "datasets/own/own_content.h"

#include "tests/datasets/formats/npy_files.h"
#include "tests/datasets/formats/wav_files.h"
#include "tests/datasets/own/own_files.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

using namespace bitstate;
using namespace bitstate::datasets;
using namespace bitstate::tests;

namespace {

using Values = std::vector<std::pair<std::string, std::size_t>>;

/// The content of data without parts.
PartContent content_of_all(const std::filesystem::path& file, const OwnSettings& own = {}) {
  const auto parts = own_content(file, own);
  REQUIRE(parts.size() == 1);
  CHECK(parts[0].name.empty());
  return parts[0];
}

}  // namespace

TEST_CASE("own content: of numbers, what is not finite is missing, and stretches keep the extremes") {
  const double infinity = std::numeric_limits<double>::infinity();
  const Doubles numbers{1.0, std::nan(""), 4.0, infinity, -2.0, 3.0, 4.0, 0.5};
  const ColumnContent column = column_of_numbers("x", numbers);
  CHECK(column.filled == 6);
  CHECK(column.missing == 2);
  REQUIRE(column.numbers.has_value());
  CHECK(column.numbers->low == -2.0);
  CHECK(column.numbers->high == 4.0);
  CHECK(column.numbers->mean == doctest::Approx(10.5 / 6));
  CHECK(column.numbers->deviation == doctest::Approx(std::sqrt(46.25 / 6 - std::pow(10.5 / 6, 2))));
  CHECK(column.values.empty());  // 0.5 is not whole
  REQUIRE(column.numbers->stretches.size() == numbers.size());
  CHECK(std::isnan(column.numbers->stretches[1].low));
  Doubles many(5120, 0.0);
  many[777] = 9.0;
  many[5119] = -9.0;
  const auto stretches = column_of_numbers("x", many).numbers->stretches;
  REQUIRE(stretches.size() == 512);
  CHECK(stretches[77].high == 9.0);
  CHECK(stretches[511].low == -9.0);
  CHECK(stretches[511].high == 0.0);
  // as large as doubles are, far from 0, and none at all
  const double most = std::numeric_limits<double>::max();
  CHECK(column_of_numbers("x", Doubles{-most, most, most, most}).numbers->mean == most / 2);
  CHECK(column_of_numbers("x", Doubles{1e15, 1e15 + 2}).numbers->deviation == doctest::Approx(1.0));
  CHECK(column_of_numbers("x", Doubles{0.1, 0.1, 0.1}).note == "constant");
  CHECK_FALSE(column_of_numbers("x", Doubles{std::nan("")}).numbers.has_value());
  CHECK(column_of_numbers("x", Doubles{}).filled == 0);
}

TEST_CASE("own content: a table's columns, whatever they hold and before any is chosen") {
  const TempFolder folder;
  std::string text = "t;u;day;state;class;odd\n";
  const char* const states[] = {"on", "off", "on", ""};
  const char* const odd[] = {"1", "\"e\x1B\"", "2", "3"};
  for (int i = 0; i < 4; ++i) {
    text += fmt::format("{},5;{};2026-01-0{};{};{};{}\n", i, i == 2 ? "n/a" : fmt::format("{},25", i), i + 1, states[i],
                        i % 2 + 3, odd[i]);
  }
  write_quickly(folder / "a.csv", text);
  OwnSettings own{.input = "u", .target = "class"};
  own.table.time = "day";
  const PartContent part = content_of_all(folder / "a.csv", own);
  CHECK(part.what ==
        "4 rows in 1 sequence of 1 file, 6 columns (day in steps of 86400 s, decimal comma, separated by semicolons)");
  REQUIRE(part.columns.size() == 6);
  const auto& [t, u, day, state, label, mixed] =
      std::tie(part.columns[0], part.columns[1], part.columns[2], part.columns[3], part.columns[4], part.columns[5]);
  CHECK(t.role.empty());
  CHECK(t.numbers->mean == 2.0);
  CHECK(u.role == "input");
  CHECK(u.filled == 3);
  CHECK(u.missing == 1);
  CHECK(u.numbers->high == 3.25);
  CHECK(day.kind == "dates");
  CHECK(day.role == "time");
  CHECK(day.filled == 4);
  CHECK(state.kind == "texts");
  CHECK(state.missing == 1);
  CHECK(state.values == Values{{"on", 2}, {"off", 1}});
  CHECK(label.role == "target");
  CHECK(label.values == Values{{"3", 2}, {"4", 2}});
  CHECK(mixed.note == "3 of 4 cells are numbers");
  CHECK(mixed.values == Values{{"e\x1B", 1}});
  says(error_of<UsageError>([&] { (void)own_content(folder / "a.csv", {.input = "v"}); }), "has no column \"v\"");
  says(error_of<Error>([&] { (void)own_content(folder / "b.csv", {}); }), "b.csv does not exist");
  says(error_of<UsageError>([&] { (void)own_content({}, {}); }), "own data need a file or a folder");
}

TEST_CASE("own content: columns with one name are told apart, restarts of the time part sequences") {
  const TempFolder folder;
  write_quickly(folder / "a.csv", "t,u,u\n0,1,5\n1,2,6\n0,3,7\n1,4,8\n");
  OwnSettings own;
  own.table.time = "t";
  const PartContent part = content_of_all(folder / "a.csv", own);
  CHECK(part.what.starts_with("4 rows in 2 sequences of 1 file, 3 columns"));
  CHECK(part.columns[1].numbers->mean == 2.5);
  CHECK(part.columns[2].numbers->mean == 6.5);
}

TEST_CASE("own content: parts of a folder, joined by the names of their columns") {
  const TempFolder folder;
  for (const char* const file : {"train/a.csv", "train/b.csv", "test/c.csv"}) {
    std::filesystem::create_directories((folder / file).parent_path());
    write_quickly(folder / file, series(10, file[6] == 'b' ? 10 : 0));
  }
  const auto parts = own_content(folder.path(), {});
  REQUIRE(parts.size() == 2);
  CHECK(parts[0].name == "training");
  CHECK(parts[0].what == "20 rows in 2 sequences of 2 files, 4 columns");
  CHECK(parts[0].columns[0].numbers->high == 19.0);
  CHECK(parts[0].columns[3].note == "constant");
  CHECK(parts[1].name == "test");
  CHECK(parts[1].columns[0].numbers->high == 9.0);
  // too few files to be split by a training are shown all the same
  CHECK(content_of_all(folder / "train").what == "20 rows in 2 sequences of 2 files, 4 columns");
}

TEST_CASE("own content: sequences with their labels") {
  const TempFolder folder;
  write_quickly(folder / "a.ts", "@classLabel true a b c\n@data\n1,2,3:4,5,6:a\n7,8:9,10:b\n7,8:9,11:b\n");
  const PartContent part = content_of_all(folder / "a.ts");
  CHECK(part.what == "3 sequences of 2 to 3 steps in 1 file");
  REQUIRE(part.columns.size() == 3);
  CHECK(part.columns[0].numbers->high == 8.0);
  CHECK(part.columns[1].numbers->high == 11.0);
  CHECK(part.columns[1].filled == 7);
  CHECK(part.columns[2].values == Values{{"b", 2}, {"a", 1}, {"c", 0}});
  for (const char* const name : {"no", "yes"}) {
    std::filesystem::create_directories(folder / "wav" / name);
    write_quickly(folder / "wav" / name / "1.wav", riff(wav_format(8000) + wav_samples({-16384, 16384})));
  }
  const PartContent sounds = content_of_all(folder / "wav");
  CHECK(sounds.what == "2 sequences of 2 steps in 2 files");
  CHECK(sounds.columns[0].numbers->low == -0.5);
  CHECK(sounds.columns[1].values == Values{{"no", 1}, {"yes", 1}});
}

TEST_CASE("own content: arrays with their shapes, also in groups, and with the roles that a training gives them") {
  const TempFolder folder;
  const auto file = written(folder, [](Hdf5Writer& writer) {
    for (const char* const group : {"train", "test"}) {
      writer.write(std::string(group) + "/x", counting(0, 12), {2, 3, 2});
      writer.write(std::string(group) + "/y", std::vector<std::int32_t>{1, 0});
    }
    writer.write_texts("deep/er/names", {"b", "a", "b"});
  });
  const PartContent part = content_of_all(file);
  CHECK(part.what == "arrays of 1 file");
  REQUIRE(part.columns.size() == 7);
  CHECK(part.columns[0].name == "deep/er/names");
  CHECK(part.columns[0].kind == "texts [3]");
  CHECK(part.columns[0].values == Values{{"b", 2}, {"a", 1}});
  CHECK(part.columns[1].name == "test/x[..., 0]");
  CHECK(part.columns[1].kind == "numbers [2, 3, 2]");
  CHECK(part.columns[1].role == "input");
  CHECK(part.columns[1].numbers->high == 10.0);
  CHECK(part.columns[2].numbers->low == 1.0);
  CHECK(part.columns[3].name == "test/y");
  CHECK(part.columns[3].kind == "integers [2]");
  CHECK(part.columns[3].role == "target");
  // nothing that a training would find
  const auto other = written(
      folder, [](Hdf5Writer& writer) { writer.write("signal", counting(0, 4), {4}); }, "other.h5");
  CHECK(content_of_all(other).columns[0].role.empty());
  CHECK(content_of_all(other, {.x = "/signal"}).columns[0].role == "input");
}

TEST_CASE("own content: the columns of a series in arrays, and arrays without columns") {
  const TempFolder folder;
  const auto file = written(folder, [](Hdf5Writer& writer) {
    writer.write("x", counting(0, 6), {3, 2});
    writer.write("y", counting(0, 3), {3, 1});
    writer.write("z", counting(0, 6), {3, 2});
  });
  const PartContent steps = content_of_all(file, {.rows = "steps"});
  REQUIRE(steps.columns.size() == 4);
  CHECK(steps.columns[0].name == "x[..., 0]");
  CHECK(steps.columns[0].numbers->high == 4.0);
  CHECK(steps.columns[1].name == "x[..., 1]");
  CHECK(steps.columns[1].numbers->low == 1.0);
  CHECK(steps.columns[1].role == "input");
  CHECK(steps.columns[2].name == "y");
  CHECK(steps.columns[3].name == "z");  // is no series of a training
  CHECK(content_of_all(file).columns.size() == 3);
  const auto empty = written(
      folder,
      [](Hdf5Writer& writer) {
        writer.write("x", std::vector<float>{}, {2, 3, 0});
      },
      "empty.h5");
  const PartContent none = content_of_all(empty);
  REQUIRE(none.columns.size() == 1);
  CHECK(none.columns[0].name == "x");
  CHECK(none.columns[0].filled == 0);
}

TEST_CASE("own content: ids and texts; a text is shown as a table where its rows are steps") {
  const TempFolder folder;
  write_quickly(folder / "ids.npy", npy_of<std::int32_t>("<i4", "(2, 3)", {7, 0, 7, 7, 300, 1}));
  const PartContent ids = content_of_all(folder / "ids.npy");
  CHECK(ids.what == "6 ids of 2 texts in 1 file");
  CHECK(ids.columns[0].numbers->high == 300.0);
  CHECK(ids.columns[0].distinct == 4);
  CHECK(ids.columns[0].values.front() == std::pair<std::string, std::size_t>{"7", 3});
  write_quickly(folder / "a.txt", "u y\n1 2\n3 4\n");
  CHECK(content_of_all(folder / "a.txt").what.starts_with("12 bytes of 1 text in 1 file"));
  write_quickly(folder / "b.txt", "\t9\t9\t\\x09");
  const PartContent bytes = content_of_all(folder / "b.txt");
  CHECK(bytes.columns[0].values == Values{{"9", 3}, {"\\x09", 3}, {"0", 1}, {"\\", 1}, {"x", 1}});
  CHECK(bytes.columns[0].distinct == 5);
  CHECK(content_of_all(folder / "a.txt", {.rows = "steps"}).columns[1].numbers->mean == 3.0);
}

TEST_CASE("own content: words for missing numbers are labels in the target of a classification") {
  const TempFolder folder;
  write_quickly(folder / "a.csv", "u,c\n1,none\n2,\n3,up\nnone,?\n");
  const auto missing = [&](const OwnSettings& own) {
    std::vector<std::size_t> cells;
    for (const ColumnContent& column : content_of_all(folder / "a.csv", own).columns) cells.push_back(column.missing);
    return cells;
  };
  CHECK(missing({.input = "u", .target = "c"}) == std::vector<std::size_t>{1, 3});
  CHECK(missing({.input = "u", .target = "c", .task = "classification"}) == std::vector<std::size_t>{1, 2});
}
