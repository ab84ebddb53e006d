#include "core/program/c_memory.h"

#include "core/program/c_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <type_traits>

namespace bitstate::program {
namespace {

std::vector<Ref> operands_of(const Instruction& instruction) {
  return std::visit(
      [](const auto& i) -> std::vector<Ref> {
        using I = std::decay_t<decltype(i)>;
        if constexpr (std::is_same_v<I, Product> || std::is_same_v<I, Sum> || std::is_same_v<I, Concatenate>) {
          return {i.a, i.b};
        } else {
          return {i.x};
        }
      },
      instruction);
}

/// Column c of the result is written after the last read of column c: it may take the operand's place.
bool is_elementwise(const Instruction& instruction) {
  return std::visit(
      [](const auto& i) {
        using I = std::decay_t<decltype(i)>;
        return std::is_same_v<I, Rescale> || std::is_same_v<I, Sign> || std::is_same_v<I, Product> ||
               std::is_same_v<I, Scale> || std::is_same_v<I, Sum> || std::is_same_v<I, AddRow> ||
               std::is_same_v<I, LayerNorm> || std::is_same_v<I, Table>;
      },
      instruction);
}

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

/// When values are computed and read for the last time: steps first, then what follows the pools.
class Lifetimes {
 public:
  Lifetimes(const Program& program, const std::vector<ValueInfo>& infos) : infos_(infos), last_(infos.size(), 0) {
    for (std::size_t i = 1; i < infos.size(); ++i) {
      const Instruction& instruction = program.instructions[i - 1];
      // a pool reads while the steps run
      const std::size_t when = is_pool(instruction) ? i : computed(i);
      for (const Ref x : operands_of(instruction)) last_[x] = std::max(last_[x], when);
    }
    last_.back() = std::numeric_limits<std::size_t>::max();
  }
  [[nodiscard]] std::size_t computed(std::size_t value) const {
    return infos_[value].per_step ? value : infos_.size() + value;
  }
  [[nodiscard]] std::size_t last_read(std::size_t value) const { return last_[value]; }

  /// Values in the order in which they are computed.
  [[nodiscard]] std::vector<Ref> order() const {
    std::vector<Ref> order(infos_.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<Ref>(i);
    std::stable_partition(order.begin(), order.end(), [&](Ref v) { return infos_[v].per_step; });
    return order;
  }

 private:
  const std::vector<ValueInfo>& infos_;
  std::vector<std::size_t> last_;
};

}  // namespace

bool is_pool(const Instruction& i) { return std::holds_alternative<MeanPool>(i) || std::holds_alternative<Last>(i); }

unsigned residue_bits(const Scan& scan) {
  // |z - x 2^k| <= 2^(k-1) where x is z 2^-k rounded
  if (scan.shift >= 0) {
    const std::int64_t half = scan.shift == 0 ? 0 : std::int64_t{1} << (scan.shift - 1);
    return c_bits(-half, half);
  }
  if (scan.to_state.multiplier == 0) return 64;
  // a state that is not clamped has |z| m <= (bound + 1) 2^k, and the number taken off z is at most rescale(bound)
  const double largest = static_cast<double>(scan.bound + 1) *
                             static_cast<double>(std::int64_t{1} << scan.to_state.shift) /
                             static_cast<double>(scan.to_state.multiplier) +
                         static_cast<double>(rescale(scan.bound, scan.to_inner)) + 2;
  return largest < 0x1.0p31 ? 32 : 64;
}

CMemory::CMemory(const Program& program, const std::vector<ValueInfo>& infos)
    : values_(infos.size()), kept_(infos.size()) {
  for (std::size_t i = 0; i < infos.size(); ++i) values_[i] = {"", c_bits(infos[i].lo, infos[i].hi), infos[i].cols};
  const std::int64_t end = std::int64_t{1} << (values_[0].bits - 1);
  clamps_input_ = infos[0].lo > -end || infos[0].hi < end - 1;
  place_state(program, infos);
  place_scratch(program, infos);
  std::stable_sort(members_.begin(), members_.end(), [](const auto& a, const auto& b) { return a.bits > b.bits; });
}

CValue CMemory::keep(std::string_view kind, std::size_t number, unsigned bits, std::size_t cols) {
  const std::string name = fmt::format("{}{}", kind, number);
  members_.push_back({name, bits, cols});
  return {"s->" + name, bits, cols};
}

/// States, residues, sums and last rows.
void CMemory::place_state(const Program& program, const std::vector<ValueInfo>& infos) {
  for (std::size_t i = 1; i < infos.size(); ++i) {
    const Instruction& instruction = program.instructions[i - 1];
    const std::size_t cols = infos[i].cols;
    if (const Scan* const scan = std::get_if<Scan>(&instruction)) {
      values_[i] = keep("x", i, values_[i].bits, cols);
      if (scan->feedback) kept_[i] = keep("residue", i, residue_bits(*scan), cols);
    } else if (std::holds_alternative<Last>(instruction)) {
      values_[i] = keep("last", i, values_[i].bits, cols);
    } else if (std::holds_alternative<MeanPool>(instruction)) {
      kept_[i] = keep("sum", i, 64, cols);
    }
  }
  if (program.output.classes) members_.push_back({"logits", 32, infos.back().cols});
}

/// Everything else: the first place of the type's scratch array that is free while the value lives.
void CMemory::place_scratch(const Program& program, const std::vector<ValueInfo>& infos) {
  const Lifetimes lifetimes(program, infos);
  if (!clamps_input_) values_[0].at = "input";
  CValue& last = values_.back();
  if (last.at.empty()) last = {program.output.classes ? "logits" : "output", 32, last.cols};
  std::array<Pool, 3> pools;
  for (const Ref v : lifetimes.order()) {
    CValue& value = values_[v];
    if (!value.at.empty()) continue;
    Pool& pool = pools.at(pool_of(value.bits));
    // a block whose last reader writes this value column by column is taken over
    const auto taken = std::find_if(pool.blocks.begin(), pool.blocks.end(), [&](const Block& b) {
      return v > 0 && is_elementwise(program.instructions[v - 1]) && b.count == value.cols &&
             lifetimes.last_read(b.value) == lifetimes.computed(v);
    });
    std::size_t first = 0;
    if (taken != pool.blocks.end()) {
      first = taken->first;
      taken->value = v;
    } else {
      for (Pool& p : pools) {
        std::erase_if(p.blocks, [&](const Block& b) { return lifetimes.last_read(b.value) < lifetimes.computed(v); });
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
