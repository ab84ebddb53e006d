#include "experiments/inspect/inspect.h"

#include "core/error.h"
#include "core/random.h"
#include "core/text.h"
#include "experiments/run_folder/model_setup.h"
#include "experiments/settings/embedded.h"
#include "experiments/settings/run_config.h"
#include "experiments/training/lane_runner.h"
#include "models/s5/models.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <sstream>
#include <string>
#include <vector>

namespace bitstate::experiments {
namespace {

using tests::contains;

/// Sequences of two inputs, of lengths 5, 6, 7, ...; or what a test puts there.
class Sequences2 : public datasets::Dataset {
 public:
  std::vector<std::vector<float>> all;

  explicit Sequences2(std::size_t count = 6) {
    const Random random{3, 0};
    for (std::size_t s = 0; s < count; ++s) {
      auto& x = all.emplace_back(2 * (5 + s));
      for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(random.normal(100 * s + i));
    }
  }
  [[nodiscard]] std::size_t size() const override { return all.size(); }
  void read(std::size_t index, datasets::Example& out) const override {
    out.x = all[index];
    out.length = out.x.size() / 2;
    out.tokens.clear();
    out.target.clear();
    out.label = static_cast<std::int32_t>(index % 3);
  }
};

S5Options small_options(std::size_t layers = 1) {
  S5Options options;
  options.inputs = 2;
  options.outputs = 3;
  options.layers = layers;
  options.layer.sizes.H = 4;
  options.layer.sizes.P_full = 4;
  options.layer.sizes.blocks = 1;
  options.layer.batchnorm = false;
  options.layer.activation = Activation::gelu;
  return options;
}

/// A calibrated classifier under some rules.
struct InspectionRig {
  Model model;
  Inventory inventory;
  Sequences2 data;

  InspectionRig(const S5Options& options, const std::string& rules)
      : model(S5Classifier(options, 7)), inventory(take_inventory(model)) {
    quantize_sites(inventory, QuantConfig::parse(rules, "test"));
    calibrate();
  }
  InspectionRig(const InspectionRig&) = delete;

  S5SSM& ssm() { return model.as<S5Classifier>()->stack.layers[0].ssm; }
  void calibrate() {
    Workers workers(1);
    LaneRunner runner(model, inventory, Metric::accuracy, {1, 0, false}, workers);
    std::vector<std::size_t> indices(data.size());
    std::iota(indices.begin(), indices.end(), std::size_t{0});
    runner.run(LaneRunner::Mode::begin, data, indices);
    calibrate_ranges(inventory, runner.observed());
  }
  [[nodiscard]] Inspection inspection(std::size_t sequences = 100) const {
    return inspect(model, inventory, data, sequences);
  }
};

std::string w8a8(const std::string& further = "") {
  return std::string(*embedded_file("configs/w8a8.quant")) + "\n" + further;
}

Inspection inspected(std::size_t layers, const std::string& further) {
  S5Options options = small_options(layers);
  options.layer.activation = Activation::full_glu;
  return InspectionRig(options, w8a8(further)).inspection();
}

const InspectedSite& row(const Inspection& inspection, std::string_view name) {
  const auto found = std::find_if(inspection.sites.begin(), inspection.sites.end(),
                                  [&](const InspectedSite& site) { return site.site == name; });
  REQUIRE(found != inspection.sites.end());
  return *found;
}

TEST_CASE("inspect: sizes agree with a calculation by hand") {
  // encoder 8 + 4, norm 4 + 4, A 4 (two eigenvalues), B 16, C 16, D 4, decoder 12 + 3
  const char* const rules = "weight:* 4\nweight:*.ssm.A 2 form=polar\nact:* 8\nstate:* 16";
  const InspectionRig rig(small_options(), rules);
  const Inspection inspection = rig.inspection();
  CHECK(inspection.size_bits == 4 * (8 + 4 + 16 + 16 + 4 + 12) + 2 * 4 + 32 * (4 + 4 + 3));
  CHECK(inspection.float_size_bits == 32 * 75);
  CHECK(row(inspection, "weight:encoder").memory_bits == 4 * 8);
  CHECK(row(inspection, "weight:encoder").values == 8);  // once, not with every sequence
  CHECK(row(inspection, "weight:layers.0.ssm.A").memory_bits == 2 * 4);
  CHECK(row(inspection, "bias:decoder").memory_bits == 32 * 3);
  CHECK(row(inspection, "act:encoder").memory_bits == 8 * 2);
  CHECK(row(inspection, "state:layers.0.ssm").memory_bits == 16 * 4);
  CHECK(row(inspection, "acc:layers.0.ssm.cx").memory_bits == 32 * 4);
  CHECK(inspection.sequences == 6);
  CHECK(inspection.steps == 5 + 6 + 7 + 8 + 9 + 10);
  CHECK(contains(inspection_text(inspection),
                 "600 bits = 75 bytes\nin float they would be 2,400 bits = 300 bytes, 4.00 times"));
  const PoleCost poles = pole_cost(rig.inventory);
  CHECK(poles.stored_bits == 4);
  CHECK(poles.products == 4);
  CHECK(poles.multiplier_bits == 16);
}

TEST_CASE("inspect: the table has a row for every site in the order of the model, with and without bits") {
  for (const std::string& rules : {std::string(), w8a8()}) {
    const InspectionRig rig(small_options(2), rules);
    const Inspection inspection = rig.inspection(1);
    REQUIRE(inspection.sites.size() == rig.inventory.quantizers.size());
    for (std::size_t i = 0; i < inspection.sites.size(); ++i) {
      CHECK(inspection.sites[i].site == rig.inventory.quantizers[i]->site);
      CHECK(inspection.sites[i].observed.has_value());
      CHECK(contains(inspection_text(inspection), "\n" + inspection.sites[i].site + " "));
    }
  }
}

TEST_CASE("inspect: values that a fixed range cuts are counted, and the range that was seen is shown") {
  InspectionRig rig(small_options(), "act:encoder 8 range=fixed value=1");
  rig.data.all = {{0.5F, 2.0F, -3.0F, 1.0F}, {1.003F, -1.003F, 1.005F, 7.0F, 0.0F, 0.25F}};  // half a code is 0.0039
  const Inspection inspection = rig.inspection();
  const InspectedSite& site = row(inspection, "act:encoder");
  CHECK(site.saturated == 4);
  CHECK(site.values == 10);
  CHECK(site.observed->low == -3.0);
  CHECK(site.observed->high == 7.0);
  CHECK(site.scale->low == doctest::Approx(1.0 / 127.0));
  CHECK(row(inspection, "weight:encoder").values == 0);
  CHECK(contains(inspection_text(inspection), "-3..7"));
  CHECK(contains(inspection_text(inspection), "4/10"));
}

TEST_CASE("inspect: a state is counted by the clamps of its recurrence") {
  InspectionRig rig(small_options(), "state:* 4 range=fixed value=0.01");
  rig.data.all = {{0.5F, 2.0F}, {-3.0F, 1.0F}, {0.01F, 0.02F}};  // one step each: the state is B u
  std::uint64_t clamped = 0;
  for (const auto& x : rig.data.all) {
    Tape tape;
    tape.begin({});
    const std::size_t one[] = {1};
    rig.model.forward(tape, {{one, one}, x});
    for (const Node& node : tape.nodes()) {
      if (node.op == nullptr || node.op->name != "scan") continue;
      for (std::size_t i = 0; i < node.size(); ++i) {
        clamped += std::fabs(tape.value(node.inputs[1])[i]) >= 7.5 * 0.01 / 7.0 ? 1 : 0;
      }
    }
  }
  const InspectedSite site = row(rig.inspection(), "state:layers.0.ssm");
  CHECK(clamped > 0);
  CHECK(clamped < 12);
  CHECK(site.saturated == clamped);
  CHECK(site.values == 12);
}

TEST_CASE("inspect: what takes its range from itself saturates nowhere") {
  for (const InspectedSite& site : inspected(2, "act:*.ssm.u 4 range=absmax granularity=step").sites) {
    if (site.spec.active() && site.spec.range == QuantSpec::Range::absmax) CHECK(site.saturated == 0);
  }
}

TEST_CASE("inspect: a w8a8 classifier with LayerNorm has no float island") {
  const Inspection inspection = inspected(2, "");
  CHECK(inspection.islands.empty());
  CHECK(verdict(inspection) == "no float island: the model is an integer program");
  for (const auto& accumulator : inspection.accumulators) {
    CAPTURE(accumulator.site);
    CHECK(accumulator.fits());
    CHECK(accumulator.bound > 0);
  }
  CHECK(inspection.accumulators[0].site == "weight:encoder");
  CHECK(contains(inspection_text(inspection), "14 of 14 accumulators are integers"));
}

TEST_CASE("inspect: the row that is missing for an integer program is named") {
  const Inspection inspection = inspected(2, "act:*.residual none");
  REQUIRE(inspection.islands.size() == 1);  // the last sum is pooled as it is
  CHECK(inspection.islands[0].op == "layer_norm");
  CHECK(inspection.islands[0].site == "weight:layers.1.norm");
  CHECK(inspection.islands[0].missing == std::vector<std::string>{"act:layers.0.residual"});
  CHECK(row(inspection, "act:layers.0.residual").integer);
  CHECK_FALSE(row(inspection, "acc:layers.1.norm").integer);
  CHECK(verdict(inspection) == "the model is not an integer program: rows are missing for act:layers.0.residual");
  const auto missing = [](const std::string& rule) { return verdict(inspected(2, rule)); };
  CHECK(contains(missing("state:* none"), "missing for state:layers.*.ssm"));
  CHECK(contains(missing("weight:layers.1.ssm.A none"), "missing for weight:layers.1.ssm.A"));
  CHECK(contains(missing("act:encoder none"), "missing for act:encoder"));
  CHECK(contains(missing("act:*.gate none"), "missing for act:layers.*.glu.gate"));
  CHECK(contains(missing("act:decoder none"), "missing for act:decoder"));
}

TEST_CASE("inspect: an island with all rows says what is wrong with one") {
  const Inspection dynamic = inspected(2, "act:*.ssm.u 8 range=absmax granularity=sample");
  CHECK(dynamic.islands.front().op == "quantize");
  CHECK(dynamic.islands.front().site == "act:layers.0.ssm.u");
  CHECK(contains(verdict(dynamic), "at act:layers.*.ssm.u range=absmax takes its scale from the input"));
  CHECK(contains(inspection_text(dynamic), "dynamic"));

  const Inspection free_scale = inspected(1, "weight:*.ssm.A 16");
  REQUIRE(free_scale.islands.size() == 1);
  CHECK(free_scale.islands[0].op == "scan");
  CHECK(contains(free_scale.islands[0].reason, "scale=pow2"));
  CHECK(inspected(1, "weight:*.ssm.A 16 scale=pow2").islands.empty());

  const Inspection channels = inspected(1, "act:*.ssm.u 8 granularity=channel");
  CHECK(contains(verdict(channels), "at weight:layers.0.ssm.B its operand has a scale for each channel"));
  const Inspection logits = inspected(1, "weight:decoder 8 granularity=channel");
  CHECK(contains(verdict(logits), "missing for act:decoder.y"));
  CHECK(logits.islands[0].op == "argmax");
}

TEST_CASE("inspect: an accumulator beyond 31 bits is named and float") {
  S5Options options = small_options();
  options.layer.sizes.P_full = 16;
  const Inspection inspection =
      InspectionRig(options, w8a8("act:* 16\nweight:*.ssm.C 16 granularity=channel\nact:decoder.y none")).inspection();
  const auto found = std::find_if(inspection.accumulators.begin(), inspection.accumulators.end(),
                                  [](const auto& accumulator) { return !accumulator.fits(); });
  REQUIRE(found != inspection.accumulators.end());
  CHECK(found->site == "weight:layers.0.ssm.C");
  CHECK(contains(verdict(inspection), "weight:layers.0.ssm.C its accumulator needs more than 31 bits"));
  CHECK(contains(inspection_text(inspection), "exceeds 31 bits"));
}

TEST_CASE("inspect: a float model is one island after another") {
  const Inspection inspection = InspectionRig(small_options(), "").inspection();
  CHECK(inspection.size_bits == inspection.float_size_bits);
  CHECK(verdict(inspection) == "the model is float: no site has bits");
  CHECK(inspection.islands.front().missing == std::vector<std::string>{"act:encoder", "weight:encoder"});
}

TEST_CASE("inspect: all forms but the cartesian keep the eigenvalues of an unstable model in the unit disk") {
  for (const std::string form : {"cartesian", "disk", "polar", "log-polar"}) {
    for (const int bits : {2, 4, 8}) {
      CAPTURE(form);
      CAPTURE(bits);
      InspectionRig rig(small_options(), w8a8("weight:*.ssm.A " + std::to_string(bits) + " form=" + form));
      for (float& re : rig.ssm().Lambda_re.value.data) re = 0.5F;
      const Inspection inspection = rig.inspection(1);
      REQUIRE(inspection.eigenvalues.size() == 1);
      CHECK(largest_modulus(inspection.eigenvalues[0].before) > 1.0);
      const std::string text = inspection_text(inspection);
      CHECK(contains(text, form));
      CHECK(contains(text, "unstable") == (largest_modulus(inspection.eigenvalues[0].after) > 1.0));
      if (form == "cartesian") continue;
      CHECK(largest_modulus(inspection.eigenvalues[0].after) <= 1.0);
      CHECK(row(inspection, "weight:layers.0.ssm.A").saturated == 4);
    }
  }
}

/// The rows of a CSV without quotes, the header first.
std::vector<std::vector<std::string>> csv_rows(const std::string& text) {
  std::vector<std::vector<std::string>> rows;
  for (const std::string& line : split(text, "\n")) rows.push_back(split(line, ","));
  return rows;
}

TEST_CASE("inspect: sites.csv has a row for each site with bits, as JSON shows it, and only its header in float") {
  const Inspection inspection = inspected(2, "weight:*.ssm.A 4 form=log-polar\nact:*.residual none");
  const auto rows = csv_rows(sites_csv(inspection));
  CHECK(rows[0] == std::vector<std::string>{"site", "kind", "bits", "low", "high", "saturated"});
  std::size_t next = 1;
  const auto json = nlohmann::json::parse(to_json(inspection));
  for (const auto& site : json["sites"]) {
    if (!site["bits"].is_number() || site["values"] == 0) continue;
    REQUIRE(next < rows.size());
    const auto& row = rows[next++];
    const std::string name = site["site"];
    CAPTURE(name);
    CHECK(row[0] == name);
    CHECK(row[1] == name.substr(0, row[1].size()));
    CHECK(name[row[1].size()] == ':');
    CHECK(row[2] == std::to_string(site["bits"].get<int>()));
    CHECK(std::stod(row[3]) == doctest::Approx(site["observed"][0].get<double>()));
    CHECK(std::stod(row[4]) == doctest::Approx(site["observed"][1].get<double>()));
    CHECK(std::stod(row[5]) == doctest::Approx(site["saturated"].get<double>() / site["values"].get<double>()));
  }
  CHECK(next == rows.size());
  CHECK(next > 20);
  CHECK(csv_rows(sites_csv(InspectionRig(small_options(), "").inspection())).size() == 1);
}

TEST_CASE("inspect: eigenvalues.csv has lambda_bar of every layer and state, rounded where A has bits") {
  InspectionRig rig(small_options(2), w8a8("weight:layers.1.ssm.A 3 form=cartesian"));
  for (float& re : rig.ssm().Lambda_re.value.data) re = 0.5F;  // unstable: saturates
  const Inspection inspection = rig.inspection(1);
  const auto rows = csv_rows(eigenvalues_csv(inspection));
  CHECK(rows[0] == std::vector<std::string>{"layer", "state", "re", "im", "rounded_re", "rounded_im"});
  REQUIRE(rows.size() == 1 + 2 * 2);
  double largest = 0.0;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    CHECK(rows[i][0] == (i < 3 ? "layers.0" : "layers.1"));
    CHECK(rows[i][1] == std::to_string((i - 1) % 2));
    if (i < 3) largest = std::max(largest, std::hypot(std::stod(rows[i][2]), std::stod(rows[i][3])));
    const double moved =
        std::hypot(std::stod(rows[i][4]) - std::stod(rows[i][2]), std::stod(rows[i][5]) - std::stod(rows[i][3]));
    CHECK(moved > 0.0);
    CHECK(moved < (i < 3 ? 0.02 : 0.4));
  }
  CHECK(largest == doctest::Approx(largest_modulus(inspection.eigenvalues[0].before)));
  CHECK(largest > 1.0);
  const auto exact = csv_rows(eigenvalues_csv(InspectionRig(small_options(2), "").inspection(3)));
  REQUIRE(exact.size() == 5);
  for (std::size_t i = 1; i < exact.size(); ++i) {
    CHECK(exact[i][2] == exact[i][4]);
    CHECK(exact[i][3] == exact[i][5]);
  }
}

TEST_CASE("inspect: the tables fit a terminal of 100 columns, and show the bits of looked-up forms") {
  const Inspection inspection = inspected(2, "weight:*.ssm.A 4 form=log-polar width=12");
  std::istringstream lines(inspection_text(inspection));
  for (std::string line; std::getline(lines, line);) {
    CAPTURE(line);
    const auto columns = std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xC0) != 0x80; });
    CHECK(columns <= 100);
  }
  CHECK(contains(inspection_text(inspection), "    3+5     12"));
}

TEST_CASE("inspect: JSON has what the tables have") {
  const Inspection inspection = inspected(2, "weight:*.ssm.A 4 form=log-polar\nact:*.residual none");
  const auto line = nlohmann::json::parse(to_json(inspection));
  CHECK(line["sites"].size() == inspection.sites.size());
  CHECK(line["eigenvalues"].size() == 2);
  CHECK(line["accumulators"].size() == inspection.accumulators.size());
  CHECK(line["islands"][0]["missing"][0] == "act:layers.0.residual");
  CHECK(line["size_bits"] == inspection.size_bits);
  CHECK(line["verdict"] == verdict(inspection));
  CHECK(line["sites"][0]["observed"][0] == inspection.sites[0].observed->low);
  CHECK_FALSE(contains(to_json(inspection), "\n"));
}

}  // namespace
}  // namespace bitstate::experiments
