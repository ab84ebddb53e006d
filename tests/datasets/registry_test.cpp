#include "datasets/registry.h"

#include "core/error.h"
#include "core/options.h"
#include "datasets/data_settings.h"
#include "tests/datasets/formats/idx_files.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

using namespace bitstate;
using namespace bitstate::datasets;
using tests::error_of;
using tests::TempFolder;

TEST_CASE("registry: a data set loads under its name and under Q-S5's") {
  const TempFolder files;
  tests::write_digits(files.path(), 20, 5, false);
  const DataSettings options{.path = files.path(), .dynamics = {.trajectories = 4, .tau = 3.0}};
  for (const std::string name : {"smnist", "psmnist", "lorenz", "mackey-glass"}) {
    const Splits splits = load(name, options);
    CHECK(splits.name == name);
    CHECK(load(name + "-classification", options).name == name);
    CHECK(splits.d_input == shape(name).splits.d_input);
    CHECK(splits.d_output == shape(name).splits.d_output);
    CHECK(splits.max_length == shape(name).splits.max_length);
    CHECK(splits.metric == shape(name).splits.metric);
  }
  CHECK(load("mnist", options).name == "smnist");
  CHECK(canonical_name("mnist-classification") == "smnist");
  CHECK(canonical_name("lra-cifar-classification") == "lra-cifar");
  CHECK(canonical_name("classification").empty());
}

TEST_CASE("registry: a data set without validation part holds a share of its training part out, if asked") {
  const DataSettings options{.val_split = 0.25, .dynamics = {.trajectories = 20}};
  const Splits whole = load("lorenz", {.dynamics = {.trajectories = 20}});
  const Splits held = load("lorenz", options);
  REQUIRE(held.validation != nullptr);
  CHECK(held.train->size() == 12);
  CHECK(held.validation->size() == 4);
  std::set<std::vector<float>> seen;
  Example example;
  for (const auto& part : {held.train, held.validation}) {
    for (std::size_t i = 0; i < part->size(); ++i) {
      part->read(i, example);
      seen.insert(example.x);
    }
  }
  CHECK(seen.size() == whole.train->size());  // every training example is in one of the two
  CHECK(error_of<UsageError>([] {
          (void)load("lorenz", {.val_split = 0.1, .dynamics = {.trajectories = 4}});
        }).find("val_split") != std::string::npos);
}

TEST_CASE("registry: generated data sets have no files, and as many training examples as the settings ask for") {
  const std::set<std::string> generated{"lorenz", "mackey-glass", "induction", "copying"};
  for (const std::string& name : names()) CHECK(is_generated(name) == generated.contains(name));
  CHECK(is_generated("lorenz-classification"));
  CHECK_FALSE(is_generated("nothing"));
  const DataSettings few{.limit_train = 3, .dynamics = {.trajectories = 24}};
  CHECK(train_size("lorenz", few) == load("lorenz", {.dynamics = few.dynamics}).train->size());
  CHECK(train_size("mackey-glass", few) == 19);
  CHECK(train_size("copying", few) == load("copying", {}).train->size());
  CHECK(train_size("smnist", few) == 54'000);
  CHECK(error_of<UsageError>([&] { (void)train_size("own", few); }).find("no official shape") != std::string::npos);
}

TEST_CASE("registry: a data set says by what metric the literature judges it, if not by that of its task") {
  CHECK(load("lorenz", {.dynamics = {.trajectories = 2}}).metric == Metric::mse);
  CHECK(load("mackey-glass", {.dynamics = {.trajectories = 2}}).metric == Metric::smape);
  CHECK(shape("imdb-bytes").splits.metric == Metric::bits_per_byte);
  for (const std::string& name : names()) {
    if (name != "own" && name != "imdb-bytes" && !is_generated(name))
      CHECK_FALSE(shape(name).splits.metric.has_value());
  }
}

TEST_CASE("registry: limits keep the first examples of each part") {
  const TempFolder files;
  tests::write_digits(files.path(), 20, 5, false);
  const Splits splits = load("psmnist", {.path = files.path(), .limit_train = 6, .limit_test = 1});
  CHECK(splits.train->size() == 6);
  CHECK(splits.validation->size() == 1);
  CHECK(splits.test->size() == 1);
  const Splits lorenz = load("lorenz", {.limit_train = 100, .limit_test = 1, .dynamics = {.trajectories = 10}});
  CHECK(lorenz.train->size() == 8);
  CHECK(lorenz.validation == nullptr);
  CHECK(lorenz.test->size() == 1);
}

TEST_CASE("registry: options reach the generators") {
  Example a;
  Example b;
  load("lorenz", {.dynamics = {.trajectories = 2, .spread = 0.1}}).train->read(0, a);
  load("lorenz", {.dynamics = {.trajectories = 2, .seed = 1, .spread = 0.1}}).train->read(0, b);
  CHECK(a.x != b.x);
  load("mackey-glass", {.dynamics = {.trajectories = 2, .tau = 4.0}}).train->read(0, a);
  load("mackey-glass", {.dynamics = {.trajectories = 2, .tau = 5.0}}).train->read(0, b);
  CHECK(a.x != b.x);
}

TEST_CASE("registry: a mistake in an option is named before a file that is absent") {
  const std::string sentence = "[horizon] expected 0 (simulation) or 1 (one step ahead), got \"2\"";
  for (const char* const name : {"silverbox", "silverbox-arrow", "cascaded-tanks"}) {
    CHECK(error_of<UsageError>([&] { (void)load(name, {.series = {.horizon = 2}}); }) == sentence);
  }
}

TEST_CASE("registry: an unknown name is a usage error that names the nearest") {
  const std::string message = error_of<UsageError>([] { (void)load("lorentz", {}); });
  CHECK(message.find("lorentz") != std::string::npos);
  CHECK(message.find("lorenz") != std::string::npos);
}

TEST_CASE("registry: an option names the data sets whose tables have it, and one that all have names none") {
  std::map<std::string, std::vector<std::string>> subjects;
  for (const OptionInfo& option : data_options().rows()) {
    CHECK_MESSAGE(subjects.emplace(option.name, option.subjects).second, option.name);
  }
  using Names = std::vector<std::string>;
  CHECK(subjects.at("limit_train") == Names{});
  CHECK(subjects.at("data") == Names{});
  CHECK(subjects.at("tau") == Names{"mackey-glass"});
  CHECK(subjects.at("trajectories") == Names{"lorenz", "mackey-glass"});
  CHECK(subjects.at("contour_length") == Names{"pathfinder", "pathx"});
  CHECK(subjects.at("input") == Names{"own"});
  CHECK(subjects.at("window") == Names{"silverbox", "silverbox-arrow", "cascaded-tanks", "own"});
}
