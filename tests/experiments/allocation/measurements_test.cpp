#include "experiments/allocation/measurements.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <string>

namespace bitstate::experiments {
namespace {

const MeasuredOn on{"abc", "act:* 8\n", "def", 8};

}  // namespace

TEST_CASE("measurements: what was measured comes back with all digits, also that a model diverges") {
  const tests::TempFolder folder;
  {
    Measurements measurements(folder.path(), on);
    CHECK(measurements.find("weight:a 4\n") == nullptr);
    measurements.add("weight:a 4\n", Figures{1.0 / 3.0, 0.1});
    measurements.add("weight:a 2\n", std::nullopt);
  }
  const Measurements again(folder.path(), on);
  REQUIRE(again.find("weight:a 4\n") != nullptr);
  CHECK(*again.find("weight:a 4\n") == Figures{1.0 / 3.0, 0.1});
  REQUIRE(again.find("weight:a 2\n") != nullptr);
  CHECK_FALSE(again.find("weight:a 2\n")->has_value());
}

TEST_CASE("measurements: those of another run, other rules, data or batches are refused") {
  const tests::TempFolder folder;
  Measurements(folder.path(), on).add("", Figures{});
  for (const auto& [other, what] : {std::pair{MeasuredOn{"x", on.rules, on.data, 8}, "weights"},
                                    {MeasuredOn{on.weights, "x", on.data, 8}, "rules"},
                                    {MeasuredOn{on.weights, on.rules, "x", 8}, "data"},
                                    {MeasuredOn{on.weights, on.rules, on.data, 7}, "--batches"}}) {
    const std::string error = tests::error_of<UsageError>([&] { const Measurements m(folder.path(), other); });
    CHECK(error.find(std::string("was measured with other ") + what + " than") != error.npos);
  }
}

TEST_CASE("measurements: a damaged file and one of a newer version are errors that name it") {
  const tests::TempFolder folder;
  Measurements(folder.path(), on).add("weight:a 4\n", Figures{0.5, 0.25});
  const std::string whole = read_file(folder / "measured.json", 100000);
  const auto error_of = [&](const std::string& text) {
    tests::write_quickly(folder / "measured.json", text);
    return tests::error_of<Error>([&] { const Measurements m(folder.path(), on); });
  };
  for (std::size_t length = 0; length + 2 < whole.size(); length += 7) {
    CHECK(error_of(whole.substr(0, length)).find("measured.json is damaged") != std::string::npos);
  }
  const auto with = [&](const std::string& part, const std::string& other) {
    std::string text = whole;
    REQUIRE(text.find(part) != text.npos);
    return text.replace(text.find(part), part.size(), other);
  };
  CHECK(error_of(with("0.5", "1e999")).find("is damaged") != std::string::npos);
  CHECK(error_of(with("0.5", "NaN")).find("is damaged") != std::string::npos);
  CHECK(error_of(with("0.5", "\"x\"")).find("is damaged") != std::string::npos);
  CHECK(error_of(with("\"format\": 1", "\"format\": 2")).find("newer version") != std::string::npos);
  CHECK(error_of(with("\"format\": 1", "\"format\": \"1\"")).find("is damaged") != std::string::npos);
  CHECK(error_of(whole).empty());
}

}  // namespace bitstate::experiments
