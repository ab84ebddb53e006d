// The selective recurrence on codes (docs/numerics.md, section 10): its constants, its run, and its states once more
// for backward.
#pragma once

#include "autograd/kernels/selective_scan.h"
#include "autograd/tape.h"
#include "core/program/instructions.h"

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace bitstate::selective {

/// Operands and sites of a node.
struct Operands {
  Value u, delta, A_log, B, C;
  const Quantizer* input = nullptr;
  const Quantizer* state = nullptr;
};

/// The scale of channel `c` of `channels`.
[[nodiscard]] float scale_of(const Quantizer& site, std::size_t channels, std::size_t c);

/// Whether the scan is to be computed on codes: its state has bits and ranges are there. Throws UsageError, naming the
/// site, where the state has bits but something else that a scan on codes needs has none.
[[nodiscard]] bool is_rounded(Tape& tape, const Operands& operands, bool has_initial_states);

/// The instruction of the scan without its operands; `dt` gets the value whose codes delta is a function of.
[[nodiscard]] program::SelectiveScan plan_of(Tape& tape, const Operands& operands, const kernels::SelectiveShape& shape,
                                             Value& dt);

/// The scan of all sequences on codes.
class CodeScan {
 public:
  /// Nothing of the plan is referred to later.
  CodeScan(Tape& tape, const Operands& operands, const kernels::SelectiveShape& shape);

  /// Writes the codes of y, and to `starts`, if it is not null, the states before every `chunk` steps of each sequence.
  void run(Tape& tape, std::span<const std::size_t> rows, std::size_t chunk, std::int32_t* starts,
           const program::MutableCodes& y) const;
  /// How many numbers run() keeps of a sequence.
  [[nodiscard]] std::size_t kept(std::size_t rows, std::size_t chunk) const;

  Operands operands;
  Value dt;
  kernels::SelectiveShape shape;
  program::Selective plan;
};

/// The states of one sequence, computed again from those that run() has kept.
class CodeShadows : public kernels::SelectiveShadows {
 public:
  CodeShadows(Tape& tape, const CodeScan& scan, RowRange rows, const std::int32_t* starts, std::size_t chunk);
  void fill(const kernels::SelectivePart& part, float* before, float* after, float* decays, float* passes) override;

 private:
  const CodeScan& scan_;
  kernels::ScanShape order_;
  const std::int32_t* starts_;
  std::size_t chunk_;
  std::vector<std::int32_t> u_, dt_, b_;  // rows of codes
  std::vector<float> scale_;              // of the states of each channel
};

/// Merges the largest |delta u| and |h| of each channel into what the lane has seen of the two sites.
void observe(Tape& tape, const Operands& operands, std::span<const float> input, std::span<const float> state);

}  // namespace bitstate::selective
