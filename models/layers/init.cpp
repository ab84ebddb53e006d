#include "models/layers/init.h"

#include <cmath>

namespace bitstate {
namespace {

/// Standard deviation of a standard normal truncated to (-2, 2): dividing by it gives unit variance.
constexpr double truncated_deviation = 0.87962566103423978;

}  // namespace

double truncated_normal_factor(double variance) { return std::sqrt(variance) / truncated_deviation; }

Tensor lecun_normal(std::size_t out, std::size_t in, const Random& random) {
  Tensor weight(out, in);
  const double factor = truncated_normal_factor(1.0 / static_cast<double>(in));
  for (std::size_t k = 0; k < weight.size(); ++k) {
    weight.data[k] = static_cast<float>(factor * random.truncated_normal(k));
  }
  return weight;
}

Tensor uniform(std::size_t rows, std::size_t cols, double limit, const Random& random) {
  Tensor values(rows, cols);
  for (std::size_t k = 0; k < values.size(); ++k) {
    values.data[k] = static_cast<float>(limit * (2.0 * random.uniform(k) - 1.0));
  }
  return values;
}

}  // namespace bitstate
