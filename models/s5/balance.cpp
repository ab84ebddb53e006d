#include "models/s5/balance.h"

#include "core/error.h"

#include <cmath>

namespace bitstate {
namespace {

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
  const std::vector<int> k = balancing_exponents(state_maxima, limit);
  scale_rows(b, k);
  unscale_columns(ssm.C1.value, k);
  if (ssm.bidirectional) unscale_columns(ssm.C2.value, k);
}

}  // namespace bitstate
