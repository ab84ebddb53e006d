// Runs with cheaper forms of backward: what stays as it was, and what refuses them.
#include "core/error.h"
#include "core/io/hdf5.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/train.h"
#include "tests/experiments/run_folder/small_lorenz.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace bitstate::experiments::backward_forms_run_test {
namespace {

TEST_CASE("backward_forms: a run with statistics of batches takes the exact norm only, before it has a folder") {
  const tests::TempFolder folder;
  const std::filesystem::path out = folder / "run";
  const RunConfig c = tests::small_lorenz({{"batchnorm", "true"}, {"norm_backward", "frozen"}}, out);
  CHECK(tests::error_of<UsageError>([&] { (void)train(c); }) ==
        "[norm_backward] expected exact for a model with BatchNorm, whose statistics of the batch have no other form, "
        "got \"frozen\"");
  CHECK_FALSE(std::filesystem::exists(out));
}

/// A parameter after a run.
std::vector<float> trained(RunConfig c, const std::string& name) {
  const tests::TempFolder folder;
  c.run.out = (folder / "run").string();
  REQUIRE(train(c).status == "done");
  return Hdf5Reader(folder / "run" / "best.h5").read<float>("parameters/" + name).values;
}

bool stays_one(const std::vector<float>& w) {
  return std::all_of(w.begin(), w.end(), [](float v) { return v == 1.0F; });
}

TEST_CASE("backward_forms: with the frozen norm its scale keeps its value, also where weights decay") {
  const auto s5 = [](const char* form) {
    return tests::small_lorenz({{"batchnorm", "false"}, {"weight_decay", "0.5"}, {"norm_backward", form}});
  };
  CHECK(stays_one(trained(s5("frozen"), "layers.0.norm.scale")));
  CHECK_FALSE(stays_one(trained(s5("exact"), "layers.0.norm.scale")));
  const auto mamba = [](const char* form) {
    return load_run_config("", {{"dataset", "lorenz"},
                                {"trajectories", "12"},
                                {"bsz", "4"},
                                {"epochs", "1"},
                                {"n_layers", "1"},
                                {"d_model", "4"},
                                {"headdim", "4"},
                                {"weight_decay", "0.5"},
                                {"model", "mamba2"},
                                {"norm_backward", form}});
  };
  for (const char* const name : {"layers.0.norm.weight", "layers.0.mixer.norm.weight", "norm_f.weight"}) {
    CAPTURE(name);
    CHECK(stays_one(trained(mamba("centred"), name)));
    CHECK_FALSE(stays_one(trained(mamba("exact"), name)));
  }
}

}  // namespace
}  // namespace bitstate::experiments::backward_forms_run_test
