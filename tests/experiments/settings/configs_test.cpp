// The built-in configurations of bits.
#include "core/quant_spec.h"
#include "experiments/run_folder/load.h"
#include "experiments/settings/run_config.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace bitstate::experiments {
namespace {

TEST_CASE("configs: the seven files give A, B, the other weights, activations and state the bits of Q-S5's table") {
  std::vector<Site> sites;
  for (const char* const name : {"weight:layers.0.ssm.A", "weight:layers.0.ssm.B", "weight:layers.0.glu.out2",
                                 "weight:encoder", "act:layers.0.ssm.u", "act:decoder", "state:layers.0.ssm",
                                 "weight:layers.0.norm", "act:decoder.y", "weight:decoder"}) {
    sites.push_back({name, kind_of(name).value()});
  }
  sites[0].poles = true;
  struct Row {
    std::string name;
    int a, bcd, non_ssm;
  };
  const std::vector<Row> table{{"w8a8", 8, 8, 8},      {"w4a8-ssm8", 8, 8, 4}, {"w4a8-a8", 8, 4, 4}, {"w4a8", 4, 4, 4},
                               {"w2a8-ssm8", 8, 8, 2}, {"w2a8-a8", 8, 2, 2},   {"w2a8", 2, 2, 2}};
  CHECK(quant_names().size() == table.size());
  for (const auto& row : table) {
    CAPTURE(row.name);
    const std::string rules = quant_rules(load_run_config("", {{"quant", row.name}}));
    const auto specs = QuantConfig::parse(rules, row.name).resolve(sites);
    const std::vector<int> bits{row.a, row.bcd, row.non_ssm, row.non_ssm, 8, 8, 16, 8, 0, row.non_ssm};
    for (std::size_t i = 0; i < sites.size(); ++i) {
      CAPTURE(sites[i].name);
      CHECK(specs[i].bits == bits[i]);
    }
    CHECK(specs[0].granularity == QuantSpec::Granularity::tensor);
    CHECK(specs[1].granularity == QuantSpec::Granularity::channel);
    CHECK(specs[0].pole.form == PoleSpec::Form::log_polar);
    CHECK(specs[4].range == QuantSpec::Range::ema);
    CHECK(specs[6].granularity == QuantSpec::Granularity::channel);
  }
}

}  // namespace
}  // namespace bitstate::experiments
