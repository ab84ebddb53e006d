#include "datasets/own/own.h"
#include "tests/datasets/formats/idx_files.h"
#include "tests/datasets/own/own_files.h"

#include <doctest/doctest.h>

using namespace bitstate;
using namespace bitstate::datasets;
using namespace bitstate::tests;

TEST_CASE("own: tables may be called .tsv, .dat and .txt, and be compressed") {
  const TempFolder folder;
  const std::string text = series(40);
  for (const char* name : {"s.tsv", "s.DAT", "s.txt"}) {
    tests::write_quickly(folder / name, text);
    CHECK(own_data(folder / name, u_to_y).train->size() == 1);
  }
  for (const char* name : {"s.csv.gz", "s.tsv.GZ", "s.dat.gz", "s.txt.gz"}) {
    tests::write_quickly(folder / name, gzip(text));
    const Splits splits = own_data(folder / name, u_to_y);
    CHECK(splits.reading.input_units.mean == Doubles{15.5});
    says(splits.origin, std::string("40 rows of ") + name + " with the header u,y,c,k, input u, target y (gzip)");
  }
  // a .txt without columns is a text; with one it is a table, also in a folder without other tables
  CHECK(own_data(folder / "s.txt", {}).tokens);
  says(usage_of(folder / "s.txt", {.input = "u"}), "[target] a table needs --target=");
  const TempFolder parts;
  for (const char* part : {"train", "test"}) {
    std::filesystem::create_directory(parts / part);
    tests::write_quickly(parts / part / "1.txt", series(20));
    tests::write_quickly(parts / part / "2.txt", series(10));
  }
  CHECK(own_data(parts.path(), u_to_y).train->size() == 2);
  CHECK(own_data(parts.path(), {}).tokens);
  tests::write_quickly(parts / "train/3.tsv", series(10));
  const Splits mixed = own_data(parts.path(), u_to_y);
  CHECK(mixed.train->size() == 1);
  CHECK(mixed.test->size() == 2);
  says(mixed.origin, "not read: train/1.txt, train/2.txt");
  std::filesystem::remove_all(parts / "train");
  std::filesystem::remove_all(parts / "test");
  tests::write_quickly(parts / "train.txt", series(20));
  tests::write_quickly(parts / "test.txt.gz", gzip(series(20)));
  CHECK(own_data(parts.path(), u_to_y).test->size() == 1);
}

TEST_CASE("own: rows that are left out part a series, no window reaches over them, and too short pieces are not used") {
  const TempFolder folder;
  std::string text = "u,y\n";
  for (int i = 0; i < 100; ++i)
    text += fmt::format("{},{}\n", i, i == 30 || i == 33 || i == 95 ? "" : std::to_string(10 * i));
  tests::write_quickly(folder / "s.csv", text);
  says(refusal_of(folder / "s.csv", u_to_y),
       "s.csv, line 32: column y: expected a finite decimal number, got \"\" (3 cells");
  OwnSettings dropped = u_to_y;
  dropped.table.missing = "drop";
  const Splits splits = own_data(folder / "s.csv", dropped, {.window = 10, .stride = 1, .horizon = 2});
  // of the 77 first of 97 rows: 0 to 29, 31 and 32 (too short for a horizon of 2), 34 to 78
  CHECK(splits.train->size() == 28 - 9 + 43 - 9);
  for (std::size_t i = 0; i < splits.train->size(); ++i) {
    const Example example = restored(splits, splits.train, i);
    CHECK(example.x[9] == example.x[0] + 9);
    CHECK(example.target[9] == 10 * (example.x[9] + 2));
    CHECK((example.x[9] < 28 || example.x[0] >= 34));
  }
  says(splits.origin,
       "97 rows of s.csv with the header u,y, input u, target y (3 rows with missing cells left out, 4 sequences)");
  CHECK(splits.test->size() == 2);
  tests::write_quickly(folder / "short.csv", "u,y\n1,2\n,\n3,4\n,\n5,6\n,\n7,8\n,\n1,2\n3,4\n5,6\n7,8\n1,2\n3,4\n");
  says(refusal_of(folder / "short.csv", dropped, {.horizon = 3}), "short.csv");
}

TEST_CASE("own: with a column of times no window reaches over a gap or a restart") {
  const TempFolder folder;
  std::string text = "day;u;y\n";
  for (int i = 0; i < 100; ++i) {
    const int minute = i < 40 ? i : (i < 55 ? i + 3 : i - 55);
    text += fmt::format("2026-01-31T{:02}:{:02}Z;{};{}\n", minute / 60, minute % 60, i, 10 * i);
  }
  tests::write_quickly(folder / "s.csv", text);
  OwnSettings own = u_to_y;
  CHECK(own_data(folder / "s.csv", own, {.window = 10, .stride = 1}).train->size() == 71);
  own.table.time = "day";
  const Splits splits = own_data(folder / "s.csv", own, {.window = 10, .stride = 1});
  CHECK(splits.train->size() == 31 + 6 + 16);
  for (std::size_t i = 0; i < splits.train->size(); ++i) {
    const Example example = restored(splits, splits.train, i);
    CHECK(example.x[9] == example.x[0] + 9);
    for (const float start : {40.0F, 55.0F}) CHECK((example.x[9] < start || example.x[0] >= start));
  }
  says(splits.origin,
       "100 rows of s.csv with the header day,u,y, input u, target y (separated by semicolons, day in steps of 60 s, "
       "1 gap, 1 restart, 3 sequences)");
  own.table.resample = "120";
  CHECK(own_data(folder / "s.csv", own).train->size() == 2);
}
