#include "models/mamba/balance.h"

#include "core/error.h"

#include <cmath>
#include <vector>

namespace bitstate {

void balance_states(MambaMixer& mixer, std::span<const float> state_maxima, int limit) {
  const std::size_t states = mixer.A_log.value.cols;
  const std::size_t rank = mixer.dt_proj.weight.value.cols;
  require(state_maxima.size() == states, "balance", "got the maxima of {} states, but the mixer has {}",
          state_maxima.size(), states);
  const std::vector<int> k = balancing_exponents(state_maxima, limit);
  Tensor& weight = mixer.x_proj.weight.value;
  for (std::size_t n = 0; n < states; ++n) {
    float* const b = &weight(rank + n, 0);
    float* const c = &weight(rank + states + n, 0);
    for (std::size_t e = 0; e < weight.cols; ++e) {
      b[e] = std::ldexp(b[e], k[n]);
      c[e] = std::ldexp(c[e], -k[n]);
    }
  }
}

}  // namespace bitstate
