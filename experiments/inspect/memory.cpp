#include "experiments/inspect/memory.h"

#include "autograd/ledger.h"
#include "core/error.h"
#include "experiments/host/text_table.h"
#include "experiments/inspect/flops.h"
#include "experiments/inspect/layers.h"
#include "experiments/inspect/one_example.h"
#include "experiments/training/frozen_prefix.h"
#include "experiments/training/judge.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <memory>
#include <span>
#include <vector>

namespace bitstate::experiments {
namespace {

Judge judge_of(const Model& model, const StepSettings& settings) {
  const Metric usual = gives_classes(model.output().output) ? Metric::accuracy : Metric::rmse;
  return {model.output(), settings.metric.value_or(usual), {}};
}

/// One training pass at a time of one sequence, as LaneRunner has it.
class MemoryProbe {
 public:
  MemoryProbe(const Model& model, const Inventory& inventory, const datasets::Example& example,
              const StepSettings& settings)
      : model_(model),
        settings_(settings),
        judge_(judge_of(model, settings)),
        one_(example, settings.padded_length),
        gradient_(inventory.gradient_count()),
        observed_(inventory.range_count()),
        counts_(inventory.count_count()),
        statistics_(inventory.buffer_count()) {
    judge_.append(asked_, example, one_.batch().sequences.rows[0]);
    if (settings.frozen_layers) enter(FrozenPrefix(model, inventory, *settings.frozen_layers, example));
  }

  /// The losses, computed.
  Value forward(Tape& tape, bool small) {
    Pass pass;
    pass.training = pass.gradients = true;
    pass.results_only = pass.replay_states = small;
    pass.gives_back = true;
    pass.norm_backward = settings_.norm_backward;
    pass.act_backward = settings_.act_backward;
    pass.gradient = gradient_;
    pass.observed = observed_;
    pass.counts = counts_;
    pass.statistics = statistics_;
    tape.begin(pass);
    Batch batch = one_.batch();
    if (settings_.frozen_layers) {
      batch.parts_before = *settings_.frozen_layers;
      batch.entering = prefix_leaf(tape, prefix_);
    }
    const Value output = model_.forward(tape, batch);
    const Value loss = judge_.loss(tape, output, batch.sequences, asked_);
    double numbers[3] = {};
    judge_.judge(tape, output, loss, batch.sequences, asked_,
                 {std::span(numbers, 1), std::span(numbers + 1, 1), std::span(numbers + 2, 1)});
    tape.compute(loss);
    return loss;
  }

  void backward(Tape& tape, Value loss) {
    tape.backward(loss, judge_.loss_gradient(asked_, one_.batch().sequences, 1.0F));
  }

  [[nodiscard]] std::size_t steps() const { return one_.steps(); }
  /// What the frozen layers take on a tape of their own: nothing as a program.
  [[nodiscard]] std::size_t prefix_bytes() const { return prefix_tape_.peak_bytes(); }
  [[nodiscard]] double prefix_flops() const {
    if (!settings_.frozen_layers) return 0.0;
    Tape tape;
    tape.begin({});
    Batch batch = one_.batch();
    batch.parts_end = *settings_.frozen_layers;
    static_cast<void>(model_.forward(tape, batch));
    double sum = 0.0;
    for (const Node& node : tape.nodes()) sum += flops_of(tape, node).forward;
    return sum;
  }

 private:
  void enter(const FrozenPrefix& prefix) {
    const Batch all = one_.batch();
    std::size_t row = 0;
    for (std::size_t s = 0; s < all.sequences.count(); ++s) {
      const std::size_t rows = all.sequences.rows[s];
      const std::size_t cols = all.x.size() / one_.steps();
      const Batch one{{all.sequences.rows.subspan(s, 1), all.sequences.lengths.subspan(s, 1)},
                      all.x.subspan(row * cols, rows * cols),
                      all.tokens.empty() ? all.tokens : all.tokens.subspan(row, rows)};
      prefix_.push_back(std::make_shared<const PrefixRows>(prefix(prefix_tape_, one)));
      row += rows;
    }
  }

  const Model& model_;
  StepSettings settings_;
  Judge judge_;
  OneExample one_;
  Asked asked_;
  std::vector<float> gradient_, observed_;
  std::vector<std::uint32_t> counts_;
  std::vector<double> statistics_;
  Tape prefix_tape_;
  std::vector<std::shared_ptr<const PrefixRows>> prefix_;
};

/// The site that gave `v`, else the first that read it.
std::string site_of(const Tape& tape, Value v) {
  std::string name;
  for (const SiteVisit& visit : tape.visits()) {
    if (visit.output.id == v.id) name = visit.site->site;
  }
  for (const SiteVisit& visit : tape.visits()) {
    if (name.empty() && visit.input.id == v.id) name = visit.site->site;
  }
  return in_any_layer(name);
}

void add_row(MemoryLedger& ledger, MemoryRow row) {
  (row.kept ? ledger.kept : ledger.transient) += row.bytes;
  for (MemoryRow& other : ledger.rows) {
    if (other.op == row.op && other.site == row.site && other.what == row.what) {
      other.bytes += row.bytes;
      return;
    }
  }
  ledger.rows.push_back(std::move(row));
}

std::size_t peak_of_small(MemoryProbe& probe) {
  Tape tape;
  probe.backward(tape, probe.forward(tape, true));
  return tape.peak_bytes() + probe.prefix_bytes();
}

void add_work(MemoryLedger& ledger, WorkRow row) {
  if (row.forward == 0.0) return;
  for (WorkRow& other : ledger.work) {
    if (other.op != row.op || other.site != row.site) continue;
    other.forward += row.forward;
    other.backward += row.backward;
    return;
  }
  ledger.work.push_back(std::move(row));
}

}  // namespace

MemoryLedger memory_ledger(const Model& model, const Inventory& inventory, const datasets::Dataset& part,
                           const StepSettings& settings) {
  require(part.size() > 0, "inspect", "the training part is empty: there is no sequence to measure");
  datasets::Example example;
  part.read(0, example);
  MemoryProbe probe(model, inventory, example, settings);
  MemoryLedger result;
  result.steps = probe.steps();
  result.prefix_flops = probe.prefix_flops();
  Tape tape;
  const Value loss = probe.forward(tape, false);
  for (const LedgerEntry& entry : ledger(tape)) {
    add_row(result,
            {std::string(tape[entry.node].op->name), site_of(tape, entry.node), std::string(entry.what), entry.bytes});
  }
  for (const Node& node : tape.nodes()) {
    if (node.op == nullptr) continue;
    const Flops flops = flops_of(tape, node);
    add_work(result, {std::string(node.op->name), site_of(tape, tape.handle(node)), flops.forward, flops.backward});
  }
  const std::size_t after_forward = tape.used_bytes();
  const std::size_t given_back = tape.given_back_bytes();
  add_row(result, {"all", "", "weights, tables", after_forward - given_back - result.kept});
  add_row(result, {"all", "", "given back to layers and gradients", given_back, false});
  probe.backward(tape, loss);
  add_row(result, {"all", "", "further gradients, operands in backward", tape.used_bytes() - after_forward, false});
  add_row(result, {"all", "", "blocks of rows", tape.scratch_bytes(), false});
  if (probe.prefix_bytes() > 0) add_row(result, {"all", "", "frozen layers, evaluated", probe.prefix_bytes(), false});
  result.peak = tape.peak_bytes() + probe.prefix_bytes();
  result.peak_of_small = peak_of_small(probe);
  return result;
}

namespace {

/// A second table: what each op computes.
std::string work_text(const MemoryLedger& ledger) {
  const auto steps = static_cast<double>(ledger.steps);
  const auto per_step = [&](double flops) { return fmt::format("{:.0f}", flops / steps); };
  Cells cells{{"op", "site", "forward", "backward"}};
  double forward = ledger.prefix_flops, backward = 0.0;
  for (const WorkRow& row : ledger.work) {
    forward += row.forward;
    backward += row.backward;
    if (std::max(row.forward, row.backward) < steps) continue;  // of constants
    cells.push_back(
        {row.op, row.site.empty() ? std::string(no_value) : row.site, per_step(row.forward), per_step(row.backward)});
  }
  if (ledger.prefix_flops > 0.0) {
    cells.push_back({"all", std::string(no_value), per_step(ledger.prefix_flops), "frozen"});
  }
  return fmt::format("FLOPs per step\n\n{}\n{} forward and {} backward per step, {:.1f} MFLOP per sequence.\n",
                     aligned(cells, "llrr"), per_step(forward), per_step(backward), (forward + backward) / 1e6);
}

}  // namespace

std::string ledger_text(const MemoryLedger& ledger) {
  const auto steps = static_cast<double>(ledger.steps);
  Cells cells{{"op", "site", "what", "bytes per step", "bytes", ""}};
  const auto add = [&](std::string op, std::string site, std::string what, std::size_t bytes, std::string kept) {
    cells.push_back({std::move(op), std::move(site), std::move(what),
                     fmt::format("{:.1f}", static_cast<double>(bytes) / steps), fmt::format("{}", bytes),
                     std::move(kept)});
  };
  for (const MemoryRow& row : ledger.rows) {
    add(row.op, row.site.empty() ? std::string(no_value) : row.site, row.what, row.bytes,
        row.kept ? "kept" : "transient");
  }
  return fmt::format(
      "{}: a training step of one sequence, {} steps long\n\n{}\n{} bytes are kept until backward, {} are transient; "
      "the tape takes {}, with --memory=small {}.\n\n{}",
      ledger.run, ledger.steps, aligned(cells, "lllrrl"), ledger.kept, ledger.transient, ledger.peak,
      ledger.peak_of_small, work_text(ledger));
}

std::string to_json(const MemoryLedger& ledger) {
  nlohmann::json line = {{"run", ledger.run},
                         {"steps", ledger.steps},
                         {"kept_bytes", ledger.kept},
                         {"transient_bytes", ledger.transient},
                         {"peak_bytes", ledger.peak},
                         {"peak_bytes_of_small", ledger.peak_of_small},
                         {"prefix_flops", ledger.prefix_flops},
                         {"work", nlohmann::json::array()},
                         {"rows", nlohmann::json::array()}};
  for (const WorkRow& row : ledger.work) {
    line["work"].push_back({{"op", row.op},
                            {"site", row.site.empty() ? nlohmann::json() : nlohmann::json(row.site)},
                            {"forward_flops", row.forward},
                            {"backward_flops", row.backward}});
  }
  for (const MemoryRow& row : ledger.rows) {
    line["rows"].push_back({{"op", row.op},
                            {"site", row.site.empty() ? nlohmann::json() : nlohmann::json(row.site)},
                            {"what", row.what},
                            {"bytes", row.bytes},
                            {"kept", row.kept}});
  }
  return line.dump();
}

}  // namespace bitstate::experiments
