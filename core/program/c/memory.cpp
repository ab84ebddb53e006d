#include "core/program/c/memory.h"

#include "core/program/c/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>

namespace bitstate::program {
namespace {

/// A part of a scratch array that holds a value.
struct Block {
  Ref value;
  std::size_t first, count;
};

/// The scratch array of one type. Blocks are in the order of `first`.
struct Pool {
  std::vector<Block> blocks;
  std::size_t size = 0;

  std::size_t take(Ref value, std::size_t count) {
    std::size_t first = 0;
    auto at = blocks.begin();
    while (at != blocks.end() && at->first < first + count) {
      first = at->first + at->count;
      ++at;
    }
    blocks.insert(at, {value, first, count});
    size = std::max(size, first + count);
    return first;
  }
};

std::size_t pool_of(unsigned bits) { return bits == 8 ? 0 : (bits == 16 ? 1 : 2); }

/// When each value is read for the last time; a pool reads in its pass.
std::vector<std::size_t> last_reads(const Program& program, const std::vector<ValueInfo>& infos,
                                    const CSchedule& schedule, const TrainableLayer* layer) {
  constexpr std::size_t never = std::numeric_limits<std::size_t>::max();
  std::vector<std::size_t> last(infos.size(), 0);
  for (std::size_t i = 1; i < infos.size(); ++i) {
    const Instruction& instruction = program.instructions[i - 1];
    const std::size_t when = schedule.computed(i, infos[i].per_step || is_pool(traits_of(instruction)));
    for (const Ref x : operands_of(instruction)) last[x] = std::max(last[x], when);
  }
  last.back() = never;
  if (layer == nullptr) return last;
  // the way back reads them at the end of a step, and the pooled value behind the logits
  for (const Ref v : layer->watched) last[v] = std::max(last[v], schedule.computed(layer->pool, true));
  last[layer->pool] = never;
  return last;
}

}  // namespace

unsigned residue_bits(const Scan& scan) {
  // -2^(k-1) <= z - x 2^k < 2^(k-1) where x is z 2^-k rounded
  if (scan.shift >= 0) {
    const std::int64_t half = scan.shift == 0 ? 0 : std::int64_t{1} << (scan.shift - 1);
    return c_bits(-half, std::max<std::int64_t>(half - 1, 0));
  }
  if (scan.to_state.multiplier == 0) return 64;
  // a state that is not clamped has |z| m <= (bound + 1) 2^k, and the number taken off z is at most rescale(bound)
  const double largest = static_cast<double>(scan.bound + 1) *
                             static_cast<double>(std::int64_t{1} << scan.to_state.shift) /
                             static_cast<double>(scan.to_state.multiplier) +
                         static_cast<double>(rescale(scan.bound, scan.to_inner)) + 2;
  return largest < 0x1.0p31 ? 32 : 64;
}

CMemory::CMemory(const Program& program, const std::vector<ValueInfo>& infos, const CSchedule& schedule,
                 const TrainableLayer* layer)
    : values_(infos.size()), states_(infos.size()), kept_(infos.size()) {
  for (std::size_t i = 0; i < infos.size(); ++i) values_[i] = {"", c_bits(infos[i].lo, infos[i].hi), infos[i].cols};
  const std::int64_t end = std::int64_t{1} << (values_[0].bits - 1);
  clamps_input_ = !schedule.streams || infos[0].lo > -end || infos[0].hi < end - 1;
  place_state(program, infos, schedule);
  if (layer != nullptr) {
    const CValue& enters = values_[layer->entry];
    members_.push_back({"entering", enters.bits, layer->max_steps * enters.cols});
  }
  place_scratch(program, infos, schedule, layer);
  std::stable_sort(members_.begin(), members_.end(), [](const auto& a, const auto& b) { return a.bits > b.bits; });
}

CValue CMemory::entering(Ref entry) const {
  CValue row = values_[entry];
  row.at = fmt::format("s->entering + t * {}", row.cols);
  return row;
}

CValue CMemory::keep(std::string_view kind, std::size_t number, unsigned bits, std::size_t cols) {
  const std::string name = fmt::format("{}{}", kind, number);
  members_.push_back({name, bits, cols, true});
  return {"s->" + name, bits, cols};
}

void CMemory::keep_scan(std::size_t number, unsigned residue_bits, bool stored) {
  CValue& value = values_[number];
  states_[number] = keep("x", number, value.bits, value.cols);
  if (residue_bits > 0) kept_[number] = keep("residue", number, residue_bits, value.cols);
  if (!stored) value = states_[number];
}

void CMemory::keep_state(const Scan& scan, std::size_t number, bool stored) {
  keep_scan(number, scan.residue != Residue::none ? residue_bits(scan) : 0, stored);
}

void CMemory::keep_state(const ScanShear& scan, std::size_t number, bool stored) {
  const std::int64_t half = Shear::one / 2;
  keep_scan(number, scan.feedback ? c_bits(-half, half - 1) : 0, stored);
}

void CMemory::keep_state(const Conv& conv, std::size_t number, bool) {
  const std::size_t count = (conv.weight.cols - 1) * values_[number].cols;
  if (count > 0) kept_[number] = keep("window", number, values_[conv.x].bits, count);
}

void CMemory::keep_state(const SelectiveScan& scan, std::size_t number, bool) {
  const std::size_t count = values_[number].cols * scan.states;
  states_[number] = keep("h", number, c_bits(-scan.bound, scan.bound), count);
  // at most half of 2^15
  if (scan.residue != Residue::none) kept_[number] = keep("residue", number, 16, count);
}

void CMemory::keep_state(const Last&, std::size_t number, bool) {
  CValue& value = values_[number];
  value = keep("last", number, value.bits, value.cols);
}

void CMemory::keep_state(const MeanPool&, std::size_t number, bool) {
  kept_[number] = keep("sum", number, 64, values_[number].cols);
}

/// States, residues, sums, last rows, and values that are stored for all steps.
void CMemory::place_state(const Program& program, const std::vector<ValueInfo>& infos, const CSchedule& schedule) {
  for (std::size_t i = 0; i < infos.size(); ++i) {
    CValue& value = values_[i];
    if (schedule.stored[i]) {
      members_.push_back({fmt::format("all{}", i), value.bits, schedule.max_steps * value.cols});
      value.at = fmt::format("s->all{} + t * {}", i, value.cols);
    }
    if (i == 0) continue;
    std::visit([&](const auto& instruction) { keep_state(instruction, i, schedule.stored[i]); },
               program.instructions[i - 1]);
  }
  if (program.output.classes && !infos.back().per_step) members_.push_back({"logits", 32, infos.back().cols});
}

/// Everything else: the first place of the type's scratch array that is free while the value lives.
void CMemory::place_scratch(const Program& program, const std::vector<ValueInfo>& infos, const CSchedule& schedule,
                            const TrainableLayer* layer) {
  const std::vector<std::size_t> last_read = last_reads(program, infos, schedule, layer);
  const auto computed = [&](Ref v) { return schedule.computed(v, infos[v].per_step); };
  if (!clamps_input_) values_[0].at = "input";
  CValue& last = values_.back();
  if (last.at.empty() && (schedule.streams || !infos.back().per_step)) {
    last = {program.output.classes && !infos.back().per_step ? "logits" : "output", 32, last.cols};
  }
  std::vector<Ref> order(infos.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](Ref a, Ref b) { return computed(a) < computed(b); });
  std::array<Pool, 3> pools;
  for (const Ref v : order) {
    CValue& value = values_[v];
    if (!value.at.empty()) continue;
    Pool& pool = pools.at(pool_of(value.bits));
    // a block whose last reader writes this value column by column is taken over
    const auto taken = std::find_if(pool.blocks.begin(), pool.blocks.end(), [&](const Block& b) {
      return v > 0 && traits_of(program.instructions[v - 1]).place == Place::shared && b.count == value.cols &&
             last_read[b.value] == computed(v);
    });
    std::size_t first = 0;
    if (taken != pool.blocks.end()) {
      first = taken->first;
      taken->value = v;
    } else {
      for (Pool& p : pools) {
        std::erase_if(p.blocks, [&](const Block& b) { return last_read[b.value] < computed(v); });
      }
      first = pool.take(v, value.cols);
    }
    value.at = fmt::format("s->scratch{}", value.bits);
    if (first > 0) value.at += fmt::format(" + {}", first);
  }
  for (const unsigned bits : {8U, 16U, 32U}) {
    const std::size_t size = pools.at(pool_of(bits)).size;
    if (size > 0) members_.push_back({fmt::format("scratch{}", bits), bits, size});
  }
}

std::size_t CMemory::bytes() const {
  std::size_t bytes = 4;  // the counter of steps
  bool wide = false;
  for (const CMember& m : members_) {
    bytes += m.bits / 8 * m.count;
    wide = wide || m.bits == 64;
  }
  const std::size_t alignment = wide ? 8 : 4;
  return (bytes + alignment - 1) / alignment * alignment;
}

}  // namespace bitstate::program
