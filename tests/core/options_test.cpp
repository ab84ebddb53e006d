#include "core/options.h"

#include "core/error.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace bitstate {
namespace {

using tests::error_of;

struct Inner {
  double rate = 0.5;
  std::optional<int> bits;
};

struct Outer {
  std::size_t count = 3;
  std::uint64_t seed = 0;
  bool loud = false;
  std::string shape = "round";
  std::string note;
  std::filesystem::path file;
  Inner inner;
};

OptionTable<Inner> inner_options() {
  OptionTable<Inner> table("inside");
  table.real("rate", "RATE", &Inner::rate, {0.0, 1.0, true}, "how fast");
  table.bit_width("bits", &Inner::bits, "how exact");
  return table;
}

OptionTable<Outer> outer_options() {
  OptionTable<Outer> table("first");
  table.whole("count", "N", &Outer::count, 1, 9, "how many");
  table.whole("seed", "N", &Outer::seed, 0, std::numeric_limits<std::uint64_t>::max(), "of the draws");
  table.flag("loud", &Outer::loud, "say more");
  table.begin_group("second");
  table.word("shape", &Outer::shape, {"round", "square"}, "its form");
  table.text("note", "TEXT", &Outer::note, "anything");
  table.path("file", "FILE", &Outer::file, "where");
  table.nested(inner_options(), &Outer::inner);
  return table;
}

const OptionOf<Outer>& row(const OptionTable<Outer>& table, const std::string& name) {
  const auto* const option = find_option(table.rows(), name);
  REQUIRE(option != nullptr);
  return *option;
}

TEST_CASE("options: what a row writes, it reads back; those of a member set the member") {
  const auto table = outer_options();
  const std::vector<std::vector<std::string>> values{{"count", "9"},        {"seed", "18446744073709551615"},
                                                     {"loud", "true"},      {"shape", "square"},
                                                     {"note", "n"},         {"file", " a b "},
                                                     {"rate", "0.1234567"}, {"bits", "16"}};
  CHECK(table.rows().size() == values.size());
  Outer outer;
  for (const auto& value : values) {
    const auto& option = row(table, value[0]);
    option.set(outer, value[1]);
    CHECK(option.text(outer) == value[1]);
  }
  CHECK(outer.count == 9);
  CHECK(outer.file == " a b ");
  CHECK(outer.inner.rate == 0.1234567);
  CHECK(outer.inner.bits == 16);
  row(table, "bits").set(outer, "none");
  CHECK_FALSE(outer.inner.bits);
}

TEST_CASE("options: a row knows its heading, its words, and whether it is a switch or a path") {
  const auto table = outer_options();
  CHECK(row(table, "count").group == "first");
  CHECK(row(table, "shape").group == "second");
  CHECK(row(table, "rate").group == "inside");
  CHECK(row(table, "shape").words == std::vector<std::string>{"round", "square"});
  CHECK(row(table, "loud").is_switch);
  CHECK(row(table, "file").verbatim);
  CHECK_FALSE(row(table, "note").verbatim);
}

TEST_CASE("options: a value that is none is refused by one sentence, and nothing is set") {
  const auto table = outer_options();
  Outer outer;
  const auto refusal = [&](const std::string& name, const std::string& value) {
    return error_of<UsageError>([&] { row(table, name).set(outer, value); });
  };
  CHECK(refusal("count", "0") == "[count] expected a whole number from 1 to 9, got \"0\"");
  CHECK(refusal("count", "10") == "[count] expected a whole number from 1 to 9, got \"10\"");
  CHECK(refusal("count", "2 ") == "[count] expected a whole number from 1 to 9, got \"2 \"");
  CHECK(refusal("seed", "-1") == "[seed] expected a whole number from 0 to 2^64-1, got \"-1\"");
  CHECK(refusal("loud", "on") == "[loud] expected true or false (also yes, no, 1, 0), got \"on\"");
  CHECK(refusal("shape", "squar") == "[shape] expected one of round, square, got \"squar\"; did you mean 'square'?");
  CHECK(refusal("shape", "7") == "[shape] expected one of round, square, got \"7\"");
  CHECK(refusal("rate", "0") == "[rate] expected a number above 0 and up to 1, got \"0\"");
  CHECK(refusal("rate", "1.5") == "[rate] expected a number above 0 and up to 1, got \"1.5\"");
  CHECK(refusal("rate", "nan") == "[rate] expected a number above 0 and up to 1, got \"nan\"");
  CHECK(refusal("bits", "17") == "[bits] expected 1 to 16 bits or none, got \"17\"");
  CHECK(outer.count == 3);
  CHECK(outer.shape == "round");
  CHECK(outer.inner.rate == 0.5);
}

TEST_CASE("options: a name stands once in a table, whatever struct it belongs to") {
  OptionTable<Outer> table = outer_options();
  const std::string sentence = "[rate] stands twice in a table of options";
  CHECK(error_of<Error>([&] { table.nested(inner_options(), &Outer::inner); }) == sentence);
  CHECK(error_of<Error>([&] { table.text("rate", "TEXT", &Outer::note, "another"); }) == sentence);
  CHECK(find_option(table.rows(), "none") == nullptr);
}

TEST_CASE("options: an interval says which of its ends belong to it") {
  CHECK(Interval{0.0, 1.0, false, true}.text() == "a number from 0 to below 1");
  CHECK_FALSE(Interval{0.0, 1.0, false, true}.contains(1.0));
  CHECK(Interval{0.0, 1.0}.contains(1.0));
  CHECK_FALSE(Interval{0.0, 1.0, true}.contains(0.0));
  CHECK_FALSE(Interval{}.contains(std::numeric_limits<double>::infinity()));
}

}  // namespace
}  // namespace bitstate
