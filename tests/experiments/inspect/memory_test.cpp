// The ledger of a training step: its sum is what the tape takes, and its rows are the formula of docs/performance.md.
#include "experiments/inspect/memory.h"

#include "autograd/ledger.h"
#include "core/error.h"
#include "core/parallel.h"
#include "core/random.h"
#include "experiments/training/lane_runner.h"
#include "experiments/training/named_rules.h"
#include "models/s5/models.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bitstate::experiments::memory_test {
namespace {

/// One sequence of noise.
class Noise final : public datasets::Dataset {
 public:
  Noise(std::size_t steps, std::size_t count) : steps_(steps), count_(count) {}
  [[nodiscard]] std::size_t size() const override { return count_; }
  void read(std::size_t index, datasets::Example& out) const override {
    const Random random{3, index};
    out = {};
    out.length = steps_;
    for (std::size_t i = 0; i < 2 * steps_; ++i) out.x.push_back(static_cast<float>(random.normal(i)));
    out.label = 1;
  }

 private:
  std::size_t steps_, count_;
};

constexpr std::size_t features = 64;
constexpr std::size_t states = 64;  // real components

S5Options options_of(std::size_t layers, double dropout) {
  S5Options options;
  options.inputs = 2;
  options.outputs = 3;
  options.layers = layers;
  options.p_dropout = dropout;
  options.layer.sizes.H = features;
  options.layer.sizes.P_full = states;
  options.layer.sizes.blocks = 2;
  options.layer.batchnorm = false;
  options.layer.activation = Activation::half_glu1;
  return options;
}

/// With ranges as a calibration could have left them.
Inventory quantized(Model& model, const std::string& rules) {
  Inventory inventory = take_inventory(model);
  quantize_sites(inventory, QuantConfig::parse(rules, "test"));
  for (Quantizer* const site : inventory.quantizers) {
    if (site->needs_range()) site->range.assign(site->range_channels(), 2.0F);
  }
  return inventory;
}

MemoryLedger measured(std::size_t layers, std::size_t steps, const std::string& rules) {
  Model model = S5Classifier(options_of(layers, 0.1), 7);
  const Inventory inventory = quantized(model, rules);
  return memory_ledger(model, inventory, Noise(steps, 1));
}

/// What a further step of a further layer keeps. Constants and what surrounds the layers are in none of it.
double kept_per_step_and_layer(const std::string& rules) {
  constexpr std::size_t some = 256, more = 512;
  const auto slope = [&](std::size_t layers) {
    const auto longer = static_cast<double>(measured(layers, more, rules).kept);
    return (longer - static_cast<double>(measured(layers, some, rules).kept)) / (more - some);
  };
  return slope(3) - slope(2);
}

TEST_CASE("memory: what a step of a layer keeps under W8A8 is the formula") {
  // codes of the operands of norm, B, GELU and gate; states of 16 bits; a bit of each that is clamped
  const double bits = 4.0 * features / 8 + 2.0 * states / 8;
  CHECK(kept_per_step_and_layer(named_rules("w8a8")) == 4.0 * features + 2.0 * states + bits);
}

TEST_CASE("memory: the rows of a ledger sum up to what the tape takes, and small memory is less") {
  for (const char* const rules : {"", "w8a8"}) {
    CAPTURE(rules);
    const MemoryLedger ledger = measured(4, 300, std::string(rules).empty() ? "" : named_rules(rules));
    std::size_t kept = 0, transient = 0;
    for (const MemoryRow& row : ledger.rows) (row.kept ? kept : transient) += row.bytes;
    CHECK(kept == ledger.kept);
    CHECK(transient == ledger.transient);
    CHECK(kept + transient == ledger.peak);
    CHECK(ledger.peak_of_small < ledger.peak);
  }
}

TEST_CASE("memory: a ledger is what the arenas of a worker take, to the byte, whatever is trained and how") {
  std::size_t last = ~std::size_t{0};
  for (const char* const rules : {"", "w8a8"}) {
    for (const auto top : {std::optional<std::size_t>(), std::optional<std::size_t>(2), std::optional<std::size_t>(1),
                           std::optional<std::size_t>(0)}) {
      for (const ActBackward act : {ActBackward::exact, ActBackward::sign}) {
        for (const NormBackward norm : {NormBackward::exact, NormBackward::frozen}) {
          CAPTURE(rules);
          CAPTURE(top.value_or(99));
          Model model = S5Classifier(options_of(2, 0.1), 7);
          Inventory inventory = quantized(model, std::string(rules).empty() ? "" : named_rules(rules));
          StepSettings step;
          step.norm_backward = norm;
          step.act_backward = act;
          if (top) step.frozen_layers = 2 - *top;
          if (top) freeze_below(inventory, 2 - *top);
          const Noise data(200, 1);
          const MemoryLedger ledger = memory_ledger(model, inventory, data, step);
          LaneSettings lanes;
          lanes.norm_backward = norm;
          lanes.act_backward = act;
          lanes.frozen_layers = step.frozen_layers;
          Workers workers(1);
          LaneRunner runner(model, inventory, Metric::accuracy, lanes, workers);
          const std::size_t first = 0;
          runner.run(LaneRunner::Mode::train, data, {&first, 1});
          CHECK(runner.peak_arena_bytes() == ledger.peak);
          CHECK(ledger.kept + ledger.transient == ledger.peak);
          last = ledger.peak;
        }
      }
    }
  }
  CHECK(last < 40000);  // a head alone
}

TEST_CASE("memory: the FLOPs of a step are those of its products, and backward stops where nothing learns") {
  const auto work = [](const char* rules, std::optional<std::size_t> top) {
    Model model = S5Classifier(options_of(2, 0.0), 7);
    Inventory inventory = quantized(model, std::string(rules).empty() ? "" : named_rules(rules));
    if (top) freeze_below(inventory, 2 - *top);
    StepSettings step;
    if (top) step.frozen_layers = 2 - *top;
    return memory_ledger(model, inventory, Noise(200, 1), step);
  };
  const auto products = [](const MemoryLedger& ledger) {
    std::pair<double, double> sum;
    for (const WorkRow& row : ledger.work) {
      if (row.op == "linear" && row.site.find("layers") != row.site.npos) {
        sum.first += row.forward / 200.0;
        sum.second += row.backward / 200.0;
      }
    }
    return sum;
  };
  const double layer = 2.0 * (2 * features * states + features * features);  // B, C and the GLU
  for (const char* const rules : {"", "w8a8"}) {
    CHECK(products(work(rules, {})).first == 2 * layer);
    CHECK(products(work(rules, {})).second == 4 * layer);
    const MemoryLedger top = work(rules, 1);
    CHECK(products(top).first == layer);
    CHECK(products(top).second == 2 * layer);
    CHECK(top.prefix_flops / 200.0 > layer);
    CHECK(products(work(rules, 0)).second == 0.0);
  }
}

TEST_CASE("memory: a ledger names op, site and what it holds, in a table and in JSON") {
  MemoryLedger ledger = measured(2, 100, named_rules("w8a8"));
  ledger.run = "runs/a";
  const std::string text = ledger_text(ledger);
  CHECK(tests::contains(text, "runs/a: a training step of one sequence, 100 steps long"));
  CHECK(tests::contains(text, "state:layers.*.ssm"));
  CHECK(tests::contains(text, "clamp bits"));
  const auto json = nlohmann::json::parse(to_json(ledger));
  CHECK(json["peak_bytes"] == ledger.peak);
  CHECK(json["rows"].size() == ledger.rows.size());
}

TEST_CASE("memory: a training part without sequences is an error") {
  Model model = S5Classifier(options_of(1, 0.0), 7);
  const Inventory inventory = take_inventory(model);
  CHECK_THROWS_WITH_AS(memory_ledger(model, inventory, Noise(5, 0)),
                       "[inspect] the training part is empty: there is no sequence to measure", Error);
}

}  // namespace
}  // namespace bitstate::experiments::memory_test
