#include "experiments/inspect/memory.h"

#include "autograd/ledger.h"
#include "core/error.h"
#include "experiments/host/text_table.h"
#include "experiments/inspect/layers.h"
#include "experiments/inspect/one_example.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <vector>

namespace bitstate::experiments {
namespace {

/// One training pass at a time of one sequence.
class MemoryProbe {
 public:
  MemoryProbe(const Model& model, const Inventory& inventory, const datasets::Example& example,
              std::size_t padded_length, const Pass& forms)
      : model_(model),
        forms_(forms),
        one_(example, padded_length),
        gradient_(inventory.gradient_count()),
        observed_(inventory.range_count()),
        counts_(inventory.count_count()),
        statistics_(inventory.buffer_count()) {}

  Value forward(Tape& tape, bool small) {
    Pass pass = forms_;
    pass.training = pass.gradients = true;
    pass.results_only = pass.replay_states = small;
    pass.gives_back = true;
    pass.gradient = gradient_;
    pass.observed = observed_;
    pass.counts = counts_;
    pass.statistics = statistics_;
    tape.begin(pass);
    const Value output = model_.forward(tape, one_.batch());
    tape.compute(output);
    return output;
  }

  static void backward(Tape& tape, Value output) {
    tape.backward(output, std::vector<float>(tape[output].size(), 1.0F));
  }

  [[nodiscard]] std::size_t steps() const { return one_.steps(); }

 private:
  const Model& model_;
  Pass forms_;
  OneExample one_;
  std::vector<float> gradient_, observed_;
  std::vector<std::uint32_t> counts_;
  std::vector<double> statistics_;
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
  MemoryProbe::backward(tape, probe.forward(tape, true));
  return tape.peak_bytes();
}

}  // namespace

MemoryLedger memory_ledger(const Model& model, const Inventory& inventory, const datasets::Dataset& part,
                           std::size_t padded_length, const Pass& forms) {
  require(part.size() > 0, "inspect", "the training part is empty: there is no sequence to measure");
  datasets::Example example;
  part.read(0, example);
  MemoryProbe probe(model, inventory, example, padded_length, forms);
  MemoryLedger result;
  result.steps = probe.steps();
  Tape tape;
  const Value output = probe.forward(tape, false);
  for (const LedgerEntry& entry : ledger(tape)) {
    add_row(result,
            {std::string(tape[entry.node].op->name), site_of(tape, entry.node), std::string(entry.what), entry.bytes});
  }
  const std::size_t after_forward = tape.used_bytes();
  const std::size_t given_back = tape.given_back_bytes();
  add_row(result, {"all", "", "weights, tables", after_forward - given_back - result.kept});
  add_row(result, {"all", "", "given back to layers and gradients", given_back, false});
  MemoryProbe::backward(tape, output);
  add_row(result, {"all", "", "further gradients, operands in backward", tape.used_bytes() - after_forward, false});
  add_row(result, {"all", "", "blocks of rows", tape.scratch_bytes(), false});
  result.peak = tape.peak_bytes();
  result.peak_of_small = peak_of_small(probe);
  return result;
}

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
      "the tape takes {}, with --memory=small {}.\n",
      ledger.run, ledger.steps, aligned(cells, "lllrrl"), ledger.kept, ledger.transient, ledger.peak,
      ledger.peak_of_small);
}

std::string to_json(const MemoryLedger& ledger) {
  nlohmann::json line = {{"run", ledger.run},
                         {"steps", ledger.steps},
                         {"kept_bytes", ledger.kept},
                         {"transient_bytes", ledger.transient},
                         {"peak_bytes", ledger.peak},
                         {"peak_bytes_of_small", ledger.peak_of_small},
                         {"rows", nlohmann::json::array()}};
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
