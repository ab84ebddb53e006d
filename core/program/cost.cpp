// What a program costs a device.
#include "core/program/program.h"

#include <cstddef>
#include <cstdint>
#include <variant>

namespace bitstate::program {
namespace {

/// Constants and work of one instruction.
struct Expense {
  Cost& cost;
  std::size_t cols;  // of the result

  void factors(std::size_t count) const { cost.constant_bits += 40 * count; }  // 31 bits and a shift

  void operator()(const Linear& i) const {
    cost.weight_bits += i.weight.stored_bits();
    cost.constant_bits += 32 * i.bias.size();
    cost.multiplications += i.weight.codes.size();
  }
  void operator()(const Rescale& i) const {
    factors(i.factor.size());
    cost.constant_bits += 16 * (i.lo.size() + i.hi.size());
    cost.multiplications += cols;
  }
  void operator()(const Sign&) const {}
  void operator()(const Product&) const { cost.multiplications += cols; }
  void operator()(const Scale& i) const {
    cost.weight_bits += 16 * i.row.size();
    cost.multiplications += cols;
  }
  void operator()(const Sum& i) const {
    factors(i.a_factor.size() + i.b_factor.size());
    cost.multiplications += 2 * cols;
  }
  void operator()(const AddRow& i) const {
    factors(i.factor.size());
    cost.constant_bits += 32 * i.row.size();
    cost.multiplications += cols;
  }
  void operator()(const LayerNorm& i) const {
    cost.weight_bits += 16 * i.scale.size();
    cost.constant_bits += 32 * i.bias.size() + 64;
    cost.multiplications += 4 * cols;
  }
  void operator()(const RmsNorm& i) const {
    cost.weight_bits += 16 * i.scale.size();
    cost.constant_bits += 64;
    cost.multiplications += 3 * cols;
  }
  void operator()(const Conv& i) const {
    cost.weight_bits += i.weight.stored_bits();
    cost.constant_bits += 32 * i.bias.size();
    cost.multiplications += i.weight.codes.size();
    cost.state_bytes += (i.weight.cols - 1) * cols;  // of 8 bits, as operands of products are
  }
  void operator()(const Rotate&) const {}  // additions alone
  void operator()(const Table& i) const {
    cost.constant_bits += std::uint64_t{i.entries.bits} * i.entries.codes.size() + 32 * i.of_column.size();
  }
  void operator()(const Embedding& i) const { cost.weight_bits += i.table.stored_bits(); }
  void operator()(const Scan& i) const {
    cost.weight_bits += std::uint64_t{i.lambda_bits} * i.lambda.size();
    factors(i.from_input.size() + 2);
    cost.multiplications += (i.residue == Residue::decayed ? 5 : 3) * cols;
    const std::size_t residue = i.shift >= 0 && i.shift <= 15 ? 2 : 8;  // at most half a code of the state
    cost.state_bytes += cols * (i.residue != Residue::none ? 2 + residue : 2);
  }
  void operator()(const ScanShear& i) const {
    const bool shifts_only = i.decay_bits == 1;
    cost.weight_bits += std::uint64_t{9 + i.step_bits + (shifts_only ? 0 : i.decay_bits)} * i.sign.size();
    factors(i.from_input.size());
    cost.multiplications += (shifts_only ? 2 : 3) * cols;
    cost.state_bytes += cols * (i.feedback ? 4 : 2);
  }
  void operator()(const SelectiveScan& i) const {
    cost.weight_bits += std::uint64_t{i.rate.bits} * i.rate.codes.size();
    factors(i.to_input.size() + i.to_inner.size());
    cost.constant_bits += 32 * i.delta.size();
    const std::size_t all = cols * i.states;
    // a decay is two products: with the rate, and of two entries of its tables
    cost.multiplications += 2 * cols + 4 * all + 2 * i.rate.codes.size() + (i.residue == Residue::decayed ? all : 0);
    cost.state_bytes += all * (i.residue == Residue::none ? 2 : 4);
  }
  void operator()(const MeanPool&) const { cost.state_bytes += 8 * cols; }
  void operator()(const Last&) const { cost.state_bytes += 4 * cols; }
  void operator()(const Concatenate&) const {}
};

std::uint64_t bytes_of(const ValueInfo& v) {
  const std::int64_t m = v.magnitude();
  return v.cols * (m < 1 << 7 ? 1U : (m < 1 << 15 ? 2U : 4U));
}

}  // namespace

Cost cost_of(const Program& program) {
  const auto values = analyse(program);
  Cost cost;
  for (std::size_t i = 0; i < program.instructions.size(); ++i) {
    const Instruction& instruction = program.instructions[i];
    const Cost before = cost;
    std::visit(Expense{cost, values[i + 1].cols}, instruction);
    if (!values[i + 1].per_step) {
      cost.multiplications = before.multiplications;  // once per sequence
      continue;
    }
    const bool reads_all = traits_of(instruction).constants == Constants::all;
    const std::uint64_t bits = cost.weight_bits + cost.constant_bits - before.weight_bits - before.constant_bits;
    cost.memory_bytes += (reads_all ? bits / 8 : bytes_of(values[i + 1])) + 2 * bytes_of(values[i + 1]);
  }
  cost.memory_bytes += 2 * cost.state_bytes + bytes_of(values[0]);
  return cost;
}

}  // namespace bitstate::program
