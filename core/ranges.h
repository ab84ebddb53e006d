// Ranges that leave large values out: percentiles, and the range of least squared rounding error; from values, or from
// a histogram whose counts lanes can add up in any order (docs/numerics.md, section 2).
#pragma once

#include "core/quant_spec.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace bitstate {

/// Bins of a histogram of magnitudes: 32 to each power of two from 2^-24 to 2^8; the first and the last take what lies
/// outside.
inline constexpr std::size_t histogram_bins = 1024;
inline constexpr float histogram_end = 0x1.0p8F;

/// Counts the magnitudes of `count` values that lie `stride` apart.
void count_magnitudes(const float* x, std::size_t count, std::size_t stride, std::span<std::uint32_t> histogram);

/// The range of a weight's values by spec.range: absmax, percentile or mse (also for `learned` and `stored`, whose
/// beginning it is); spec.value for fixed.
float range_of_values(const QuantSpec& spec, std::span<const float> values);

/// The range of the values that a histogram counts, by spec.range (percentile or mse); 0 for an empty histogram.
float range_of_histogram(const QuantSpec& spec, std::span<const std::uint32_t> histogram);

}  // namespace bitstate
