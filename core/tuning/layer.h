// The top layer of a program, trained further in integers (docs/numerics.md, section 13): what stands between its
// recurrence and the head. How adjoints go back through it is found here once, for this machine and for C.
#pragma once

#include "core/fixed_point.h"
#include "core/program/program.h"
#include "core/tuning/head.h"
#include "core/tuning/slopes.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bitstate::program {

/// What a program does not say of a weight: of the linear map or the product with a row that is value `number`.
struct WeightScales {
  std::size_t number = 0;
  std::string site;            ///< for messages
  int bits = 8;                ///< of its rule
  bool symmetric = true;       ///< its grid
  bool bias = false;           ///< of a linear map: something is added
  std::vector<double> weight;  ///< scale of its codes: one, or one per row (of a row of numbers: per column)
  std::vector<double> result;  ///< scale of the sums: one, or one per column
};

/// What a user chooses, and what is known of the weights.
struct LayerTraining {
  std::vector<WeightScales> weights;  ///< of the whole program
  double rate = 0.01;                 ///< of the real-valued weights and biases
  std::size_t max_steps = 1;          ///< of an example
};

/// A weight that is trained, and its biases.
struct TrainedWeight {
  std::string site;
  std::size_t number = 0;  ///< its value
  Ref x = 0;               ///< its operand
  std::size_t rows = 1;    ///< 1: a row of numbers (Scale)
  std::size_t cols = 0;
  bool bias = false;
  std::size_t first = 0;               ///< of its weights among the numbers of the layer; then come its biases
  std::int32_t most_weight = 0;        ///< of the magnitude of a weight, Omega
  std::int32_t most_bias = 0;          ///< of the magnitude of a bias
  unsigned shift = 0, bias_shift = 0;  ///< of what a step adds to a gradient
  std::vector<FixedPoint> rates;       ///< one, or one per output: the move of Omega for a gradient of 1, times n
  std::vector<FixedPoint> bias_rates;  ///< likewise, of a bias; shifts are 0 to 95, as sigma is yet to be taken off

  [[nodiscard]] std::size_t weights() const { return rows * cols; }
  [[nodiscard]] std::size_t biases() const { return bias ? rows : 0; }
};

/// How an adjoint goes from the value `number` to its operand `to`: by a factor where the instruction has one, or as a
/// product, rounded to 2^shift.
struct Backward {
  std::size_t number = 0;
  Ref to = 0;
  Ref other = 0;                   ///< of a product: the operand that multiplies
  std::vector<FixedPoint> factor;  ///< of a rescale and a sum: one, or one per column
  unsigned shift = 0;              ///< of a linear map, a product and a table
  Slopes slopes;                   ///< of a table
};

/// A value with an adjoint.
struct Adjoint {
  Ref value = 0;
  std::size_t first = 0;  ///< of its columns among all adjoints
  std::size_t cols = 0;
};

/// The top layer of a program and the constants of its training.
struct TrainableLayer {
  Ref entry = 0;              ///< the value that enters it, whose codes are kept for each step
  std::size_t scan = 0;       ///< the value of its recurrence
  std::size_t pool = 0;       ///< the value of the pool behind it
  std::size_t max_steps = 1;  ///< of an example
  std::vector<TrainedWeight> weights;
  std::vector<FixedPoint> sums;         ///< one, or one per class: of the adjoint of the head's sums by 2^13 g
  std::optional<Backward> before_head;  ///< of the rounding of the pooled value, if there is one
  std::vector<Backward> backward;       ///< of each step, in this order
  std::vector<Adjoint> adjoints;        ///< of the head's sums, its operand and the pooled value, then of the values
                                        ///< of a step, those that are read later first
  std::vector<Ref> watched;             ///< values of a step that the way back reads

  /// Of the weights and biases.
  [[nodiscard]] std::size_t numbers() const;
  [[nodiscard]] std::size_t adjoint_numbers() const { return adjoints.back().first + adjoints.back().cols; }
  /// That of a value.
  [[nodiscard]] const Adjoint& adjoint(Ref value) const;
  [[nodiscard]] const TrainedWeight* weight(std::size_t number) const;
};

/// Of RAM that training takes on a device beside that of a stream: head, numbers, gradients and adjoints.
[[nodiscard]] std::size_t top_bytes(const TrainableHead& head, const TrainableLayer& layer);

/// Finds the top layer of a program with this head, and proves that no training leaves the types of section 13. Throws
/// UsageError, naming what was found, for a program whose top layer is no S5 layer behind which a mean pool or the last
/// step stands, for weights that cannot be trained, and for a rate that is no positive number; Error where a sum could
/// leave its type.
[[nodiscard]] TrainableLayer trainable_layer(const Program& program, const TrainableHead& head,
                                             const LayerTraining& training);

/// The program with weights and biases of the largest magnitude, those of the head too.
[[nodiscard]] Program at_limits(Program program, const TrainableHead& head, const TrainableLayer& layer);

/// (v + 2^(shift-1)) >> shift, of which 2^-1 is 0.
constexpr std::int64_t shifted(std::int64_t v, unsigned shift) {
  return (v + ((std::int64_t{1} << shift) >> 1)) >> shift;
}

}  // namespace bitstate::program
