#include "datasets/registry.h"

#include "core/error.h"
#include "tests/datasets/idx_files.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <string>

using namespace bitstate;
using namespace bitstate::datasets;
using tests::error_of;
using tests::TempFolder;

TEST_CASE("registry: every name loads its data set") {
  const TempFolder files;
  tests::write_digits(files.path(), 20, 5, false);
  const DataOptions options{.data = files.path(), .trajectories = 4, .tau = 3.0};
  for (const std::string& name : names()) CHECK(load(name, options).name == name);
  CHECK(load("mnist", options).name == "smnist");
  CHECK(load("mnist-classification", options).name == "smnist");
}

TEST_CASE("registry: limits keep the first examples of each part") {
  const TempFolder files;
  tests::write_digits(files.path(), 20, 5, false);
  const Splits splits = load("psmnist", {.data = files.path(), .limit_train = 6, .limit_test = 1});
  CHECK(splits.train->size() == 6);
  CHECK(splits.validation->size() == 1);
  CHECK(splits.test->size() == 1);
  const Splits lorenz = load("lorenz", {.trajectories = 10, .limit_train = 100, .limit_test = 1});
  CHECK(lorenz.train->size() == 8);
  CHECK(lorenz.validation == nullptr);
  CHECK(lorenz.test->size() == 1);
}

TEST_CASE("registry: options reach the generators") {
  Example a;
  Example b;
  load("lorenz", {.trajectories = 2, .spread = 0.1}).train->read(0, a);
  load("lorenz", {.seed = 1, .trajectories = 2, .spread = 0.1}).train->read(0, b);
  CHECK(a.x != b.x);
  load("mackey-glass", {.trajectories = 2, .tau = 4.0}).train->read(0, a);
  load("mackey-glass", {.trajectories = 2, .tau = 5.0}).train->read(0, b);
  CHECK(a.x != b.x);
}

TEST_CASE("registry: an unknown name is a usage error that lists what exists") {
  const std::string message = error_of<UsageError>([] { (void)load("lorentz", {}); });
  CHECK(message.find("lorentz") != std::string::npos);
  CHECK(message.find("lorenz") != std::string::npos);
  CHECK(message.find("psmnist") != std::string::npos);
}
