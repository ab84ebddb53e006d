// The search for ranges on small models: it never gets worse, and its result does not depend on threads, on what is
// cached, and on where it was stopped.
#include "experiments/posttraining/evolve/evolve.h"
#include "core/error.h"
#include "experiments/posttraining/evolve/knobs.h"
#include "experiments/posttraining/evolve/search.h"
#include "experiments/posttraining/evolve/state_file.h"
#include "experiments/posttraining/perturb.h"
#include "experiments/training/checkpoint.h"
#include "experiments/training/export_model.h"
#include "experiments/training/integer_forward.h"
#include "tests/experiments/export/export_rig.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace bitstate::tests::evolve_test {
namespace {

struct SearchOptions {
  std::size_t threads = 1;
  bool cached = true;
  EvolveLoss loss = EvolveLoss::infonce;
  double planted = 1.3;  ///< by which all ranges of activations are too large
};

/// A calibrated model of three layers, and a search for its ranges.
struct EvolveRig : ExportRig {
  static constexpr std::size_t sequences = 30;
  Model teacher;
  std::vector<Block> blocks;
  Workers workers;
  std::optional<Objective> objective, held_out;
  SearchSettings settings;
  SearchState state;

  explicit EvolveRig(const SearchOptions& options = {}, const std::string& recipe = "smnist-small",
                     const std::string& quant = "w4a8-a8")
      : ExportRig(recipe, quant, "none", sequences, {{"n_layers", "3"}, {"weight_range", "stored"}}),
        teacher(model),
        workers(options.threads) {
    Inventory of_teacher = take_inventory(teacher);
    quantize_sites(of_teacher, {});
    blocks = blocks_of(inventory, 3);
    for (const Block& block : blocks) {
      std::vector<double> ranges = ranges_of(block);
      for (std::size_t i = 0; i < ranges.size(); ++i) {
        if (block[i].site->kind == SiteKind::act) ranges[i] *= options.planted;
      }
      set_ranges(block, ranges);
    }
    ObjectiveSettings how{options.loss, 10, 3.0, padded()};
    how.cached = options.cached;
    objective.emplace(model, teacher, examples(0, 20), how, workers);
    held_out.emplace(model, teacher, examples(20, 30), how, workers);
    settings.passes = 2;
    settings.tournament.cycles = 2;
    settings.seed = 7;
    state = start_of(blocks);
  }

  [[nodiscard]] std::vector<datasets::Example> examples(std::size_t first, std::size_t last) const {
    std::vector<datasets::Example> all(last - first);
    for (std::size_t i = first; i < last; ++i) data.train->read(i, all[i - first]);
    return all;
  }
  void run(const SearchCalls& calls = {}) { search_ranges(blocks, *objective, *held_out, settings, state, calls); }
  [[nodiscard]] std::vector<double> losses() const {
    std::vector<double> all;
    for (const VisitRecord& visit : state.visits) all.push_back(visit.loss);
    return all;
  }
};

std::vector<std::vector<float>> parameters_of(const Inventory& inventory) {
  std::vector<std::vector<float>> all;
  for (const auto& [name, parameter] : inventory.parameters) all.push_back(parameter->value.data);
  return all;
}

TEST_CASE("evolve: planted ranges are mended, no visit makes the loss worse, and the weights keep their bits") {
  for (const EvolveLoss loss : {EvolveLoss::infonce, EvolveLoss::mse, EvolveLoss::kl}) {
    CAPTURE(static_cast<int>(loss));
    EvolveRig rig({.loss = loss});
    rig.settings.passes = 6;
    const auto weights = parameters_of(rig.inventory);
    const double start = rig.objective->from(0), start_held_out = rig.held_out->from(0);
    rig.run();
    CHECK(rig.state.visits.size() == 18);
    double before = start;
    for (const double now : rig.losses()) {
      CHECK(now <= before);
      before = now;
    }
    CHECK(before < start);
    CHECK(rig.state.best_held_out < start_held_out);
    CHECK(rig.held_out->from(0) == rig.state.best_held_out);
    CHECK(parameters_of(rig.inventory) == weights);
    for (const Quantizer* site : rig.inventory.quantizers) {
      for (const float r : site->range) CHECK((std::isfinite(r) && r >= 0.0F));
    }
  }
}

TEST_CASE("evolve: the found model is exported with its codes") {
  EvolveRig rig;
  rig.run();
  const auto examples = rig.examples(0, 3);
  CHECK(IntegerForward::of(rig.model, examples[2], rig.padded()).has_value());
}

TEST_CASE("evolve: the same bits for 1, 2 and 7 threads, and with or without cached blocks") {
  for (const char* const recipe : {"smnist-small", "induction"}) {
    CAPTURE(recipe);
    const std::string quant = std::string(recipe) == "induction" ? "w4a8" : "w4a8-a8";
    EvolveRig one({}, recipe, quant);
    REQUIRE(one.obstacle() == "");
    one.run();
    const std::string digest = weights_digest(one.inventory);
    CHECK(one.losses().front() > one.losses().back());
    for (const SearchOptions& options :
         {SearchOptions{.threads = 2}, SearchOptions{.threads = 7}, SearchOptions{.threads = 2, .cached = false}}) {
      CAPTURE(options.threads);
      CAPTURE(options.cached);
      EvolveRig other(options, recipe, quant);
      other.run();
      CHECK(other.losses() == one.losses());
      CHECK(weights_digest(other.inventory) == digest);
    }
  }
}

TEST_CASE("evolve: another order of the blocks and other seeds are other searches") {
  EvolveRig first, last, seeded;
  last.settings.last_first = true;
  seeded.settings.seed = 8;
  first.run(), last.run(), seeded.run();
  CHECK(first.state.visits[0].block == 0);
  CHECK(last.state.visits[0].block == 2);
  CHECK(first.losses() != last.losses());
  CHECK(first.losses() != seeded.losses());
}

TEST_CASE("evolve: a step of 0 changes nothing") {
  EvolveRig rig;
  rig.settings.step = rig.settings.step_of_few = 0.0;
  const std::string digest = weights_digest(rig.inventory);
  rig.run();
  CHECK(weights_digest(rig.inventory) == digest);
}

TEST_CASE("evolve: a stopped search has the best ranges so far, and goes on to the same end") {
  EvolveRig whole;
  whole.run();
  const TempFolder folder;
  const auto file = folder.path() / "evolve.h5";
  struct Stop {};
  EvolveRig stopped;
  CHECK_THROWS_AS(stopped.run({[&](const SearchState& state) {
    save_search(file, "mine", state);
    if (state.visits.size() == 4) throw Stop{};
  }}),
                  Stop);
  CHECK(stopped.objective->from(0) == stopped.state.visits.back().loss);
  EvolveRig resumed;
  SearchState start = start_of(resumed.blocks);
  CHECK_THROWS_WITH_AS(load_search(file, "another", start),
                       doctest::Contains("is of a search with other settings, weights, rules or data"), Error);
  resumed.state = load_search(file, "mine", start);
  CHECK(resumed.state.visits.size() == 4);
  resumed.run();
  CHECK(resumed.losses() == whole.losses());
  CHECK(weights_digest(resumed.inventory) == weights_digest(whole.inventory));
  start.ranges.pop_back();
  CHECK_THROWS_WITH_AS(load_search(file, "mine", start), doctest::Contains("ranges"), Error);
}

TEST_CASE("evolve: a candidate without a program is dropped") {
  EvolveRig rig({.planted = 1.0});
  const Block& block = rig.blocks[1];
  std::vector<double> ranges = ranges_of(block);
  const double loss = rig.objective->from(0);
  for (double& r : ranges) r *= 1e30;
  set_ranges(block, ranges);
  CHECK(rig.objective->from(0) == std::numeric_limits<double>::infinity());
  CHECK(std::isfinite(loss));
}

TEST_CASE("evolve: channels of a group keep one range") {
  Quantizer site;
  site.declare("act:layers.0.mixer.u");
  site.spec = {.bits = 8, .range = QuantSpec::Range::ema, .granularity = QuantSpec::Granularity::group};
  site.channels = 4;
  site.groups = {0, 1, 0, 1};
  site.range = {1.0F, 2.0F, 1.0F, 2.0F};
  Inventory inventory;
  inventory.quantizers = {&site};
  const auto blocks = blocks_of(inventory, 1);
  REQUIRE(blocks[0].size() == 2);
  set_ranges(blocks[0], {3.0, 4.0});
  CHECK(site.range == std::vector<float>{3.0F, 4.0F, 3.0F, 4.0F});
}

TEST_CASE("evolve: the first layer has the knobs before it, the last those behind it") {
  const EvolveRig rig;
  for (std::size_t b = 0; b < 3; ++b) {
    for (const Knob& knob : rig.blocks[b]) {
      const std::string& site = knob.site->site;
      CAPTURE(site);
      const bool own = site.find(":layers." + std::to_string(b) + ".") != site.npos;
      CHECK((own || (b == 0 && site.find(":encoder") != site.npos) || (b == 2 && site.find(":decoder") != site.npos)));
    }
  }
  const auto weights = blocks_of(rig.inventory, 3, true);
  CHECK(weights[1].size() < rig.blocks[1].size());
  CHECK(std::all_of(weights[1].begin(), weights[1].end(),
                    [](const Knob& knob) { return knob.site->kind == SiteKind::weight; }));
}

TEST_CASE("perturb: all ranges are moved by one factor, or each by its own") {
  const auto moved = [](const PerturbOptions& options) {
    ExportRig rig("smnist-small", "w8a8");
    Workers workers(1);
    LaneRunner runner(rig.model, rig.inventory, experiments::metric_of(rig.data),
                      {1, rig.padded(), rig.config.model.s5.batchnorm, {}}, workers);
    const CalibrationData calibration{*rig.data.train, {0, 1, 2, 3}, 2, 1, true};
    const std::vector<double> before = ranges_of(blocks_of(rig.inventory, 1).front());
    perturb({rig.model, rig.inventory, runner, calibration, workers, rig.padded(), 3}, options);
    std::vector<double> factors = ranges_of(blocks_of(rig.inventory, 1).front());
    for (std::size_t i = 0; i < factors.size(); ++i) factors[i] /= before[i];
    return factors;
  };
  for (const double factor : moved({.by = 0.25})) CHECK(factor == doctest::Approx(1.25));
  const std::vector<double> own = moved({.random = 0.1});
  const auto [least, most] = std::minmax_element(own.begin(), own.end());
  CHECK(*least >= 0.8999);
  CHECK(*most <= 1.1001);
  CHECK(*most - *least > 0.1);
  CHECK(own == moved({.random = 0.1}));
  CHECK(own != moved({.random = 0.1, .draw = 1}));
}

/// What the transform says of a model that it cannot search.
std::string refusal(ExportRig& rig, EvolveOptions options) {
  Workers workers(1);
  LaneRunner runner(rig.model, rig.inventory, experiments::metric_of(rig.data),
                    {1, rig.padded(), rig.config.model.s5.batchnorm, {}}, workers);
  const CalibrationData calibration{*rig.data.train, {0, 1, 2, 3}, 2, 1, true};
  try {
    evolve({rig.model, rig.inventory, runner, calibration, workers, rig.padded()}, options);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST_CASE("evolve: what it cannot search is refused in a sentence") {
  ExportRig dynamic("smnist-small", "w8a8", "none", 4, {{"bits", "act:*.u 8 range=absmax"}});
  CHECK(refusal(dynamic, {}).find("range=absmax, which is taken anew in every pass") != std::string::npos);
  ExportRig plain("smnist-small", "none");
  CHECK(refusal(plain, {}).find("no site of this model keeps a range") != std::string::npos);
  ExportRig unstored("smnist-small", "w8a8");
  CHECK(refusal(unstored, {.ranges = "weights"}).find("no weight of this model keeps its range") != std::string::npos);
  ExportRig values("lorenz-small", "w8a8");
  CHECK(refusal(values, {.loss = "kl"}).find("kl compares the logits of classes") != std::string::npos);
  ExportRig islands("smnist-small", "w8a8", "none", 4, {{"bits", "act:*.gate none"}});
  CHECK(refusal(islands, {}).find("has no integer program") != std::string::npos);
}

}  // namespace
}  // namespace bitstate::tests::evolve_test
