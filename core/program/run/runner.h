// Runs an integer program, on whole sequences or on as many steps at a time as there are.
#pragma once

#include "core/program/program.h"
#include "core/program/run/codes.h"
#include "core/program/run/kernels.h"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace bitstate::program {

/// What a stream of steps keeps: recurrent states, sums of pools, working memory. Belongs to the caller; one per
/// stream. Runner::begin() gives it its sizes; step() and result() throw Error for another.
struct State {
  std::uint64_t steps = 0;                           ///< seen so far
  std::vector<Bytes> buffers;                        ///< values of the chunk at hand
  std::vector<std::vector<std::int32_t>> recurrent;  ///< of each scan: x; of each `last`: its row
  std::vector<std::vector<std::int64_t>> sums;       ///< of each scan: residues; of each mean pool: sums
};

class Plan;

class Runner {
 public:
  /// Runs on the instruction set `isa`; the codes are the same on each. Throws Error where analyse() does, UsageError
  /// when this machine does not have `isa`.
  explicit Runner(Program program, Isa isa = best_isa());

  /// The program without its instructions: what enters and leaves it. The constants are kept as the kernels read them,
  /// and only so.
  [[nodiscard]] const Program& header() const { return header_; }
  /// What is kept of the constants: weights, biases, factors, tables.
  [[nodiscard]] std::size_t constant_bytes() const;
  [[nodiscard]] std::size_t output_cols() const { return values_.back().cols; }
  /// Outputs come at every step; else one row per sequence.
  [[nodiscard]] bool per_step() const { return values_.back().per_step; }
  [[nodiscard]] bool streams() const { return streams_; }

  /// Codes of one sequence, input [steps, cols]: [steps, output_cols] or [1, output_cols].
  [[nodiscard]] std::vector<std::int32_t> run(std::span<const std::int32_t> input) const;

  /// A stream before its first step.
  [[nodiscard]] State begin() const;
  /// The next steps, any number of them: input [n, cols]; with per_step() output gets [n, output_cols]. However a
  /// sequence is cut, the codes are the same. Throws UsageError for a program that cannot stream.
  void step(State& state, std::span<const std::int32_t> input, std::span<std::int32_t> output) const;
  /// Without per_step(): the logits of the steps so far, of which there must be one. May be called at any step.
  void result(State& state, std::span<std::int32_t> output) const;

 private:
  void check_state(const State& state) const;
  void make_room(State& state, std::size_t rows) const;
  void advance(State& state, std::span<const std::int32_t> input, std::size_t true_steps) const;
  void check_input(std::span<const std::int32_t> input) const;
  [[nodiscard]] Ref last() const { return static_cast<Ref>(values_.size() - 1); }

  Program header_;
  std::vector<ValueInfo> values_;
  std::vector<Kept> kept_;  // by each instruction
  bool streams_ = true;
  std::shared_ptr<const Plan> plan_;  // nothing in it changes: copies share it
};

/// The class of a row of logits: the first of the largest.
[[nodiscard]] std::size_t class_of(std::span<const std::int32_t> logits);

}  // namespace bitstate::program
