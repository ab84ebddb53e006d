// The selective recurrence on codes (docs/numerics.md, section 10): its constants, its run, and its states once more
// for backward.
#pragma once

#include "autograd/kernels/selective_scan.h"
#include "autograd/tape.h"
#include "core/program/instructions.h"

#include <array>
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

/// How a scan is computed: on codes where its operands, its input and its state have them; of real numbers, of which
/// some are rounded, where a site of the scan has bits; or else in float.
enum class How : std::uint8_t { in_float, rounded, on_codes };

/// Throws UsageError, naming the site, for a rule that no scan can follow, and for rounded states behind initial ones.
[[nodiscard]] How how_of(Tape& tape, const Operands& operands, const kernels::SelectiveShape& shape,
                         bool has_initial_states);

/// The instruction of the scan without its operands; `dt` gets the value whose codes delta is a function of.
[[nodiscard]] program::SelectiveScan plan_of(Tape& tape, const Operands& operands, const kernels::SelectiveShape& shape,
                                             Value& dt);

/// A scan of real numbers in which v = delta u, or the state at every step, is rounded. It has no codes.
class RoundedScan {
 public:
  RoundedScan(const Operands& operands, const kernels::SelectiveShape& shape);

  /// As kernels::SelectiveScan::forward(), but `starts` has kept() numbers; null: nothing is kept.
  bool run(const kernels::SelectiveInputs& in, std::size_t chunk, float* y, float* starts);
  [[nodiscard]] std::size_t kept(std::size_t rows, std::size_t chunk) const;
  /// The largest |v| and |h| of each channel so far.
  [[nodiscard]] std::span<const float> largest_input() const { return largest_input_; }
  [[nodiscard]] std::span<const float> largest_state() const { return largest_state_; }

  /// v = delta u, rounded, and whether a gradient passes it.
  struct Input {
    float v;
    bool passes;
  };
  Input input(std::size_t channel, float delta, float u);
  /// Advances a state of `channel` by decay h + input. Returns whether a gradient passes it.
  bool advance(std::size_t channel, float decay, float input, float& h, float& residue);

  kernels::SelectiveShape shape;

 private:
  QuantSpec::Rounding rounding_ = QuantSpec::Rounding::nearest;
  std::vector<float> input_scale_, state_scale_;  // of each channel; empty where it is not rounded
  float input_bound_ = 0.0F, state_bound_ = 0.0F;
  std::vector<float> largest_input_, largest_state_;
};

/// Its states, computed again.
class RoundedShadows : public kernels::SelectiveShadows {
 public:
  RoundedShadows(RoundedScan& scan, const kernels::SelectiveInputs& in, const float* starts, std::size_t chunk)
      : scan_(scan),
        in_(in),
        order_{in.length, 0, scan.shape.direction},
        starts_(starts),
        chunk_(chunk),
        delta_(chunk * kernels::selective_lanes),
        v_(chunk * kernels::selective_lanes) {}
  void begin(const kernels::SelectivePart& part, float* input, float* passes) override;
  void fill(std::size_t n, const kernels::SelectiveArrays& out) override;

 private:
  RoundedScan& scan_;
  const kernels::SelectiveInputs& in_;
  kernels::ScanShape order_;
  const float* starts_;
  std::size_t chunk_;
  kernels::SelectivePart part_ = {};
  std::vector<float> delta_, v_;  // of the part [steps][lanes]
};

/// The scan of all sequences on codes.
class CodeScan {
 public:
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
  void begin(const kernels::SelectivePart& part, float* input, float* passes) override;
  void fill(std::size_t n, const kernels::SelectiveArrays& out) override;

 private:
  const CodeScan& scan_;
  kernels::ScanShape order_;
  const std::int32_t* starts_;
  std::size_t chunk_;
  std::vector<std::int32_t> u_, dt_, b_;  // rows of codes
  kernels::SelectivePart part_ = {};
  using Row = std::array<std::int32_t, kernels::selective_lanes>;
  Row multiplier_ = {}, shift_ = {};  // of the part's states, as their scale
  std::array<float, kernels::selective_lanes> state_scale_ = {};
  std::vector<std::int32_t> delta_, decay_, v_;  // of the part [steps][lanes]
};

/// Adds what the two sites have rounded of a sequence, as its shadows have it.
void see(kernels::SelectiveShadows& shadows, const kernels::SelectiveShape& shape, std::size_t length,
         std::size_t chunk, InnerSite& input, InnerSite& state);

/// Merges the largest |delta u| and |h| of each channel into what the lane has seen of the two sites.
void observe(Tape& tape, const Operands& operands, std::span<const float> input, std::span<const float> state);

}  // namespace bitstate::selective
