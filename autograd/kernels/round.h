// Values rounded to a grid whose range is their own largest magnitude; they carry no codes (docs/numerics.md, section
// 2).
#pragma once

#include "core/quant_spec.h"

#include <cstddef>

namespace bitstate::kernels {

/// out = clamp(floor(x / s + 1/2), -Q, Q) s with the s of `spec` and the range max |x|; one bit: +s or -s. A copy of x
/// when `spec` has no bits. Returns whether the range is finite (always, without bits); what is not stays so in `out`.
bool round_to_own_range(const QuantSpec& spec, std::size_t n, const float* x, float* out);

}  // namespace bitstate::kernels
