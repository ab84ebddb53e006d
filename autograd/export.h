// From one traced forward to the integer program that computes its codes: the tape read from left to right.
#pragma once

#include "autograd/tape.h"
#include "core/grid.h"
#include "core/program/program.h"
#include "core/tuning/layer.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace bitstate {

/// The instructions of `output`, an evaluation in which everything from the input on has codes. The input is one that a
/// site rounds, token ids, or a leaf of codes; `output` is the model's result or that of a part of it. Constants become
/// part of the program. `name`, `classes` and `padded_length` are those of the program. Throws Error, naming the op and
/// the site, when a value has no codes, and when program::analyse() finds no proof that every sum fits.
/// `weights` gets the scales of what the linear maps and the products with a row multiply by, in their order.
program::Program export_program(Tape& tape, Value output, std::string name, bool classes, std::size_t padded_length,
                                std::vector<program::WeightScales>* weights = nullptr);

/// What Op::lower writes to.
class Lowering {
 public:
  Lowering(Tape& tape, program::Program& program);

  [[nodiscard]] Tape& tape() { return tape_; }
  [[nodiscard]] const Node& node(Value v) const { return tape_[v]; }

  /// The program's value of a node that was lowered before. Throws Error when it has none.
  [[nodiscard]] program::Ref value(Value v) const;
  /// Codes of a constant.
  [[nodiscard]] std::vector<std::int32_t> codes(Value v) const;
  [[nodiscard]] program::Matrix matrix(Value v) const;
  /// The fewest bits, at least 2, that hold the codes in two's complement.
  [[nodiscard]] static std::uint32_t bits_of(const std::int32_t* codes, std::size_t count);

  /// Appends the instruction of the node being lowered.
  void emit(program::Instruction instruction);
  /// The node being lowered is the program's input, rounded from the real numbers `raw`.
  void real_input(Value raw, const Grid& grid, bool one_bit);
  /// The node being lowered is the program's input, a leaf of codes.
  void coded_input(const Node& leaf);
  /// The program's input is token ids below `vocabulary`.
  program::Ref token_input(std::int32_t vocabulary);

  /// Lowers all that `output` depends on.
  void lower(Value output);
  /// Of the instructions that were lowered.
  [[nodiscard]] const std::vector<program::WeightScales>& weights() const { return weights_; }

 private:
  Tape& tape_;
  program::Program& program_;
  std::vector<std::int64_t> values_;  // of each node; -1: none
  std::vector<program::WeightScales> weights_;
  std::uint32_t current_ = 0;
};

}  // namespace bitstate
