// The definitions of docs/numerics.md in plain code: what the ops are compared with. None of it calls the code that it
// is to check.
#pragma once

#include "autograd/tape.h"
#include "core/random.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

namespace bitstate::tests {

__extension__ using Wide = __int128;
using Codes = std::vector<std::int64_t>;

/// floor(a / b), b > 0.
inline Wide floor_quotient(Wide a, Wide b) {
  const Wide quotient = a / b;
  return a % b != 0 && a < 0 ? quotient - 1 : quotient;
}

/// rescale(a, M) of section 3.
inline std::int64_t rescaled(std::int64_t a, double real) {
  int exponent = 0;
  const double mantissa = std::frexp(real, &exponent);
  auto m = static_cast<std::int64_t>(std::floor(std::ldexp(mantissa, 31) + 0.5));
  int k = 31 - exponent;
  if (m == std::int64_t{1} << 31) {
    m /= 2;
    --k;
  }
  if (k > 62) return 0;
  const Wide one = 1;
  return static_cast<std::int64_t>(floor_quotient(static_cast<Wide>(a) * m + (one << (k - 1)), one << k));
}

/// R(x / s) of section 2, clamped, in float32.
inline std::int64_t code_of(float x, float s, std::int64_t lo, std::int64_t hi) {
  const float inverse = 1.0F / s;
  return std::clamp(static_cast<std::int64_t>(std::floor(x * inverse + 0.5F)), lo, hi);
}

inline std::int64_t largest_code(int bits) { return (std::int64_t{1} << (bits - 1)) - 1; }

inline Codes codes_of(Tape& tape, Value v) {
  const std::vector<std::int32_t> codes = tape.codes32(v);
  return {codes.begin(), codes.end()};
}

inline std::vector<float> normal_values(std::size_t count, double size, std::uint64_t stream) {
  const Random random{17, stream};
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(size * random.normal(i));
  return values;
}

inline Parameter parameter_of(std::size_t rows, std::size_t cols, std::vector<float> values, std::size_t offset = 0) {
  Parameter p{Tensor(rows, cols), offset};
  p.value.data = std::move(values);
  return p;
}

/// A quantizer with these ranges: one for all, or one per channel.
inline Quantizer quantizer_of(std::string site, int bits, std::vector<float> range = {}) {
  Quantizer q;
  q.declare(std::move(site));
  q.spec.bits = bits;
  q.channels = std::max<std::size_t>(range.size(), 1);
  q.spec.granularity = range.size() > 1 ? QuantSpec::Granularity::channel : QuantSpec::Granularity::tensor;
  q.spec.range = range.empty() ? QuantSpec::Range::absmax : QuantSpec::Range::ema;
  q.range = std::move(range);
  return q;
}

/// A tape in a pass, with the arrays that a lane owns.
struct Lane {
  Tape tape;
  std::vector<float> observed, gradient;
  std::vector<std::uint32_t> counts;
  std::deque<Quantizer> sites;  // and what nodes point at
  std::deque<std::vector<float>> inputs;

  explicit Lane(Pass pass = {}, std::size_t parameters = 4096, std::size_t ranges = 64, std::size_t bins = 0)
      : observed(ranges, 0.0F), gradient(parameters, 0.0F), counts(bins, 0) {
    pass.observed = observed;
    pass.gradient = gradient;
    pass.counts = counts;
    tape.begin(pass);
  }
};

inline Pass training_pass(bool gradients = false) {
  Pass pass;
  pass.training = true;
  pass.gradients = gradients;
  return pass;
}

}  // namespace bitstate::tests
