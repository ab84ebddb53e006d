// What a further step of a further layer keeps, item by item: /ledger of evolq_mobiletl_reference.h5.
#include "core/random.h"
#include "experiments/inspect/memory.h"
#include "experiments/training/named_rules.h"
#include "models/s5/models.h"
#include "tests/support/folders.h"
#include "tests/support/golden.h"

#include <doctest/doctest.h>

#include <map>
#include <string>

namespace bitstate::experiments::ledger_golden_test {
namespace {

using tests::Golden;

/// A sequence of noise.
class NoiseSequence final : public datasets::Dataset {
 public:
  explicit NoiseSequence(std::size_t steps) : steps_(steps) {}
  [[nodiscard]] std::size_t size() const override { return 1; }
  void read(std::size_t, datasets::Example& out) const override {
    out = {};
    out.length = steps_;
    for (std::size_t i = 0; i < steps_; ++i) out.x.push_back(static_cast<float>(Random{3, 0}.normal(i)));
    out.label = 1;
  }

 private:
  std::size_t steps_;
};

/// A group of the fixture: the sizes of a layer, and bytes per step by item.
struct Group {
  Golden fixture{tests::fixture_folder() / "evolq_mobiletl_reference.h5"};
  std::string path;

  [[nodiscard]] double item(std::string_view name) const { return fixture.number(path, name); }
  [[nodiscard]] double all() const { return fixture.scalar(path + "/bytes_per_token_layer"); }
};

MemoryLedger ledger_of(const Group& group, std::size_t layers, std::size_t steps, const std::string& rules,
                       const StepSettings& step) {
  S5Options options;
  options.inputs = 1;
  options.outputs = 10;
  options.layers = layers;
  options.layer.sizes.H = group.fixture.count(group.path, "H");
  options.layer.sizes.P_full = group.fixture.count(group.path, "state_reals");
  options.layer.sizes.blocks = 2;
  options.layer.batchnorm = false;
  options.layer.activation = Activation::half_glu1;
  Model model = S5Classifier(options, 7);
  Inventory inventory = take_inventory(model);
  quantize_sites(inventory, QuantConfig::parse(rules, "test"));
  for (Quantizer* const site : inventory.quantizers) {
    if (site->needs_range()) site->range.assign(site->range_channels(), 2.0F);
  }
  return memory_ledger(model, inventory, NoiseSequence(steps), step);
}

/// Bytes that a further step of a further layer keeps, by op and content. What is 0 is left out.
std::map<std::string, double> kept_by(const Group& group, const std::string& rules, const StepSettings& step) {
  constexpr std::size_t some = 256, more = 512;
  std::map<std::string, double> kept;
  for (const auto& [layers, sign] : {std::pair{3, 1.0}, {2, -1.0}}) {
    for (const auto& [steps, way] : {std::pair{more, sign}, {some, -sign}}) {
      for (const MemoryRow& row : ledger_of(group, layers, steps, rules, step).rows) {
        if (row.kept) kept[row.op + ": " + row.what] += way * static_cast<double>(row.bytes) / (more - some);
      }
    }
  }
  std::erase_if(kept, [](const auto& entry) { return entry.second == 0.0; });
  return kept;
}

double sum_of(const std::map<std::string, double>& kept) {
  double sum = 0.0;
  for (const auto& [name, bytes] : kept) sum += bytes;
  return sum;
}

using Kept = std::map<std::string, double>;

StepSettings approximate() {
  StepSettings step;
  step.act_backward = ActBackward::sign;
  step.norm_backward = NormBackward::frozen;
  return step;
}

}  // namespace

TEST_CASE("ledger: in float a layer keeps what the reference says, item by item") {
  for (const char* const size : {"smnist", "smnist_small"}) {
    CAPTURE(size);
    Group group{.path = std::string("ledger/") + size + "/full_float"};
    CHECK(kept_by(group, "", {}) == Kept{{"sum: real numbers", group.item("norm: x") + group.item("gelu: v")},
                                         {"layer_norm: numbers of rows", group.item("norm: mean, 1/sigma")},
                                         {"layer_norm: real numbers", group.item("B, D: u")},
                                         {"scan: real numbers", group.item("scan, C: states")},
                                         {"gelu: real numbers", group.item("out2, product: z")},
                                         {"sigmoid: real numbers", group.item("sigmoid, product: gate")}});
    CHECK(sum_of(kept_by(group, "", {})) == group.all());

    group.path = std::string("ledger/") + size + "/mobile_float";
    CHECK(kept_by(group, "", approximate()) == Kept{{"gelu: mask", group.item("gelu: mask")},
                                                    {"layer_norm: numbers of rows", group.item("norm: 1/sigma")},
                                                    {"layer_norm: real numbers", group.item("B, D: u")},
                                                    {"scan: real numbers", group.item("scan, C: states")},
                                                    {"gelu: real numbers", group.item("out2, product: z")},
                                                    {"sigmoid: real numbers", group.item("sigmoid, product: gate")}});
    CHECK(sum_of(kept_by(group, "", approximate())) == group.all());
  }
}

TEST_CASE(
    "ledger: in W8A8 states have 16 bits, GELU and the norm are computed again, and the rest is the reference's") {
  for (const char* const size : {"smnist", "smnist_small"}) {
    CAPTURE(size);
    const Group group{.path = std::string("ledger/") + size + "/full_int8"};
    const double codes =
        group.item("norm: x") + group.item("B, D: u") + group.item("gelu: v") + group.item("sigmoid, product: gate");
    const Kept kept = kept_by(group, named_rules("w8a8"), {});
    CHECK(kept.at("quantize: codes") == codes);
    CHECK(kept.at("scan: codes") == 2.0 * group.item("C: x"));
    CHECK(kept.at("quantize: clamp bits") + kept.at("scan: clamp bits") == group.item("bits"));
    CHECK(sum_of(kept) ==
          group.all() + group.item("C: x") - group.item("out2, product: z") - group.item("norm: mean, 1/sigma"));
  }
}

}  // namespace bitstate::experiments::ledger_golden_test
