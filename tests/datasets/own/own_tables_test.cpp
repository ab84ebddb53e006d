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

TEST_CASE("own: a target of names says which task it needs, and words for missing numbers may name classes") {
  const TempFolder folder;
  const auto with = [&](const std::vector<std::string>& labels) {
    std::string text = "u;c\n";
    for (std::size_t i = 0; i < 40; ++i) text += fmt::format("{};{}\n", i, labels[i % labels.size()]);
    tests::write_quickly(folder / "s.csv", text);
    return folder / "s.csv";
  };
  OwnSettings own{.input = "u", .target = "c"};
  says(refusal_of(with({"up", "down"}), own),
       "line 2: column c: expected a finite decimal number, got \"up\"; if the target is a class, say "
       "--task=classification");
  says(refusal_of(with({"1", "x"}), own), "say --task=classification");
  for (const std::vector<std::string>& numbers : {std::vector<std::string>{"0.5", "up"}, {"1", ""}, {"1", "none"}}) {
    CHECK(refusal_of(with(numbers), own).find("classification") == std::string::npos);
  }
  own.task = "classification";
  CHECK(own_data(with({"none", "NA", "-", "up"}), own).reading.classes ==
        std::vector<std::string>{"-", "NA", "none", "up"});
  for (const char* missing : {"", "?", "NaN"}) {
    says(refusal_of(with({"up", missing}), own), "line 3: column c");
    own.table.missing = "hold";
    CHECK(own_data(with({"up", "down", missing}), own).reading.classes == std::vector<std::string>{"down", "up"});
    own.table.missing = "error";
  }
}

TEST_CASE("own: a separator that cuts nothing is named") {
  const TempFolder folder;
  tests::write_quickly(folder / "s.csv", "t;u;y\n1;2;3\n4;5;6\n");
  OwnSettings own = u_to_y;
  own.table.separator = "comma";
  says(usage_of(folder / "s.csv", own),
       "s.csv has no column \"u\"; it has one column, \"t;u;y\": another --separator, or none, would cut it");
}

TEST_CASE("own: columns keep the names of the header, also where they are given by number") {
  const TempFolder folder;
  tests::write_quickly(folder / "s.csv", series(40));
  using Names = std::vector<std::string>;
  const Splits named = own_data(folder / "s.csv", {.input = "u,2", .target = "1"});
  CHECK(named.input_names == Names{"u", "c"});
  CHECK(named.target_names == Names{"y"});
  tests::write_quickly(folder / "s.csv", "1,2\n3,4\n5,6\n7,8\n9,10\n1,2\n1,2\n1,2\n1,2\n1,2\n");
  CHECK(own_data(folder / "s.csv", {.input = "0", .target = "1"}).input_names.empty());
}
