// Quamba's way with trained runs of Mamba: its transforms, its presets, and a model that is not quantized without them.
#include "core/error.h"
#include "core/io/hdf5.h"
#include "experiments/inspect/inspect.h"
#include "experiments/run_folder/model_setup.h"
#include "experiments/run_folder/text_files.h"
#include "experiments/run_folder/train.h"
#include "experiments/settings/ini.h"
#include "experiments/settings/options.h"
#include "experiments/training/checkpoint.h"
#include "models/mamba/model.h"
#include "tests/experiments/run_folder/small_copying.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>
#include <vector>

namespace bitstate::experiments {
namespace {

Settings joined(Settings settings, const Settings& more) {
  settings.insert(settings.end(), more.begin(), more.end());
  return settings;
}

/// A trained run and what is made of it.
struct QuambaRig {
  tests::TempFolder folder;
  std::string model;
  double loss;

  explicit QuambaRig(const std::string& name, const Settings& options = {})
      : model(name), loss(train(config("source", {}, options)).test_loss) {}

  RunConfig config(const std::string& out, Settings all, const Settings& options) const {
    all.emplace_back("model", model);
    if (model == "mamba2") all.emplace_back("headdim", "4");
    return tests::small_copying(joined(std::move(all), options), folder / out);
  }

  /// As `bitstate ptq source` with these options.
  RunConfig ptq(const std::string& out, const Settings& options) const {
    const Settings untrained{{"from", (folder / "source").string()}, {"epochs", "0"}, {"calibration_batches", "4"}};
    return config(out, untrained, options);
  }

  std::vector<float> numbers(const std::string& run, const std::string& name) const {
    return Hdf5Reader(folder / run / "best.h5").read<float>(name).values;
  }
};

const std::string in_proj = "parameters/layers.0.mixer.in_proj.weight";
const std::string four_bits = "weight:*.in_proj 4 range=stored granularity=channel edge=half";

TEST_CASE("fold_norms: the weights of norms are 1 and the float outputs stay, also with a tied head") {
  for (const std::string name : {"mamba", "mamba2"}) {
    for (const std::string hadamard : {"none", "out_proj"}) {
      CAPTURE(name);
      CAPTURE(hadamard);
      const QuambaRig rig(name);
      const RunConfig folded = rig.ptq("folded", {{"transforms", "fold_norms"}, {"hadamard", hadamard}});
      CHECK(train(folded).test_loss == doctest::Approx(rig.loss).epsilon(1e-5));
      CHECK(rig.numbers("folded", in_proj) != rig.numbers("source", in_proj));
      const std::vector<float> ones(8, 1.0F);
      CHECK(rig.numbers("folded", "parameters/layers.1.norm.weight") == ones);
      CHECK(rig.numbers("source", "parameters/layers.1.norm.weight") != ones);
      CHECK(rig.numbers("folded", "parameters/norm_f.weight") == rig.numbers("source", "parameters/norm_f.weight"));
    }
  }
}

TEST_CASE("sort_cluster: channels are in another order, also of rotated ones, and the float outputs stay") {
  for (const std::string name : {"mamba", "mamba2"}) {
    for (const std::string hadamard : {"none", "all"}) {
      CAPTURE(name);
      CAPTURE(hadamard);
      const QuambaRig rig(name, {{"bidirectional", "true"}});
      const Settings options{{"hadamard", hadamard}, {"bidirectional", "true"}};
      train(rig.ptq("before", options));
      const RunConfig sorted = rig.ptq("sorted", joined(options, {{"transforms", "sort_cluster(m=2, n=2)"}}));
      CHECK(train(sorted).test_loss == doctest::Approx(rig.loss).epsilon(1e-5));
      for (const std::string mixer : {"mixer", "mixer_backward"}) {
        const std::string weight = "parameters/layers.1." + mixer + ".in_proj.weight";
        CHECK(rig.numbers("sorted", weight) != rig.numbers("before", weight));
        const Hdf5Reader file(rig.folder / "sorted" / "best.h5");
        const auto groups = file.read<std::int32_t>("groups/act:layers.1." + mixer + ".x").values;
        CHECK(groups.size() == 16);
        CHECK(std::is_sorted(groups.begin(), groups.end()) == (name == "mamba"));
        CHECK(*std::max_element(groups.begin(), groups.end()) == 3);
        CHECK(file.exists("groups/act:layers.1." + mixer + ".u") == (name == "mamba2"));
      }
    }
  }
}

TEST_CASE("sort_cluster: groups are kept with the weights, and whoever starts from these takes them") {
  const QuambaRig rig("mamba2", {{"epochs", "4"}});
  const std::string rules = "act:*.x 4 granularity=group; act:*.u 4 granularity=group; state:* 8 granularity=group";
  const RunConfig sorted = rig.ptq("sorted", {{"transforms", "sort_cluster"}, {"bits", rules}});
  const double loss = train(sorted).test_loss;
  CHECK(evaluate(sorted, sorted.run.out).test_loss == loss);
  CHECK(loss != train(rig.ptq("by-head", {{"bits", rules}})).test_loss);
  const auto next = [&](const std::string& out, const Settings& more) {
    return load_run_config("", joined({{"from", (rig.folder / "sorted").string()},
                                       {"bits", rules},
                                       {"calibration_batches", "4"},
                                       {"out", (rig.folder / out).string()}},
                                      more));
  };
  const RunConfig again = next("again", {{"epochs", "0"}});
  CHECK(again.source.transforms.empty());
  CHECK(train(again).test_loss == loss);
  CHECK(evaluate(again, again.run.out).test_loss == loss);
  const std::string groups = "groups/act:layers.0.mixer.u";
  const auto groups_of = [&](const std::string& run) {
    return Hdf5Reader(rig.folder / run / "best.h5").read<std::int32_t>(groups).values;
  };
  train(next("trained", {{"epochs", "1"}}));
  CHECK(groups_of("trained") == groups_of("sorted"));
  train(next("rotated", {{"epochs", "0"}, {"hadamard", "all"}}));
  CHECK(groups_of("rotated") == groups_of("sorted"));
}

TEST_CASE("sort_cluster: it refuses other models, and groups that are damaged are told from others") {
  const QuambaRig rig("mamba2");
  const RunConfig c = rig.ptq("sorted", {{"transforms", "sort_cluster"}});
  train(c);
  const datasets::Splits data = load_data(c);
  Model model = make_model(c, data);
  const Inventory inventory = take_inventory(model);
  Quantizer& u = model.as<Mamba2Model>()->layers[0].mixer.sites.u;
  const std::vector<std::uint32_t> heads = u.groups;
  const auto refused = [&](std::vector<std::uint32_t> groups) {
    Model changed = make_model(c, data);
    const Inventory sites = take_inventory(changed);
    Quantizer& site = changed.as<Mamba2Model>()->layers[0].mixer.sites.u;
    site.groups = std::move(groups);
    site.regrouped = true;
    save_checkpoint(rig.folder / "changed.h5", {}, {}, sites, nullptr);
    return tests::error_of<Error>([&] { load_checkpoint(rig.folder / "changed.h5", inventory, nullptr); });
  };
  CHECK(refused(std::vector<std::uint32_t>(16, 16))
            .find("groups/act:layers.0.mixer.u does not hold the groups of 16 "
                  "channels") != std::string::npos);
  CHECK_FALSE(refused({0, 1}).empty());
  CHECK_FALSE(refused(std::vector<std::uint32_t>(17, 0)).empty());
  CHECK(u.groups == heads);
  CHECK_FALSE(u.regrouped);
  CHECK(refused(std::vector<std::uint32_t>(16, 1)).empty());
  CHECK(u.groups == std::vector<std::uint32_t>(16, 1));
  CHECK(u.regrouped);
  CHECK(tests::error_of<UsageError>([&] {
          tests::small_copying({{"from", c.source.from}, {"transforms", "sort_cluster(m=0)"}});
        }).find("[sort_cluster.m] expected a whole number from 1 to 256") == 0);
}

TEST_CASE("a run keeps what its preset said, though the preset says more today") {
  const QuambaRig rig("mamba2");
  const RunConfig c = rig.ptq("old", {{"preset", "quamba2-w8a8"}, {"transforms", "none"}});
  train(c);
  // as it was written before the preset had transforms
  std::string text = read_text((rig.folder / "old/settings.ini").string());
  const auto line = text.find("transforms =");
  REQUIRE(line != std::string::npos);
  text.erase(line, text.find('\n', line) + 1 - line);
  std::ofstream(rig.folder / "old/settings.ini") << text;
  const RunConfig again = load_run_config((rig.folder / "old/settings.ini").string(), {});
  CHECK(again.source.transforms.empty());
  CHECK(settings(again) == settings(c));
  CHECK(quant_rules(again) == quant_rules(c));
  CHECK(settings_hash(again) == settings_hash(c));
  CHECK(evaluate(again, c.run.out).test_loss == evaluate(c, c.run.out).test_loss);
  const RunConfig next = load_run_config("", {{"from", (rig.folder / "old").string()}, {"epochs", "1"}});
  CHECK(next.source.transforms.empty());
}

TEST_CASE("gptq: weights become shadows of codes of the stored range, which every pass rounds to the same codes") {
  const QuambaRig rig("mamba");
  const std::string rules = four_bits + "; weight:*.out_proj 4 range=stored; weight:embedding 8";
  const RunConfig chosen = rig.ptq("chosen", {{"transforms", "gptq"}, {"bits", rules}});
  const double loss = train(chosen).test_loss;
  CHECK(evaluate(chosen, chosen.run.out).test_loss == loss);
  const std::vector<float> weights = rig.numbers("chosen", in_proj);
  const std::vector<float> ranges = rig.numbers("chosen", "stored/weight:layers.0.mixer.in_proj");
  CHECK(rig.numbers("chosen", "stored/weight:layers.0.mixer.out_proj").size() == 1);
  REQUIRE(ranges.size() * 8 == weights.size());
  double changed = 0.0;
  const std::vector<float> before = rig.numbers("source", in_proj);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double scale = ranges[i / 8] / 7.5;
    const double code = weights[i] / scale;
    CHECK(std::fabs(code - std::round(code)) < 1e-4);
    CHECK(std::fabs(code) < 7.5);
    changed = std::max(changed, std::fabs(weights[i] - before[i]) / scale);
  }
  CHECK(changed > 0.51);  // not the nearest codes
  // what the weights are now, a float model computes alike
  const RunConfig next = load_run_config("", {{"from", (rig.folder / "chosen").string()},
                                              {"epochs", "0"},
                                              {"bits", rules},
                                              {"out", (rig.folder / "next").string()}});
  CHECK(next.source.transforms.empty());
  CHECK(train(next).test_loss == loss);
}

TEST_CASE("gptq: in groups of columns it keeps a range for each, and its codes stay when they are loaded") {
  const QuambaRig rig("mamba");
  const std::string rules = "weight:*.out_proj 4 range=stored granularity=channel edge=half group=5";
  const RunConfig chosen = rig.ptq("chosen", {{"transforms", "gptq"}, {"bits", rules}});
  const double loss = train(chosen).test_loss;
  CHECK(evaluate(chosen, chosen.run.out).test_loss == loss);
  const std::string name = "layers.0.mixer.out_proj";
  const std::vector<float> weights = rig.numbers("chosen", "parameters/" + name + ".weight");
  const std::vector<float> ranges = rig.numbers("chosen", "stored/weight:" + name);
  REQUIRE(weights.size() == 8 * 16);
  REQUIRE(ranges.size() == 8 * 4);
  for (std::size_t r = 0; r < 8; ++r) {  // 8-bit codes at the scale of the row, of which a group has few
    const double scale = *std::max_element(ranges.begin() + 4 * r, ranges.begin() + 4 * r + 4) / 7.5 * 7.0 / 127.0;
    for (std::size_t g = 0; g < 4; ++g) {
      for (std::size_t c = 5 * g; c < std::min<std::size_t>(5 * g + 5, 16); ++c) {
        const double code = weights[16 * r + c] / scale;
        CHECK(std::fabs(code - std::round(code)) < 1e-3);
        const double few = weights[16 * r + c] / (ranges[4 * r + g] / 7.5);
        CHECK(std::fabs(few) < 7.0 + 1.0);
      }
    }
  }
  const RunConfig next = load_run_config("", {{"from", (rig.folder / "chosen").string()},
                                              {"epochs", "0"},
                                              {"bits", rules},
                                              {"out", (rig.folder / "next").string()}});
  CHECK(train(next).test_loss == loss);
}

TEST_CASE("gptq: it errs less than rounding to nearest, at the same rules") {
  const Settings size{{"examples", "256"}, {"d_model", "32"}};
  const QuambaRig rig("mamba", joined(size, {{"epochs", "12"}}));
  const Settings rules = joined(size, {{"bits",
                                        "weight:*.in_proj 2 range=stored granularity=channel edge=half; "
                                        "weight:*.out_proj 2 range=stored granularity=channel edge=half"}});
  const double nearest = train(rig.ptq("nearest", rules)).test_loss;
  const double chosen =
      train(rig.ptq("chosen", joined(rules, {{"transforms", "gptq"}, {"calibration_batches", "24"}}))).test_loss;
  CAPTURE(rig.loss);
  CAPTURE(nearest);
  CAPTURE(chosen);
  CHECK(std::fabs(chosen - rig.loss) < std::fabs(nearest - rig.loss));
}

TEST_CASE("gptq: a rule that it cannot follow is refused, and so is a model without such weights") {
  const QuambaRig rig("mamba");
  const auto refused = [&](const std::string& rules) {
    return tests::error_of<UsageError>([&] { train(rig.ptq("refused", {{"transforms", "gptq"}, {"bits", rules}})); });
  };
  CHECK(refused("weight:*.in_proj 4") ==
        "[gptq] chooses codes for the stored ranges of in_proj, out_proj and the head, but none of them has "
        "range=stored");
  CHECK(refused("weight:*.in_proj 12 range=stored") ==
        "[gptq] weight:layers.0.mixer.in_proj has 12 bits; expected 2 to 8");
  CHECK(refused("weight:*.in_proj 4 range=stored scale=pow2") ==
        "[gptq] weight:layers.0.mixer.in_proj has scale=pow2; expected scale=free");
}

TEST_CASE("presets of Quamba: each makes an integer program of either model, and its run is loaded as it was made") {
  for (const std::string name : {"mamba", "mamba2"}) {
    const QuambaRig rig(name, {{"epochs", "4"}});
    for (const std::string preset : {"quamba", "quamba2-w8a8", "quamba2-w4a8", "quamba2-w4a16", "quamba2-w4ax"}) {
      CAPTURE(name);
      CAPTURE(preset);
      const RunConfig c = rig.ptq(preset, {{"preset", preset}});
      const TrainResult result = train(c);
      CHECK(result.test_loss == doctest::Approx(rig.loss).epsilon(0.2));
      CHECK(c.model.mamba.hadamard == (preset == "quamba" ? "out_proj" : "all"));
      const RunConfig again = load_run_config((rig.folder / preset / "settings.ini").string(), {});
      CHECK(settings(again) == settings(c));
      CHECK(evaluate(again, c.run.out).test_loss == result.test_loss);
      const datasets::Splits data = load_data(c);
      Model model = make_model(c, data);
      Inventory inventory = take_inventory(model);
      apply_quantization(c, inventory);
      load_checkpoint(rig.folder / preset / "best.h5", inventory, nullptr);
      const std::string obstacle = export_obstacle(model, inventory, data, 0);
      CAPTURE(obstacle);
      CHECK(obstacle.empty());
    }
  }
}

TEST_CASE("presets of Quamba: an option that takes back a part is kept, and a run that starts from one takes no part") {
  const QuambaRig rig("mamba");
  const RunConfig c = rig.ptq("part", {{"preset", "quamba"}, {"hadamard", "none"}, {"transforms", "none"}});
  train(c);
  const RunConfig again = load_run_config((rig.folder / "part/settings.ini").string(), {});
  CHECK(again.model.mamba.hadamard == "none");
  CHECK(again.source.transforms.empty());
  CHECK(settings(again) == settings(c));
  train(rig.ptq("whole", {{"preset", "quamba"}}));
  const RunConfig next = load_run_config("", {{"from", (rig.folder / "whole").string()}, {"epochs", "1"}});
  CHECK(next.model.mamba.hadamard == "out_proj");
  CHECK(next.source.transforms.empty());
  CHECK(next.quantization.quant == "none");
  CHECK(tests::error_of<UsageError>([] { tests::small_copying({{"preset", "quamba"}}); }).find("[transforms]") == 0);
}

/// The channel of a mixer with the largest weights for x and z.
std::size_t strongest_channel(const MambaMixer& mixer) {
  const Tensor& w = mixer.in_proj.weight.value;
  const auto square = [&](std::size_t r) {
    return std::inner_product(w.data.begin() + r * w.cols, w.data.begin() + (r + 1) * w.cols,
                              w.data.begin() + r * w.cols, 0.0);
  };
  std::size_t best = 0;
  for (std::size_t e = 0; e < w.rows / 2; ++e) {
    if (square(e) * square(w.rows / 2 + e) > square(best) * square(w.rows / 2 + best)) best = e;
  }
  return best;
}

/// Lets nothing read a channel of each mixer, and makes its D `loud`: the float outputs do not depend on that.
void plant_channels(const QuambaRig& rig, float loud) {
  const RunConfig c = rig.config("source", {}, {{"examples", "256"}, {"d_model", "32"}});
  const datasets::Splits data = load_data(c);
  Model model = make_model(c, data);
  Inventory inventory = take_inventory(model);
  load_checkpoint(c.run.out + "/best.h5", inventory, nullptr);
  for (MambaLayer<MambaMixer>& layer : model.as<MambaModel>()->layers) {
    const std::size_t e = strongest_channel(layer.mixer);
    Tensor& out = layer.mixer.out_proj.weight.value;
    for (std::size_t r = 0; r < out.rows; ++r) out(r, e) = 0.0F;
    layer.mixer.D.value.data[e] = loud;
  }
  save_checkpoint(c.run.out + "/best.h5", {}, {}, inventory, nullptr);
}

TEST_CASE("hadamard: a loud channel that nothing reads ruins 8-bit codes, but not those of rotated features") {
  const QuambaRig rig("mamba", {{"epochs", "12"}, {"examples", "256"}, {"d_model", "32"}});
  plant_channels(rig, 1.0F);
  const Settings size{{"examples", "256"}, {"d_model", "32"}};
  const auto loss = [&](const std::string& out, const Settings& options) {
    return train(rig.ptq(out, joined(size, options))).test_loss;
  };
  const double quiet = loss("quiet", {});
  plant_channels(rig, 3000.0F);
  CHECK(loss("float", {}) == doctest::Approx(quiet).epsilon(1e-6));
  const double plain = loss("plain", {{"quant", "w8a8"}}) - quiet;
  const double rotated = loss("rotated", {{"quant", "w8a8"}, {"hadamard", "out_proj"}}) - quiet;
  CHECK(plain > 0.3);
  CHECK(rotated < 0.03);
}

}  // namespace
}  // namespace bitstate::experiments
