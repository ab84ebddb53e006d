// What tests of ops with ranges of their own share: the plain quantizer, rows of floats, and a tape of leaves.
#pragma once

#include "autograd/quantizer.h"
#include "autograd/tape.h"
#include "core/random.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace bitstate::tests {

using Row = std::vector<float>;
using Edge = QuantSpec::Edge;

/// A site whose range is that of its input.
inline Quantizer dynamic(const char* site, int bits, Edge edge = Edge::half) {
  Quantizer q;
  q.declare(site);
  q.spec = {.bits = bits, .edge = edge};
  return q;
}

inline std::vector<float> random_values(std::size_t count, double low, double high, std::uint64_t stream) {
  const Random random{23, stream};
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(low + (high - low) * random.uniform(i));
  return values;
}

/// q of the papers: the levels of `bits` bits, as far as the largest magnitude reaches.
inline Row rounded(const Row& x, int bits, Edge edge) {
  if (bits == 0) return x;
  float range = 0.0F;
  for (const float v : x) range = std::max(range, std::fabs(v));
  const float top = std::exp2(static_cast<float>(bits - 1)) - 1.0F;
  float scale = bits == 1 ? range / 2.0F : range / (edge == Edge::half ? top + 0.5F : top);
  if (range == 0.0F) scale = 1.0F;
  Row y;
  for (const float v : x) {
    const float level = std::clamp(std::floor(v * (1.0F / scale) + 0.5F), -top, top);
    y.push_back(bits == 1 ? (v >= 0.0F ? scale : -scale) : level * scale);
  }
  return y;
}

inline Row times(const Row& a, const Row& b) {
  Row c;
  for (std::size_t i = 0; i < a.size(); ++i) c.push_back(a[i] * b[i]);
  return c;
}

/// a + sign b
inline Row plus(const Row& a, const Row& b, float sign = 1.0F) {
  Row c;
  for (std::size_t i = 0; i < a.size(); ++i) c.push_back(a[i] + sign * b[i]);
  return c;
}

/// max |a - b|
inline double difference(const std::vector<float>& a, const float* b) {
  double worst = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::fabs(double{a[i]} - double{b[i]}));
  return worst;
}

/// A tape of leaves whose gradients can be read.
struct Bench {
  Tape tape;
  Bench() {
    Pass pass;
    pass.gradients = true;
    tape.begin(pass);
  }
  Value leaf(std::size_t rows, const std::vector<float>& data, bool gradient = true) {
    const Value v = tape.input(rows, data.size() / rows, data.data());
    if (gradient) tape.keep_gradient(v);
    return v;
  }
};

}  // namespace bitstate::tests
