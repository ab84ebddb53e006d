#include "models/s5/balance.h"

#include "core/error.h"

#include <algorithm>
#include <cmath>

namespace bitstate {
namespace {

/// Exponents k, |k| <= limit, that bring m 2^k nearest to the geometric mean.
std::vector<int> exponents(std::span<const float> maxima, int limit) {
  const double most = limit;
  double sum = 0.0;
  std::size_t alive = 0;
  for (const float m : maxima) {
    if (m == 0.0F) continue;
    sum += std::log2(double{m});
    ++alive;
  }
  std::vector<int> k(maxima.size(), 0);
  for (std::size_t p = 0; p < k.size(); ++p) {
    if (maxima[p] == 0.0F) continue;
    const double octaves = sum / static_cast<double>(alive) - std::log2(double{maxima[p]});
    k[p] = static_cast<int>(std::lround(std::clamp(octaves, -most, most)));
  }
  return k;
}

void scale_rows(Tensor& t, std::span<const int> k) {
  for (std::size_t r = 0; r < t.rows; ++r) {
    for (std::size_t c = 0; c < t.cols; ++c) t(r, c) = std::ldexp(t(r, c), k[r % k.size()]);
  }
}

void unscale_columns(Tensor& t, std::span<const int> k) {
  for (std::size_t r = 0; r < t.rows; ++r) {
    for (std::size_t c = 0; c < t.cols; ++c) t(r, c) = std::ldexp(t(r, c), -k[c % k.size()]);
  }
}

}  // namespace

void balance_states(S5SSM& ssm, std::span<const float> state_maxima, int limit) {
  Tensor& b = ssm.discrete ? ssm.B_bar.value : ssm.B.value;
  require(2 * state_maxima.size() == b.rows, "balance", "got the maxima of {} states, but the SSM has {}",
          state_maxima.size(), b.rows / 2);
  const std::vector<int> k = exponents(state_maxima, limit);
  scale_rows(b, k);
  unscale_columns(ssm.C1.value, k);
  if (ssm.bidirectional) unscale_columns(ssm.C2.value, k);
}

}  // namespace bitstate
