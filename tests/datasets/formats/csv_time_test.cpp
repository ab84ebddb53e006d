#include "datasets/formats/csv_time.h"

#include "tests/datasets/formats/csv_files.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

using namespace bitstate;
using namespace bitstate::datasets;
using namespace bitstate::tests;

namespace {

using Starts = std::vector<std::size_t>;

const TableSettings timed{.time = "t"};

/// A table of a time and a number for each row, which counts.
std::string at_times(const std::vector<std::string>& times) {
  std::string text = "t,u\n";
  for (std::size_t i = 0; i < times.size(); ++i) text += fmt::format("{},{}\n", times[i], 10 * i);
  return text;
}

/// Seconds from 2026-01-31T00:00:00 to a date.
double since(const std::string& cell) {
  const auto date = date_in(cell);
  REQUIRE(date.has_value());
  return static_cast<double>(date->seconds - 1769817600) + date->fraction;
}

void check_near(const Doubles& found, const Doubles& expected) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) CHECK(found[i] == doctest::Approx(expected[i]).epsilon(1e-12));
}

}  // namespace

TEST_CASE("csv time: dates of ISO 8601 are seconds, in the zone that they say") {
  CHECK(since("2026-01-31") == 0);
  CHECK(since("2026-01-31T00:00") == 0);
  CHECK(since("2026-02-01 01:02:03") == 86400 + 3723);
  CHECK(since("\"2026-01-31T00:00:00.25\"") == 0.25);
  CHECK(since("2026-01-31T00:00:01,5") == 1.5);
  CHECK(since("2026-01-31T12:00:00Z") == 43200);
  CHECK(since("2026-01-31T12:00:00+01:30") == 43200 - 5400);
  CHECK(since("2026-01-31T12:00-08") == 43200 + 8 * 3600);
  CHECK(since("2026-01-31T12:00:00+0100") == 43200 - 3600);
  CHECK(date_in("1970-01-01")->seconds == 0);
  CHECK(date_in("1969-12-31T23:59:59")->seconds == -1);
  CHECK(date_in("2024-02-29")->seconds - date_in("2024-02-28")->seconds == 86400);
  CHECK_FALSE(date_in("2026-01-31T12:00:00")->zone);
  CHECK(date_in("2026-01-31T12:00:00Z")->zone);
  for (const char* bad : {"",
                          "2026",
                          "2026-01",
                          "2026-13-01",
                          "2026-02-29",
                          "2026-1-31",
                          "26-01-31",
                          "2026-01-31T",
                          "2026-01-31T24:00",
                          "2026-01-31T12",
                          "2026-01-31T12:60",
                          "2026-01-31T12:00:61",
                          "2026/01/31",
                          "2026-01-31T12:00:00.",
                          "2026-01-31T12:00:00x",
                          "2026-01-31T12:00:00+",
                          "2026-01-31T12:00:00+1",
                          "2026-01-31T12:00:00+01:",
                          "2026-01-31T12:00:00+01:00x",
                          "2026-01-31T12:00:00ZZ",
                          "-026-01-31",
                          "2026-+1-31",
                          "0000-01-01"}) {
    CAPTURE(bad);
    CHECK_FALSE(date_in(bad).has_value());
  }
}

TEST_CASE("csv time: a regular time is checked and left out") {
  const Csv table = table_of(at_times({"0", "0.1", "0.2", "0.30001", "0.4"}), {"u"}, timed);
  CHECK(table.names == Names{"u"});
  CHECK(table.positions == Starts{1});
  CHECK(table.values == Doubles{0, 10, 20, 30, 40});
  CHECK(table.starts.empty());
  CHECK(table.notes == Names{"t in steps of 0.1"});
  CHECK(table_of(at_times({"0", "1", "2"}), {}, timed).names == Names{"u"});
  CHECK(table_of(at_times({"0", "1", "2"}), {"t", "u"}, timed).values == Doubles{0, 0, 1, 10, 2, 20});
  CHECK(table_of("0,1\n1,2\n2,3\n", {"1"}, {.header = "no", .time = "0"}).values == Doubles{1, 2, 3});
  // milliseconds of 60 Hz, and Unix time with fractions
  CHECK(table_of(at_times({"0", "16", "33", "50", "66", "83"}), {"u"}, timed).starts.empty());
  CHECK(table_of(at_times({"1769817600.125", "1769817600.250", "1769817600.375"}), {"u"}, timed).notes ==
        Names{"t in steps of 0.125"});
  CHECK(table_of(at_times({"5"}), {"u"}, timed).rows == 1);
}

TEST_CASE("csv time: gaps and restarts begin another sequence") {
  const Csv gaps = table_of(at_times({"0", "1", "2", "4", "5", "60", "61"}), {"u"}, timed);
  CHECK(gaps.values == Doubles{0, 10, 20, 30, 40, 50, 60});
  CHECK(gaps.starts == Starts{3, 5});
  CHECK(gaps.notes == Names{"t in steps of 1", "2 gaps", "3 sequences"});
  const Csv restarts = table_of(at_times({"5", "6", "7", "5", "6", "0", "1", "3"}), {"u"}, timed);
  CHECK(restarts.starts == Starts{3, 5, 7});
  CHECK(restarts.notes == Names{"t in steps of 1", "1 gap", "2 restarts", "4 sequences"});
  const Csv days = table_of(at_times({"2026-01-31T23:59:50Z", "2026-02-01T00:00:00Z", "2026-02-01T00:00:10Z",
                                      "2026-02-01T02:00:20+01:00", "2026-02-01T01:00:30Z"}),
                            {"u"}, timed);
  CHECK(days.starts == Starts{3});
  CHECK(days.notes == Names{"t in steps of 10 s", "1 gap", "2 sequences"});
}

TEST_CASE("csv time: rows out of order, irregular steps and what is no time are refused with their line") {
  const auto refused = [](const std::vector<std::string>& times, const std::string& words) {
    says(table_refusal(at_times(times), {"u"}, timed), words);
  };
  refused({"0", "1", "3", "2", "4"}, "line 5: column t: the time goes from 3 to 2: rows must be in order of time");
  refused({"0", "1", "1", "2"}, "line 4: column t: the time goes from 1 to 1");
  refused({"0", "1", "2", "2.8", "4", "5"},
          "line 5: column t: 2 of 5 steps are not the 1 that half of them are (they take 0.8 to 1.2): --resample=auto "
          "or STEP");
  refused({"0", "1", "2", "3.4", "4.4"}, "1 of 4 steps are not the 1");
  refused({"x", "1"}, "line 2: column t: expected a time as a number or a date, as 2026-01-31T12:00:00, got \"x\"");
  refused({"0", "1", "x"}, "line 4: column t: expected a finite decimal number, got \"x\"");
  refused({"0", "1", ""}, "line 4: column t: the time is missing");
  refused({"0", "1", "inf"}, "line 4: column t: expected a finite decimal number, got \"inf\"");
  refused({"2026-01-31", "1"}, "line 3: column t: expected a date, as 2026-01-31T12:00:00, got \"1\"");
  refused({"1", "2026-01-31"}, "line 3");
  refused({"2026-01-31T12:00", "2026-01-31T12:01Z"},
          "line 3: column t: \"2026-01-31T12:01Z\" says its zone, but dates before it do not");
  refused({"2026-01-31T12:00Z", "2026-01-31T12:01"}, "does not say its zone, but dates before it do");
  says(error_of<UsageError>([] { (void)table_of("t,u\n1,2\n", {"u"}, {.time = "x"}); }), "no column \"x\"");
  says(error_of<UsageError>([] { (void)table_of("t,u\n1,2\n", {"u"}, {.resample = "auto"}); }),
       "[resample] is auto, but rows");
  says(error_of<UsageError>([] { (void)table_of("t,u\n1,2\n", {"u"}, {.time = "t", .gap = 3}); }),
       "[gap] is 3, but only");
}

TEST_CASE("csv time: irregular steps are resampled on lines between the rows, within each sequence") {
  const std::string text = at_times({"0", "1", "2", "2.5", "4", "40", "41.5", "42"});
  const Csv table = table_of(text, {"u"}, {.time = "t", .resample = "auto"});
  check_near(table.values, {0, 10, 20, 30 + 10.0 / 3, 40, 50, 50 + 20.0 / 3, 70});
  CHECK(table.starts == Starts{5});
  CHECK(table.notes == Names{"t in steps of 1", "1 gap", "resampled to steps of 1", "2 sequences"});
  CHECK(table_of(text, {"u"}, {.time = "t", .resample = "0.5"}).rows == 9 + 5);
  CHECK(table_of(text, {"u"}, {.time = "t", .resample = "4", .gap = 50}).rows == 11);
  CHECK(table_of(text, {"u"}, {.time = "t", .resample = "1", .gap = 1.2}).starts.size() == 3);
  // steps of other rounding still meet the rows
  const Csv tenths = table_of(at_times({"0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7"}), {"u"},
                              {.time = "t", .resample = "0.1"});
  CHECK(tenths.values == Doubles{0, 10, 20, 30, 40, 50, 60, 70});
  // a class holds until the next row
  const std::string classes = "t,u,k\n0,0,1\n1,10,5\n2.5,25,2\n";
  check_near(table_of(classes, {"u", "k"}, {.time = "t", .resample = "0.5"}, 1).values,
             {0, 1, 5, 1, 10, 5, 15, 5, 20, 5, 25, 2});
  says(table_refusal(at_times({"0", "1", "9e8"}), {"u"}, {.time = "t", .resample = "1", .gap = 1e9}),
       "at most 100000000 numbers are made");
  says(table_refusal("t,u\n0.1,1\n10485765,1\n", {"u"}, {.time = "t", .resample = "0.25"}),
       "would be 41943060 rows of 2; at most 100000000 numbers are made, and 1000 rows of one");
}

TEST_CASE("csv time: missing cells are filled in time, and within a sequence only") {
  const std::string text = "t,u\n0,\n1,10\n2,\n3,30\n50,\n51,50\n52,\n53,53\n";
  check_near(table_of(text, {"u"}, {.missing = "linear", .time = "t"}).values, {10, 20, 30, 50, 51.5, 53});
  const Csv held = table_of(text, {"u"}, {.missing = "hold", .time = "t"});
  CHECK(held.values == Doubles{10, 10, 30, 50, 50, 53});
  CHECK(held.starts == Starts{3});
  const Csv dropped = table_of(text, {"u"}, {.missing = "drop", .time = "t"});
  CHECK(dropped.values == Doubles{10, 30, 50, 53});
  CHECK(dropped.starts == Starts{1, 2, 3});
  // with irregular steps the line is one in time
  check_near(
      table_of("t,u\n0,0\n1,\n4,40\n5,50\n6,60\n7,70\n", {"u"}, {.missing = "linear", .time = "t", .resample = "1"})
          .values,
      {0, 10, 20, 30, 40, 50, 60, 70});
  // a row without a time is dropped or refused; one without anything is none
  const std::string no_time = "t,u\n0,0\n1,10\n,20\n2,20\n,\n3,30\n";
  const Csv all_timed = table_of(no_time, {"u"}, {.missing = "drop", .time = "t"});
  CHECK(all_timed.values == Doubles{0, 10, 20, 30});
  CHECK(all_timed.notes == Names{"t in steps of 1", "1 row without a time left out"});
  says(table_refusal(no_time, {"u"}, {.missing = "hold", .time = "t"}), "line 4: column t: the time is missing");
  says(table_refusal(text, {"u"}, timed),
       "line 2: column u: expected a finite decimal number, got \"\" (4 cells are missing");
  // a row of dates is none of units
  says(table_refusal("t,u\n2026-01-31,\n2026-02-01,1\n", {"u"}, timed), "line 2: column u");
}
