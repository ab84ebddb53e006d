#include "datasets/generators/token_tasks.h"

#include "core/error.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <vector>

namespace bitstate::tests::token_tasks_test {
namespace {

using datasets::Example;

std::vector<Example> examples(const datasets::Dataset& part, std::size_t count) {
  std::vector<Example> all(count);
  for (std::size_t i = 0; i < count; ++i) part.read(i, all[i]);
  return all;
}

TEST_CASE("induction: the label of the last step is the token behind the first special one") {
  datasets::TokenTaskSettings settings;
  settings.length = 7;
  const auto splits = datasets::induction(settings);
  CHECK(splits.train->size() == 16000);
  CHECK(splits.test->size() == 1000);
  CHECK(splits.d_input == 16);
  CHECK(splits.d_output == 16);
  std::set<std::ptrdiff_t> places;
  for (const Example& e : examples(*splits.train, 500)) {
    REQUIRE(e.length == 7);
    REQUIRE(e.tokens.size() == 7);
    REQUIRE(e.labels.size() == 7);
    CHECK(std::all_of(e.tokens.begin(), e.tokens.end(), [](auto id) { return id >= 0 && id < 16; }));
    CHECK(std::count(e.tokens.begin(), e.tokens.end(), 15) == 2);
    CHECK(e.tokens.back() == 15);
    const auto first = std::find(e.tokens.begin(), e.tokens.end(), 15);
    places.insert(first - e.tokens.begin());
    CHECK(std::count(e.labels.begin(), e.labels.end(), datasets::no_label) == 6);
    CHECK(e.labels.back() == *(first + 1));
    CHECK(e.labels.back() != 15);
  }
  CHECK(places == std::set<std::ptrdiff_t>{0, 1, 2, 3, 4});  // the label is never the special token itself
}

TEST_CASE("copying: the questions are labelled by the data tokens in their order") {
  datasets::TokenTaskSettings settings;
  settings.length = 5;
  settings.copied = 3;
  const auto splits = datasets::copying(settings);
  CHECK(splits.max_length == 8);
  std::set<std::vector<std::size_t>> subsets;
  for (const Example& e : examples(*splits.test, 500)) {
    REQUIRE(e.tokens.size() == 8);
    std::vector<std::size_t> places;
    std::vector<std::int32_t> data;
    for (std::size_t t = 0; t < 5; ++t) {
      CHECK(e.labels[t] == datasets::no_label);
      if (e.tokens[t] == 14) continue;
      places.push_back(t);
      data.push_back(e.tokens[t]);
    }
    subsets.insert(places);
    REQUIRE(data.size() == 3);
    CHECK(std::equal(data.begin(), data.end(), e.labels.begin() + 5));
    CHECK(std::all_of(data.begin(), data.end(), [](auto id) { return id >= 0 && id < 14; }));
    CHECK(std::count(e.tokens.begin() + 5, e.tokens.end(), 15) == 3);
  }
  CHECK(subsets.size() == 10);  // all subsets of 3 of 5
}

TEST_CASE("token tasks: parts differ, and each reads the same twice") {
  for (const auto make : {datasets::induction, datasets::copying}) {
    const auto splits = make({});
    const auto tokens = [](const datasets::Dataset& part, std::size_t i) {
      Example e;
      part.read(i, e);
      return e.tokens;
    };
    CHECK(tokens(*splits.train, 3) == tokens(*make({}).train, 3));
    CHECK(tokens(*splits.train, 3) != tokens(*splits.train, 4));
    CHECK(tokens(*splits.train, 3) != tokens(*splits.validation, 3));
    CHECK(tokens(*splits.test, 3) != tokens(*splits.validation, 3));
  }
}

TEST_CASE("token tasks: lengths that hold no task are refused") {
  datasets::TokenTaskSettings settings;
  settings.length = 2;
  CHECK_THROWS_WITH_AS(datasets::induction(settings), "[length] expected at least 3 tokens for induction, got 2",
                       UsageError);
  settings.copied = 3;
  CHECK_THROWS_WITH_AS(datasets::copying(settings), "[copied] expected at most length = 2, got 3", UsageError);
}

}  // namespace
}  // namespace bitstate::tests::token_tasks_test
