// The complex diagonal recurrence x_l = lambda * x_{l-1} + b_l, forward and backward in time, float and integer.
// Arrays of a sequence are planar, row-major [length, 2 P]: the columns are P real parts, then P imaginary parts.
#pragma once

#include "core/fixed_point.h"

#include <cstddef>
#include <cstdint>

namespace bitstate::kernels {

/// Whether the recurrence runs from the first step to the last, or from the last to the first.
enum class Direction : std::uint8_t { forward, backward };

/// x_l = lambda x_{l-1} + b_l. Returns whether the final state is finite.
bool scan(std::size_t length, std::size_t states, Direction direction, const float* lambda, const float* b, float* x);

/// Adjoint: s_l = mask_l (g_l + conj(lambda) s_{l+1}); s is added to `b_gradient`, sum_l s_l conj(x_{l-1}) to
/// `lambda_gradient`. `unclamped` (may be null: all) is 1 where the state was not clamped, 0 where it was, per real
/// component.
void scan_adjoint(std::size_t length, std::size_t states, Direction direction, const float* lambda, const float* x,
                  const std::uint8_t* unclamped, const float* g, float* b_gradient, float* lambda_gradient,
                  float* scratch);

/// What the quantized recurrence needs to know of its state, per real component [2 P].
struct StateScales {
  const float* scale;  ///< s_x
  std::int32_t bound;  ///< Q_x
  float* observed;     ///< max |z| before the clamp, in real units, updated; may be null
};

/// Quantized state, integer operands (docs/numerics.md, section 5): b holds codes at scale s_lambda s_x, `requantize`
/// is s_lambda as a fixed-point number per component. Writes codes of x and `unclamped`.
void scan_integer(std::size_t length, std::size_t states, Direction direction, const std::int32_t* lambda,
                  const FixedPoint* requantize, const float* inner_scale, const StateScales& state,
                  const std::int32_t* b, std::int32_t* x, std::uint8_t* unclamped);

/// Quantized state, float operands: z in float, x = clamp(round(z / s_x)) s_x. Returns whether every z was finite.
bool scan_rounded(std::size_t length, std::size_t states, Direction direction, const float* lambda,
                  const StateScales& state, const float* b, std::int32_t* x, std::uint8_t* unclamped);

}  // namespace bitstate::kernels
