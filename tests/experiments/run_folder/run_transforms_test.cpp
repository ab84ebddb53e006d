// Transforms of a run: what each promises of its result, and how settings name them.
#include "core/error.h"
#include "core/io/hdf5.h"
#include "experiments/posttraining/transform.h"
#include "experiments/run_folder/train.h"
#include "experiments/settings/ini.h"
#include "experiments/settings/options.h"
#include "tests/experiments/run_folder/small_lorenz.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>

namespace bitstate::experiments {
namespace {

using tests::small_lorenz;

TEST_CASE("transforms: one that says so changes weights and keeps the outputs of the float model, bit for bit") {
  const tests::TempFolder folder;
  const double loss = train(small_lorenz({}, folder / "source")).test_loss;
  const auto b = [](const std::filesystem::path& run) {
    return Hdf5Reader(run / "best.h5").read<float>("parameters/layers.0.ssm.B").values;
  };
  const auto run = [&](const std::string& out, const std::string& transforms, const std::string& quant) {
    const RunConfig c = small_lorenz({{"from", (folder / "source").string()},
                                      {"epochs", "0"},
                                      {"calibration_batches", "2"},
                                      {"transforms", transforms},
                                      {"quant", quant}},
                                     folder / out);
    const TrainResult result = train(c);
    CHECK(evaluate(c, c.run.out).test_loss == result.test_loss);
    return result.test_loss;
  };
  const double plain = run("plain", "", "w8a8");
  for (const Transform& transform : all_transforms()) {
    if (!transform.keeps_float_output || transform.after_calibration) continue;
    const std::string& name = transform.name;
    CAPTURE(name);
    CHECK(run(name, name, "none") == loss);
    CHECK(b(folder / name) != b(folder / "source"));
    CHECK(run(name + "-w8a8", name, "w8a8") != plain);
  }
  CHECK(run("limited", "balance(limit=1)", "none") == loss);
  CHECK(b(folder / "limited") != b(folder / "source"));
}

TEST_CASE("transforms: balance, the old option, is the first of the list, under the name that runs had") {
  const tests::TempFolder folder;
  train(small_lorenz({}, folder / "source"));
  const auto with = [&](const Settings& options) {
    Settings all{{"from", (folder / "source").string()}};
    all.insert(all.end(), options.begin(), options.end());
    return small_lorenz(all, folder / "run");
  };
  const RunConfig old = with({{"balance", "true"}});
  CHECK(kept_settings(with({{"transforms", "balance"}})) == kept_settings(old));
  CHECK(settings_hash(with({{"transforms", "balance"}})) == settings_hash(old));
  CHECK(kept_settings(with({{"balance", "true"}, {"transforms", " balance "}})) == kept_settings(old));
  CHECK(settings_hash(with({{"balance", "false"}})) == settings_hash(with({})));
  CHECK(settings_hash(with({{"transforms", ""}})) == settings_hash(with({})));
  CHECK(settings_hash(old) != settings_hash(with({})));
  CHECK(settings_hash(with({{"balance", "true"}, {"transforms", "none"}})) == settings_hash(with({})));
  CHECK(kept_settings(with({{"balance", "true"}, {"transforms", ""}})) == kept_settings(old));
  CHECK(tests::error_of<UsageError>([] { small_lorenz({{"balance", "true"}}); }).find("[balance]") == 0);
  CHECK(tests::error_of<UsageError>([] { small_lorenz({{"transforms", "balance"}}); }).find("[balance]") == 0);
  CHECK(tests::error_of<UsageError>([&] { with({{"transforms", "nothing"}}); }).find("[transforms]") == 0);
  const RunConfig limited = with({{"balance", "true"}, {"transforms", "balance( limit=2 )"}});
  CHECK(settings_hash(limited) != settings_hash(old));
  CHECK(value_of(kept_settings(limited), "balance") == "false");
  CHECK(value_of(kept_settings(limited), "transforms") == "balance(limit=2)");
  CHECK(tests::error_of<UsageError>([&] {
          with({{"transforms", "balance"}, {"calibration_batches", "0"}});
        }).find("[balance]") == 0);
}

}  // namespace
}  // namespace bitstate::experiments
