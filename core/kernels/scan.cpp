#include "core/kernels/scan.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace bitstate::kernels {
namespace {

/// Row of step `i` in the order of the recurrence.
std::size_t row_of(std::size_t i, std::size_t length, Direction direction) {
  return direction == Direction::forward ? i : length - 1 - i;
}

}  // namespace

bool scan(std::size_t length, std::size_t states, Direction direction, const float* lambda, const float* b, float* x) {
  const std::size_t width = 2 * states;
  const float* const l_re = lambda;
  const float* const l_im = lambda + states;
  const std::size_t first = row_of(0, length, direction) * width;
  std::copy(b + first, b + first + width, x + first);
  for (std::size_t i = 1; i < length; ++i) {
    const float* const before = x + row_of(i - 1, length, direction) * width;
    const float* const input = b + row_of(i, length, direction) * width;
    float* const out = x + row_of(i, length, direction) * width;
    for (std::size_t p = 0; p < states; ++p) {
      const float re = before[p];
      const float im = before[states + p];
      out[p] = std::fma(l_re[p], re, std::fma(-l_im[p], im, input[p]));
      out[states + p] = std::fma(l_re[p], im, std::fma(l_im[p], re, input[states + p]));
    }
  }
  const float* const last = x + row_of(length - 1, length, direction) * width;
  return std::all_of(last, last + width, [](float v) { return std::isfinite(v); });
}

void scan_adjoint(std::size_t length, std::size_t states, Direction direction, const float* lambda, const float* x,
                  const std::uint8_t* unclamped, const float* g, float* b_gradient, float* lambda_gradient,
                  float* scratch) {
  const std::size_t width = 2 * states;
  const float* const l_re = lambda;
  const float* const l_im = lambda + states;
  float* const s_re = scratch;
  float* const s_im = scratch + states;
  float* const dl_re = lambda_gradient;
  float* const dl_im = lambda_gradient + states;
  std::fill(scratch, scratch + width, 0.0F);
  for (std::size_t i = length; i-- > 0;) {
    const std::size_t row = row_of(i, length, direction) * width;
    const float* const gl = g + row;
    float* const db = b_gradient + row;
    for (std::size_t p = 0; p < states; ++p) {
      const float re = s_re[p];
      const float im = s_im[p];
      s_re[p] = std::fma(l_re[p], re, std::fma(l_im[p], im, gl[p]));
      s_im[p] = std::fma(l_re[p], im, std::fma(-l_im[p], re, gl[states + p]));
    }
    if (unclamped != nullptr) {
      for (std::size_t c = 0; c < width; ++c) scratch[c] = unclamped[row + c] != 0 ? scratch[c] : 0.0F;
    }
    for (std::size_t c = 0; c < width; ++c) db[c] += scratch[c];
    if (i == 0) break;
    const float* const before = x + row_of(i - 1, length, direction) * width;
    for (std::size_t p = 0; p < states; ++p) {
      dl_re[p] = std::fma(s_re[p], before[p], std::fma(s_im[p], before[states + p], dl_re[p]));
      dl_im[p] = std::fma(s_im[p], before[p], std::fma(-s_re[p], before[states + p], dl_im[p]));
    }
  }
}

void scan_integer(std::size_t length, std::size_t states, Direction direction, const std::int32_t* lambda,
                  const FixedPoint* requantize, const float* inner_scale, const StateScales& state,
                  const std::int32_t* b, std::int32_t* x, std::uint8_t* unclamped) {
  const std::size_t width = 2 * states;
  // z: the new state at the inner scale; largest: max |z|; multiplier, half, shift: requantize, as separate arrays for
  // vector loads
  std::vector<std::int64_t> work(width * 5, 0);
  std::int64_t* const z = work.data();
  std::int64_t* const largest = z + width;
  std::int64_t* const multiplier = largest + width;
  std::int64_t* const half = multiplier + width;
  std::int64_t* const shift = half + width;
  for (std::size_t c = 0; c < width; ++c) {
    multiplier[c] = requantize[c].multiplier;
    shift[c] = requantize[c].shift;
    half[c] = std::int64_t{1} << (shift[c] - 1);
  }
  const std::vector<std::int32_t> zero(width, 0);
  const std::int32_t* before = zero.data();
  const std::int64_t bound = state.bound;
  for (std::size_t i = 0; i < length; ++i) {
    const std::size_t row = row_of(i, length, direction) * width;
    const std::int32_t* const input = b + row;
    for (std::size_t p = 0; p < states; ++p) {
      const std::int64_t l_re = lambda[p];
      const std::int64_t l_im = lambda[states + p];
      z[p] = l_re * before[p] - l_im * before[states + p] + input[p];
      z[states + p] = l_re * before[states + p] + l_im * before[p] + input[states + p];
    }
    std::int32_t* const out = x + row;
    std::uint8_t* const kept = unclamped + row;
    for (std::size_t c = 0; c < width; ++c) {
      const std::int64_t magnitude = z[c] < 0 ? -z[c] : z[c];
      largest[c] = magnitude > largest[c] ? magnitude : largest[c];
      const std::int64_t rounded = (z[c] * multiplier[c] + half[c]) >> shift[c];
      const std::int64_t clamped = rounded > bound ? bound : (rounded < -bound ? -bound : rounded);
      out[c] = static_cast<std::int32_t>(clamped);
      kept[c] = clamped == rounded ? 1 : 0;
    }
    before = out;
  }
  if (state.observed == nullptr) return;
  for (std::size_t c = 0; c < width; ++c) {
    state.observed[c] = std::max(state.observed[c], static_cast<float>(largest[c]) * inner_scale[c]);
  }
}

bool scan_rounded(std::size_t length, std::size_t states, Direction direction, const float* lambda,
                  const StateScales& state, const float* b, std::int32_t* x, std::uint8_t* unclamped) {
  const std::size_t width = 2 * states;
  std::vector<float> work(width * 5, 0.0F);
  float* const before = work.data();
  float* const z = before + width;
  float* const largest = z + width;
  float* const inverse = largest + width;
  float* const poison = inverse + width;  // 0, or NaN once z was a NaN or an infinity
  for (std::size_t c = 0; c < width; ++c) inverse[c] = 1.0F / state.scale[c];
  const auto bound = static_cast<float>(state.bound);
  for (std::size_t i = 0; i < length; ++i) {
    const std::size_t row = row_of(i, length, direction) * width;
    for (std::size_t p = 0; p < states; ++p) {
      const float re = before[p];
      const float im = before[states + p];
      z[p] = std::fma(lambda[p], re, std::fma(-lambda[states + p], im, b[row + p]));
      z[states + p] = std::fma(lambda[p], im, std::fma(lambda[states + p], re, b[row + states + p]));
    }
    for (std::size_t c = 0; c < width; ++c) {
      const float magnitude = std::fabs(z[c]);
      largest[c] = magnitude > largest[c] ? magnitude : largest[c];
      poison[c] += z[c] * 0.0F;
      const float rounded = std::floor(z[c] * inverse[c] + 0.5F);
      const float clamped = rounded > bound ? bound : (rounded > -bound ? rounded : -bound);
      x[row + c] = static_cast<std::int32_t>(clamped);
      unclamped[row + c] = clamped == rounded ? 1 : 0;
      before[c] = clamped * state.scale[c];
    }
  }
  bool finite = true;
  for (std::size_t c = 0; c < width; ++c) {
    finite = finite && poison[c] == 0.0F;
    if (state.observed != nullptr) state.observed[c] = std::max(state.observed[c], largest[c]);
  }
  return finite;
}

}  // namespace bitstate::kernels
