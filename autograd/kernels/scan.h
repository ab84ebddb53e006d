// The complex diagonal recurrence x_l = lambda * x_{l-1} + b_l and the sheared one (docs/numerics.md, section 6),
// forward and backward in time, float and integer. Arrays of a sequence are planar, row-major [length, 2 P]: the
// columns are P real parts, then P imaginary parts.
#pragma once

#include "core/fixed_point.h"
#include "core/quant_spec.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bitstate::kernels {

/// Whether the recurrence runs from the first step to the last, or from the last to the first.
enum class Direction : std::uint8_t { forward, backward };

/// One sequence.
struct ScanShape {
  std::size_t length = 0;  ///< steps
  std::size_t states = 0;  ///< P
  Direction direction = Direction::forward;

  [[nodiscard]] std::size_t width() const { return 2 * states; }
  /// Row of step `i` in the order of the recurrence.
  [[nodiscard]] std::size_t row_of(std::size_t i) const { return direction == Direction::forward ? i : length - 1 - i; }
};

/// What takes a state to the next one: re' = l_re re - l_im im + b_re and im' = l_re im + l_im re + b_im. With `shear`
/// the second line reads the new real part in place of the old one: im' = l_re im + shear re' + b_im.
template <class T>
struct PairMap {
  const T* lambda = nullptr;  ///< [2 P]
  const T* shear = nullptr;   ///< [P]
};

/// x_l = lambda x_{l-1} + b_l. Returns whether the final state is finite.
bool scan(const ScanShape& shape, const PairMap<float>& map, const float* b, float* x);

/// The adjoint of a scan, step by step from the last one of the recurrence: s_l = g_l + conj(lambda) s_{l+1} in place
/// of g_l, masked; sum_l s_l conj(x_{l-1}) is added to the gradient of lambda. Arrays [2 P].
class ScanAdjoint {
 public:
  ScanAdjoint(const ScanShape& shape, const float* lambda, float* dlambda);
  /// g_l becomes s_l, which is read again in the next step. It is 0 where a bit of program::States::unclamped is; null:
  /// nowhere.
  void step(float* g, const std::uint8_t* unclamped);
  /// `before`: x_{l-1}.
  void add_lambda(const float* before);

 private:
  void add_after(const float* after, float* g) const;

  std::size_t states_;
  const float* lambda_;
  float* dlambda_;
  const float* s_ = nullptr;  // of the step at hand
};

/// How a state is rounded (docs/numerics.md, section 6); arrays are per real component [2 P].
struct StateRounding {
  const float* scale;       ///< s_x
  std::int32_t bound;       ///< Q_x
  float* observed;          ///< max |z| before the clamp, in real units, updated; may be null
  QuantSpec::Rounding how;  ///< stochastic draws from `key`
  std::uint64_t key = 0;
};

/// Quantized state, integer operands. `from_input` brings the codes of b to the inner scale s_lambda s_x, where they
/// are clamped to +-limit; rescaling by `to_state` = s_lambda brings z to the scale of the state, a shift when s_lambda
/// is 2^-lambda_shift.
struct IntegerScan {
  std::vector<FixedPoint> from_input;
  std::int64_t limit = 0;
  FixedPoint to_state;
  FixedPoint to_inner;    ///< 1 / s_lambda, for the residue of error feedback
  int lambda_shift = -1;  ///< -1: s_lambda is no power of two
  const float* inner_scale = nullptr;
};

/// What a scan of rounded states writes.
struct StateCodes {
  std::int32_t* codes;
  std::uint8_t* unclamped;  ///< 1 where the clamp did nothing, else 0
};

/// With stochastic rounding; the others are those of a program (core/program/run/kernels.h).
void scan_stochastic(const ScanShape& shape, const PairMap<std::int32_t>& map, const IntegerScan& plan,
                     const StateRounding& state, const std::int32_t* b, const StateCodes& out);

/// Quantized state, float operands: z in float, x = clamp(round(z / s_x)) s_x. Returns whether every z was finite.
bool scan_rounded(const ScanShape& shape, const PairMap<float>& map, const StateRounding& state, const float* b,
                  const StateCodes& out);

}  // namespace bitstate::kernels
