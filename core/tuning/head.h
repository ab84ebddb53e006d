// The classifier head of a program, trained further in integers (docs/numerics.md, section 12), as the C of an exported
// model does it on a device.
#pragma once

#include "core/fixed_point.h"
#include "core/program/program.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace bitstate::program {

/// What a program does not say of its head, and what a user chooses.
struct HeadTraining {
  int bits = 8;          ///< of the rule of its weights, which have a symmetric grid of 2 to 16
  double x_scale = 1.0;  ///< of the codes that it multiplies
  double rate = 0.01;    ///< of the real-valued weights and biases
};

/// The head of a program and the constants of its training.
struct TrainableHead {
  std::size_t number = 0;                ///< the value of the linear map: that of instruction number - 1
  Ref x = 0;                             ///< its operand
  std::size_t rows = 0;                  ///< classes
  std::size_t cols = 0;                  ///< of the operand
  std::int32_t most_weight = 0;          ///< of the magnitude of a weight, Omega
  std::int32_t most_bias = 0;            ///< of the magnitude of a bias
  std::vector<FixedPoint> weight_rates;  ///< one, or one per class: the move of Omega by g x = 1
  std::vector<FixedPoint> bias_rates;    ///< likewise: the move of a bias by g = 1
  FixedPoint exponent;                   ///< u of a logit's code

  [[nodiscard]] std::size_t weights() const { return rows * cols; }
  /// Of RAM: a weight and a bias take 4 each.
  [[nodiscard]] std::size_t bytes() const { return 4 * (weights() + rows); }
};

/// Finds the head of a program and proves that no training leaves the types of section 12. Throws UsageError for a
/// program without classes, one whose last instructions are no such head, and for a rate that is no positive number;
/// Error where a sum could need more than 31 bits.
[[nodiscard]] TrainableHead trainable_head(const Program& program, const HeadTraining& training);

/// The program with weights and biases of the largest magnitude: what analyse() says of it holds for every training.
[[nodiscard]] Program at_limits(Program program, const TrainableHead& head);

/// What runs before the head: its operand is the result.
[[nodiscard]] Program before_head(const Program& program, const TrainableHead& head);

/// What a label that is no class gives in place of a loss.
inline constexpr std::int32_t no_loss = -1;

/// The code of a weight in training.
[[nodiscard]] constexpr std::int32_t code_of(std::int32_t weight) { return (weight + (1 << 15)) >> 16; }

/// The scale of the head's sums in each row, or that of all.
[[nodiscard]] std::vector<double> scales_of_sums(const Program& program);

/// Weights and biases in training.
class HeadTuner {
 public:
  /// Begins with those of the program, which need not live longer.
  HeadTuner(const Program& program, TrainableHead head);

  /// A step on the head's operand x [cols] for an example of the class `label`. Returns the loss before it in units of
  /// 2^-16 nats, or no_loss for a label that is no class, for which nothing moves. Throws Error for another number of
  /// codes.
  std::int32_t tune(std::span<const std::int32_t> x, std::size_t label);
  /// The logits of this operand: codes of the program's output.
  [[nodiscard]] std::vector<std::int32_t> logits(std::span<const std::int32_t> x) const;
  /// The two halves of a step: the gradients g [rows] for these logits, with the loss, for a label that is a class; and
  /// the move against them.
  std::int32_t gradients(std::span<const std::int32_t> logits, std::size_t label, std::span<std::int64_t> g) const;
  void descend(std::span<const std::int32_t> x, std::span<const std::int64_t> g);

  [[nodiscard]] const TrainableHead& head() const { return head_; }
  /// [rows, cols]: codes times 2^16.
  [[nodiscard]] const std::vector<std::int32_t>& weights() const { return weights_; }
  [[nodiscard]] const std::vector<std::int32_t>& biases() const { return biases_; }
  /// Goes on from these, brought into their limits. Throws Error for other numbers of them.
  void restore(std::span<const std::int32_t> weights, std::span<const std::int32_t> biases);
  /// The program with the head as it is now.
  [[nodiscard]] Program tuned(Program program) const;

 private:
  TrainableHead head_;
  std::vector<Instruction> behind_;  // the rounding of the logits, if there is one
  std::vector<std::int32_t> weights_, biases_;
};

/// 2^(30 - u 2^-16) for u >= 0, as section 12 computes it.
[[nodiscard]] std::int64_t shrunk_by(std::int64_t u);

}  // namespace bitstate::program
