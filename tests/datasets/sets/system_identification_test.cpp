#include "datasets/sets/system_identification.h"

#include "core/error.h"
#include "core/units.h"
#include "tests/support/folders.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

namespace bitstate::tests::system_identification_test {

using namespace bitstate;
using namespace bitstate::datasets;
using tests::error_of;
using tests::TempFolder;

namespace {

/// The folder of the official files, if they are there.
std::optional<std::filesystem::path> official(const std::string& file) {
  const auto folder = tests::shared_folder() / "data";
  if (std::filesystem::exists(folder / file)) return folder;
  MESSAGE("skipped: ", (folder / file).string(), " is not there");
  return std::nullopt;
}

/// An example in volts.
Example restored(const Splits& splits, const std::shared_ptr<const Dataset>& data, std::size_t index) {
  Example example;
  data->read(index, example);
  const std::vector<double> x = bitstate::restored(splits.reading.input_units, example.x);
  const std::vector<double> target = bitstate::restored(splits.reading.target_units, example.target);
  example.x.assign(x.begin(), x.end());
  example.target.assign(target.begin(), target.end());
  return example;
}

/// Three columns of 1024 rows like dataBenchmark.csv: uEst = i, uVal = 2 i, yEst = 3 i, yVal = 4 i; Ts has one cell.
void write_tanks(const std::filesystem::path& file, std::size_t rows = 1024) {
  std::string text = "\"uEst\",\"uVal\",\"yEst\",\"yVal\",\"Ts\",\r\n";
  for (std::size_t i = 0; i < rows; ++i) {
    text += fmt::format("{},{},{},{},{},\r\n", i, 2 * i, 3 * i, 4 * i, i == 0 ? "4" : "");
  }
  tests::write_quickly(file, text);
}

}  // namespace

TEST_CASE("cascaded-tanks: simulation reads the input alone, one-step prediction also the level") {
  const TempFolder folder;
  std::filesystem::create_directory(folder / "cascaded_tanks");
  write_tanks(folder / "cascaded_tanks/dataBenchmark.csv");
  const Splits simulation = cascaded_tanks(folder.path(), {});
  CHECK(simulation.name == "cascaded-tanks");
  CHECK(simulation.task == Task::regression);
  CHECK(simulation.d_input == 1);
  CHECK(simulation.d_output == 1);
  CHECK(simulation.train->size() == 5);  // 768 steps in windows of 256, every 128
  CHECK(simulation.validation->size() == 1);
  CHECK(simulation.test->size() == 1);
  CHECK(simulation.max_length == 1024);
  CHECK(simulation.reading.input_units.mean[0] == doctest::Approx(767.0 / 2.0));
  const Example window = restored(simulation, simulation.train, 4);
  CHECK(window.length == 256);
  CHECK(window.x[0] == doctest::Approx(512));
  CHECK(window.target[255] == doctest::Approx(3 * 767));
  CHECK(restored(simulation, simulation.validation, 0).x[0] == doctest::Approx(768));
  const Example test = restored(simulation, simulation.test, 0);
  CHECK(test.length == 1024);
  CHECK(test.x[1000] == doctest::Approx(2000));
  CHECK(test.target[1000] == doctest::Approx(4000));

  const Splits one_step = cascaded_tanks(folder / "cascaded_tanks", {.window = 100, .stride = 100, .horizon = 1});
  CHECK(one_step.d_input == 2);
  CHECK(one_step.d_output == 1);
  CHECK(one_step.train->size() == 7);  // 767 steps
  const Example next = restored(one_step, one_step.test, 0);
  CHECK(next.length == 1023);
  CHECK(next.x[2 * 500] == doctest::Approx(1000));
  CHECK(next.x[2 * 500 + 1] == doctest::Approx(2000));
  CHECK(next.target[500] == doctest::Approx(4 * 501));
}

TEST_CASE("system identification: an absent file says where to get it, a short one how many rows there should be") {
  const TempFolder folder;
  const std::string absent = error_of<Error>([&] { (void)silverbox(folder.path(), {}); });
  CHECK(absent.find("SNLS80mV.csv") != std::string::npos);
  CHECK(absent.find("bitstate data fetch silverbox --data=DIR") != std::string::npos);
  CHECK_THROWS_AS((void)cascaded_tanks(folder.path(), {}), Error);
  write_tanks(folder / "dataBenchmark.csv", 1023);
  const std::string tanks = error_of<Error>([&] { (void)cascaded_tanks(folder.path(), {}); });
  CHECK(tanks.find("has 1023 rows, but the benchmark has at least 1024") != std::string::npos);
  tests::write_quickly(folder / "SNLS80mV.csv", "\"V1\",\"V2\",\n1,2,\n");
  const std::string silver = error_of<Error>([&] { (void)silverbox(folder.path(), {}); });
  CHECK(silver.find("has 1 rows") != std::string::npos);
}

TEST_CASE("silverbox: the parts are those of its authors, in both tests, simulation and one-step prediction") {
  const TempFolder folder;
  std::string text = "\"V1\",\"V2\",\r\n";
  for (int i = 0; i < 127'400; ++i) text += fmt::format("{},{},\r\n", i, -2 * i);
  tests::write_quickly(folder / "SNLS80mV.csv", text);
  struct Part {
    std::shared_ptr<const Dataset> data;
    std::size_t size, first, length;
  };
  for (const SilverboxTest test : {SilverboxTest::multisine, SilverboxTest::arrow}) {
    const bool arrow = test == SilverboxTest::arrow;
    CAPTURE(arrow);
    const Splits simulation = silverbox(folder.path(), {}, test);
    CHECK(simulation.name == (arrow ? "silverbox-arrow" : "silverbox"));
    for (const Part& part :
         {Part{simulation.train, 113, 40'650, 1024}, Part{simulation.validation, 1, 99'206, 6'506},
          Part{simulation.test, 1, std::size_t{arrow ? 100U : 105'712U}, arrow ? 40'475U : 21'688U}}) {
      REQUIRE(part.data->size() == part.size);
      const Example example = restored(simulation, part.data, 0);
      CHECK(example.length == part.length);
      // what is trained is a float in units of the deviation
      const double first = static_cast<double>(part.first);
      CHECK(std::abs(double{example.x[0]} - first) <= 0x1p-22 * simulation.reading.input_units.deviation[0]);
      CHECK(std::abs(double{example.target[0]} + 2.0 * first) <=
            0x1p-22 * simulation.reading.target_units.deviation[0]);
    }
    const Splits one_step = silverbox(folder.path(), {.horizon = 1}, test);
    const Example next = restored(one_step, one_step.test, 0);
    CHECK(next.length == (arrow ? 40'474U : 21'687U));
    CHECK(next.x[2 * 1000 + 1] == doctest::Approx(-2.0 * (arrow ? 1'100 : 106'712)));
    CHECK(next.target[1000] == doctest::Approx(-2.0 * (arrow ? 1'101 : 106'713)));
  }
}

TEST_CASE("official: cascaded-tanks: the file has the levels of the paper") {
  const auto folder = official("cascaded_tanks/dataBenchmark.csv");
  if (!folder) return;
  const Splits splits = cascaded_tanks(*folder, {});
  const Example test = restored(splits, splits.test, 0);
  REQUIRE(test.length == 1024);
  CHECK(test.x[0] == doctest::Approx(0.97619));
  CHECK(test.target[0] == doctest::Approx(4.9728));
  CHECK(test.x[1023] == doctest::Approx(0.94805));
  CHECK(test.target[1023] == doctest::Approx(3.7179));
  const Example train = restored(splits, splits.train, 0);
  CHECK(train.x[2] == doctest::Approx(3.2309));
  CHECK(train.target[2] == doctest::Approx(5.2215));
  CHECK(*std::max_element(test.target.begin(), test.target.end()) <= 10.001F);  // the sensor ends at 10 V
}

TEST_CASE("official: silverbox: the file is split as its authors say") {
  const auto folder = official("silverbox/SNLS80mV.csv");
  if (!folder) return;
  const Splits splits = silverbox(*folder, {});
  CHECK(splits.name == "silverbox");
  CHECK(splits.train->size() == 113);  // 58,556 steps in windows of 1024, every 512
  REQUIRE(splits.validation->size() == 1);
  REQUIRE(splits.test->size() == 1);
  const Example test = restored(splits, splits.test, 0);
  CHECK(test.length == 21'688);
  CHECK(splits.max_length == 21'688);
  CHECK(test.target[0] == doctest::Approx(0.02876).epsilon(1e-4));
  CHECK(restored(splits, splits.validation, 0).length == 6'506);
  CHECK(restored(splits, splits.train, 0).target[0] == doctest::Approx(0.036451).epsilon(1e-4));

  const Splits arrow = silverbox(*folder, {.horizon = 1}, SilverboxTest::arrow);
  CHECK(arrow.name == "silverbox-arrow");
  CHECK(arrow.d_input == 2);
  const Example rise = restored(arrow, arrow.test, 0);
  REQUIRE(rise.length == 40'474);
  CHECK(rise.x[1] == doctest::Approx(0.00085876).epsilon(1e-3));
  CHECK(rise.target[0] == doctest::Approx(0.00155).epsilon(1e-3));
  // it grows beyond what was seen in training
  const auto largest = [](const std::vector<float>& y) {
    float found = 0.0F;
    for (const float v : y) found = std::max(found, std::fabs(v));
    return found;
  };
  float trained = 0.0F;
  for (std::size_t i = 0; i < splits.train->size(); ++i) {
    trained = std::max(trained, largest(restored(splits, splits.train, i).target));
  }
  CHECK(trained < 0.22F);
  CHECK(largest(rise.target) > 0.3F);
}

}  // namespace bitstate::tests::system_identification_test
