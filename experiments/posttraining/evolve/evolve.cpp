#include "experiments/posttraining/evolve/evolve.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "experiments/posttraining/evolve/state_file.h"
#include "experiments/training/export_model.h"
#include "experiments/training/integer_forward.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace bitstate {
namespace {

namespace fs = std::filesystem;

std::vector<datasets::Example> read(const CalibrationData& data, std::size_t first, std::size_t count) {
  std::vector<datasets::Example> examples(count);
  for (std::size_t i = 0; i < count; ++i) data.data.read(data.order[first + i], examples[i]);
  return examples;
}

EvolveLoss loss_of(const std::string& word, Output output) {
  if (word == "mse") return EvolveLoss::mse;
  require<UsageError>(gives_classes(output), "evolve.loss",
                      "{} compares the logits of classes, but this model gives {}; expected mse", word,
                      name_of(output));
  return word == "kl" ? EvolveLoss::kl : EvolveLoss::infonce;
}

void check_ranges(const Inventory& inventory, const EvolveOptions& options) {
  bool kept = false;
  for (const Quantizer* site : inventory.quantizers) {
    if (!site->spec.active()) continue;
    require<UsageError>(site->is_constant() || !site->spec.is_dynamic(), "evolve",
                        "{} has range=absmax, which is taken anew in every pass; evolve moves ranges that are kept, as "
                        "range=ema, mse or percentile",
                        site->site);
    kept = kept || (site->needs_range() && (options.ranges == "all" || site->kind == SiteKind::weight));
  }
  require<UsageError>(
      kept, "evolve", "{}",
      options.ranges == "all"
          ? "no site of this model keeps a range; rules for activations, or weight_range=stored, give some"
          : "no weight of this model keeps its range; weight_range=stored makes them kept");
}

/// Whether weights are rounded by ranges that the search cannot move, as those of range=absmax.
bool leaves_weights(const Inventory& inventory) {
  bool rounds = false;
  for (const Quantizer* site : inventory.quantizers) {
    if (site->kind != SiteKind::weight || !site->spec.active()) continue;
    if (site->needs_range()) return false;
    rounds = rounds || site->spec.is_dynamic() || site->spec.range == QuantSpec::Range::mse;
  }
  return rounds;
}

/// The layers of the model, if its parts are named as layers are.
std::size_t count_layers(const Model& model, const datasets::Example& example) {
  Tape tape;
  static_cast<void>(forward_example(model, first_step(example), 0, tape));
  return tape.parts().size();
}

/// The float model.
Model teacher_of(const Model& source) {
  Model teacher = source;
  Inventory inventory = take_inventory(teacher);
  quantize_sites(inventory, QuantConfig{});
  return teacher;
}

/// The lines and files of a search at work.
class Diary {
 public:
  Diary(const TransformHost& host, std::size_t blocks, std::size_t passes)
      : host_(host), blocks_(blocks), visits_(blocks * passes) {}

  [[nodiscard]] SearchState begun(SearchState start) const {
    if (!keeps() || !host_.resume || !fs::exists(state_file())) return start;
    return load_search(state_file(), host_.identity, start);
  }
  void visited(const SearchState& state) const {
    const VisitRecord& last = state.visits.back();
    if (keeps()) save_search(state_file(), host_.identity, state);
    if (host_.progress) host_.progress(state.visits.size(), visits_, fmt::format("evolve  loss {:.5f}", last.loss));
    if (!host_.say || std::isnan(last.held_out)) return;
    host_.say(fmt::format("evolve pass {:2}/{}  loss {:.5f}  held out {:.5f}  best {:.5f}  {} evaluations, {:.0f} s",
                          last.pass + 1, visits_ / blocks_, last.loss, last.held_out, state.best_held_out,
                          last.evaluations, last.seconds));
  }
  void ended(const SearchState& state) const {
    if (!keeps()) return;
    write_file_atomically(host_.folder / "evolve.csv", search_csv(state));
  }

 private:
  [[nodiscard]] bool keeps() const { return !host_.folder.empty(); }
  [[nodiscard]] fs::path state_file() const { return host_.folder / "evolve.h5"; }

  const TransformHost& host_;
  std::size_t blocks_;
  std::size_t visits_;
};

SearchSettings search_settings(const EvolveOptions& options, std::uint64_t seed) {
  SearchSettings settings;
  settings.tournament = {options.population, options.picks, options.cycles, options.children, options.relative};
  settings.passes = options.passes;
  settings.step = options.step;
  settings.step_of_few = options.step_of_few;
  settings.last_first = options.order == "last";
  settings.seconds = options.seconds;
  settings.seed = seed;
  return settings;
}

}  // namespace

void evolve(const TransformTarget& target, const EvolveOptions& options) {
  check_ranges(target.inventory, options);
  ObjectiveSettings objective{loss_of(options.loss, target.model.output().output), options.batch, options.temperature,
                              target.padded_length};
  objective.stop = target.host.stop;
  const std::size_t all = target.data.order.size();
  const std::size_t count = std::min(options.sequences, all * 2 / 3);
  require<UsageError>(count > 0, "evolve", "needs at least 2 training sequences, but there are {}", all);
  auto seen = read(target.data, 0, count);
  auto unseen = read(target.data, count, std::min(options.held_out, all - count));
  require<UsageError>(IntegerForward::of(target.model, seen[0], target.padded_length).has_value(), "evolve",
                      "this model has no integer program; bitstate inspect shows what stands in the way");
  const std::vector<Block> blocks =
      blocks_of(target.inventory, count_layers(target.model, seen[0]), options.ranges == "weights");
  if (target.host.say && leaves_weights(target.inventory)) {
    target.host.say("evolve moves no range of a weight, because none is kept; --weight_range=stored keeps them");
  }
  const Model teacher = teacher_of(target.host.source != nullptr ? *target.host.source : target.model);
  Objective training(target.model, teacher, std::move(seen), objective, target.workers);
  Objective held_out(target.model, teacher, std::move(unseen), objective, target.workers);
  const Diary diary(target.host, blocks.size(), options.passes);
  SearchState state = diary.begun(start_of(blocks));
  search_ranges(blocks, training, held_out, search_settings(options, target.seed), state,
                {[&](const SearchState& now) { diary.visited(now); }});
  diary.ended(state);
}

Transform evolve_transform() {
  using E = EvolveOptions;
  OptionTable<E> options("evolve");
  options.word("evolve.loss", &E::loss, {"mse", "kl", "infonce"},
               "between outputs and those of the float model; kl and infonce are for classes");
  options.whole("evolve.passes", "PASSES", &E::passes, 0, 100000, "over all blocks");
  options.whole("evolve.cycles", "CYCLES", &E::cycles, 1, 100000, "of a visit of a block");
  options.whole("evolve.population", "N", &E::population, 1, 100000, "of a visit");
  options.whole("evolve.picks", "N", &E::picks, 1, 100000, "draws of a tournament, of which the best is the parent");
  options.whole("evolve.children", "N", &E::children, 1, 100000, "of a cycle");
  options.real("evolve.step", "PART", &E::step, {0.0, 1.0}, "largest move of a range, as a part of it");
  options.real("evolve.step_of_few", "PART", &E::step_of_few, {0.0, 1.0},
               "likewise, of activations and states of at most 4 bits");
  options.flag("evolve.relative", &E::relative, "steps are parts of a range; else they are numbers");
  options.word("evolve.ranges", &E::ranges, {"all", "weights"}, "that are moved");
  options.word("evolve.order", &E::order, {"first", "last"}, "the block that a pass begins with");
  options.whole("evolve.sequences", "SEQUENCES", &E::sequences, 1, 100000000,
                "of the training part, for the search, at most two thirds of it");
  options.whole("evolve.held_out", "SEQUENCES", &E::held_out, 1, 100000000,
                "further ones, by which the best ranges are kept");
  options.whole("evolve.batch", "OUTPUTS", &E::batch, 2, 100000, "that infonce compares with each other");
  options.real("evolve.temperature", "T", &E::temperature, {0.0, 1e6, true}, "of infonce");
  options.real("evolve.seconds", "SECONDS", &E::seconds, {0.0, 1e9}, "after which it ends with the best; 0: never");
  return transform_of({.name = "evolve",
                       .help = "search the ranges by what the outputs lose against the float model (Evol-Q, CPT-V)",
                       .needs_calibration = true,
                       .keeps_float_output = true,
                       .after_calibration = true},
                      options, evolve);
}

}  // namespace bitstate
