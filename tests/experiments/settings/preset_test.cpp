// Presets: settings between a recipe and the options, with rules of their own.
#include "core/error.h"
#include "core/quant_spec.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/model_setup.h"
#include "experiments/settings/embedded.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <fstream>
#include <map>
#include <string>

namespace bitstate::experiments {
namespace {

/// The sites of the recipe's model with their specs.
std::map<std::string, QuantSpec> specs_of(const RunConfig& config) {
  datasets::Splits data;
  data.d_input = data.d_output = 3;
  Model model = make_model(config, data);
  Inventory inventory = take_inventory(model);
  apply_quantization(config, inventory);
  std::map<std::string, QuantSpec> specs;
  for (const Quantizer* site : inventory.quantizers) specs[site->site] = site->spec;
  return specs;
}

const Settings small{{"n_layers", "1"}, {"d_model", "4"}, {"ssm_size_base", "8"}, {"blocks", "1"}, {"preset", "qs5"}};

RunConfig qs5(Settings options) {
  options.insert(options.begin(), small.begin(), small.end());
  return load_run_config("smnist", options);
}

void check_rounding(const std::map<std::string, QuantSpec>& specs, const std::string& site, int bits,
                    QuantSpec::Granularity granularity) {
  CAPTURE(site);
  REQUIRE(specs.count(site) == 1);
  const QuantSpec& spec = specs.at(site);
  CHECK(spec.bits == bits);
  CHECK(spec.range == QuantSpec::Range::absmax);
  CHECK(spec.granularity == granularity);
  CHECK(spec.edge == QuantSpec::Edge::half);
  const bool complex = site.ends_with(".ssm.B") || site.ends_with(".ssm.C") || site.ends_with(".ssm.x");
  CHECK(spec.parts == (complex ? QuantSpec::Parts::separate : QuantSpec::Parts::joint));
}

void check_qs5(const std::map<std::string, QuantSpec>& specs, int a, int bcd, int non_ssm) {
  using enum QuantSpec::Granularity;
  check_rounding(specs, "weight:layers.0.ssm.A", a, tensor);
  for (const char* leaf : {"B", "C", "D"})
    check_rounding(specs, std::string("weight:layers.0.ssm.") + leaf, bcd, tensor);
  for (const char* site : {"encoder", "decoder", "layers.0.glu.out2"}) {
    check_rounding(specs, std::string("weight:") + site, non_ssm, tensor);
  }
  for (const char* site : {"act:layers.0.ssm.u", "act:layers.0.ssm.x", "state:layers.0.ssm"}) {
    check_rounding(specs, site, 8, step);
  }
  for (const char* site : {"act:encoder", "act:layers.0.glu.gelu", "act:layers.0.glu.x", "act:layers.0.glu.gate",
                           "act:decoder", "acc:layers.0.norm"}) {
    check_rounding(specs, site, 8, sample);
  }
  std::size_t active = 0;
  for (const auto& [site, spec] : specs) active += spec.active() ? 1 : 0;
  CHECK(active == 16);
}

}  // namespace

TEST_CASE("preset: its settings come after the recipe and before the options, and are among the settings") {
  CHECK(preset_names() == std::vector<std::string>{"evolq", "qs5", "quamba", "quamba2-w4a16", "quamba2-w4a8",
                                                   "quamba2-w4ax", "quamba2-w8a8"});
  const RunConfig c = load_run_config("lorenz-small", {{"scan", "recurrence"}, {"preset", "qs5"}, {"epochs", "3"}});
  CHECK_FALSE(c.model.s5.batchnorm);
  CHECK_FALSE(c.model.s5.use_layernorm_bias);
  CHECK(c.model.s5.qgelu_approx);
  CHECK(c.model.s5.hard_sigmoid);
  CHECK(c.model.s5.quantize_gradients);
  CHECK(c.model.s5.scan == "recurrence");
  CHECK(c.training.epochs == 3);
  CHECK(load_run_config("lorenz-small", {{"preset", "none"}}).model.s5.batchnorm);
}

TEST_CASE("preset: saved settings load back to the same run, with what overrode the preset") {
  const tests::TempFolder folder;
  const RunConfig c = load_run_config("lorenz-small", {{"preset", "qs5"}, {"quant", "w4a8"}, {"batchnorm", "true"}});
  std::ofstream(folder / "settings.ini") << format_ini(settings(c));
  const RunConfig again = load_run_config((folder / "settings.ini").string(), {});
  CHECK(settings(again) == settings(c));
  CHECK(quant_rules(again) == quant_rules(c));
  CHECK(again.model.s5.batchnorm);
  CHECK(settings_hash(again) == settings_hash(c));
}

TEST_CASE("preset: the seven configurations of qs5 give every site Q-S5's bits and dynamic ranges") {
  check_qs5(specs_of(qs5({{"quant", "w8a8"}})), 8, 8, 8);
  check_qs5(specs_of(qs5({{"quant", "w4a8-ssm8"}})), 8, 8, 4);
  check_qs5(specs_of(qs5({{"quant", "w4a8-a8"}})), 8, 4, 4);
  check_qs5(specs_of(qs5({{"quant", "w4a8"}})), 4, 4, 4);
  check_qs5(specs_of(qs5({{"quant", "w2a8-ssm8"}})), 8, 8, 2);
  check_qs5(specs_of(qs5({{"quant", "w2a8-a8"}})), 8, 2, 2);
  check_qs5(specs_of(qs5({{"quant", "w2a8"}})), 2, 2, 2);
  CHECK(embedded_names("configs/qs5") == quant_names());
}

TEST_CASE("preset: the flags under qs5 say what its configurations say") {
  const Settings flags{{"a_bits", "4"},       {"b_bits", "4"},       {"c_bits", "4"},          {"d_bits", "4"},
                       {"non_ssm_bits", "4"}, {"ssm_act_bits", "8"}, {"non_ssm_act_bits", "8"}};
  CHECK(specs_of(qs5(flags)) == specs_of(qs5({{"quant", "w4a8"}})));
}

TEST_CASE("preset: its rules and flags match every model that a recipe makes, also one without a GLU") {
  for (const char* activation : {"gelu", "half_glu2", "full_glu"}) {
    for (const char* quant : {"w8a8", "w2a8-a8"}) {
      CAPTURE(activation);
      CHECK_NOTHROW(specs_of(qs5({{"activation_fn", activation}, {"quant", quant}, {"bidirectional", "true"}})));
    }
    CHECK_NOTHROW(specs_of(qs5({{"activation_fn", activation}, {"non_ssm_act_bits", "8"}, {"ssm_act_bits", "8"}})));
  }
  CHECK_NOTHROW(specs_of(qs5({{"prenorm", "false"}, {"non_ssm_act_bits", "8"}})));
}

TEST_CASE("preset: a configuration of one's own and those without a preset are as ever") {
  const tests::TempFolder folder;
  std::ofstream(folder / "own.quant") << "act:* 7\n";
  CHECK(quant_rules(qs5({{"quant", (folder / "own.quant").string()}})) == "act:* 7\n");
  CHECK(quant_rules(load_run_config("smnist", {{"quant", "w8a8"}})).find("sample") == std::string::npos);
}

}  // namespace bitstate::experiments
