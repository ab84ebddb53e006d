#include "core/random.h"

#include <Random123/philox.h>

#include <cmath>
#include <numbers>

namespace bitstate {
namespace {

__extension__ using Wide = unsigned __int128;

double unit(std::uint32_t high, std::uint32_t low) {
  const std::uint64_t word = (std::uint64_t{high} << 32U) | low;
  return static_cast<double>(word >> 11U) * 0x1.0p-53;
}

double normal_cdf(double x) { return 0.5 * std::erfc(-x * std::numbers::sqrt2 / 2.0); }

// Newton iteration on the distribution function; monotone and well inside (-2, 2), so a few steps reach full precision.
double normal_quantile(double p) {
  double x = 0.0;
  for (int step = 0; step < 60; ++step) {
    const double density = std::exp(-0.5 * x * x) / std::sqrt(2.0 * std::numbers::pi);
    const double delta = (normal_cdf(x) - p) / density;
    x -= std::fmax(-0.5, std::fmin(0.5, delta));
    if (std::fabs(delta) < 1e-14) break;
  }
  return x;
}

}  // namespace

std::array<std::uint32_t, 4> random_words(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
  using Philox = r123::Philox4x32;
  const Philox::ctr_type counter = {{static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32U),
                                     static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32U)}};
  const Philox::key_type key = {{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32U)}};
  const auto out = Philox()(counter, key);
  return {out[0], out[1], out[2], out[3]};
}

std::uint64_t random_stream(std::string_view name, std::uint64_t salt) {
  std::uint64_t hash = 0xcbf29ce484222325ULL ^ (salt * 0x9e3779b97f4a7c15ULL);
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

double Random::uniform(std::uint64_t index) const {
  const auto w = random_words(seed, stream, index);
  return unit(w[0], w[1]);
}

double Random::normal(std::uint64_t index) const {
  const auto w = random_words(seed, stream, index);
  const double radius = std::sqrt(-2.0 * std::log1p(-unit(w[0], w[1])));
  return radius * std::cos(2.0 * std::numbers::pi * unit(w[2], w[3]));
}

double Random::truncated_normal(std::uint64_t index) const {
  const double low = normal_cdf(-2.0);
  const double high = normal_cdf(2.0);
  return normal_quantile(low + (high - low) * uniform(index));
}

std::uint64_t Random::below(std::uint64_t n, std::uint64_t index) const {
  const auto w = random_words(seed, stream, index);
  const std::uint64_t word = (std::uint64_t{w[0]} << 32U) | w[1];
  return static_cast<std::uint64_t>((static_cast<Wide>(word) * n) >> 64U);
}

}  // namespace bitstate
