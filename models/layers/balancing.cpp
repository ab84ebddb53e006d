#include "models/layers/balancing.h"

#include <algorithm>
#include <cmath>

namespace bitstate {

std::vector<int> balancing_exponents(std::span<const float> maxima, int limit) {
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

}  // namespace bitstate
