// Powers of two that bring states to one magnitude.
#pragma once

#include <span>
#include <vector>

namespace bitstate {

/// The largest |k| below: with it no scaled number becomes subnormal.
inline constexpr int largest_balance = 60;

/// Exponents k, |k| <= limit, for which maxima_p 2^k_p is nearest to the geometric mean of those that are not 0: within
/// a factor of the root of 2 of it, as far as the limit lets it. A maximum of 0 has k = 0.
std::vector<int> balancing_exponents(std::span<const float> maxima, int limit);

}  // namespace bitstate
