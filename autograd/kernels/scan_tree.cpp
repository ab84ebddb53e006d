#include "autograd/kernels/scan_tree.h"

#include "autograd/kernels/round.h"

#include <algorithm>
#include <bit>
#include <cstdint>

namespace bitstate::kernels {
namespace {

/// The rows of a sequence in the order of the scan.
struct Rows {
  float* first;
  std::ptrdiff_t stride;
  Rows(const ScanShape& shape, float* data)
      : first(shape.direction == Direction::forward || shape.length == 0 ? data
                                                                         : data + (shape.length - 1) * shape.width()),
        stride(shape.direction == Direction::forward ? static_cast<std::ptrdiff_t>(shape.width())
                                                     : -static_cast<std::ptrdiff_t>(shape.width())) {}
  float* operator[](std::size_t i) const { return first + static_cast<std::ptrdiff_t>(i) * stride; }
};

/// f(i, j) for the pairs of rows that level k multiplies going up, or going down.
template <class F>
void for_pairs_up(std::size_t length, std::size_t level, F f) {
  const std::size_t step = std::size_t{1} << level;
  for (std::size_t i = step - 1; i + step < length; i += 2 * step) f(i, i + step);
}
template <class F>
void for_pairs_down(std::size_t length, std::size_t level, F f) {
  const std::size_t step = std::size_t{1} << level;
  for (std::size_t i = 2 * step - 1; i + step < length; i += 2 * step) f(i, i + step);
}

void round_parts(const QuantSpec& spec, std::size_t states, const float* x, float* out) {
  round_to_own_range(spec, states, x, out);
  round_to_own_range(spec, states, x + states, out + states);
}

/// out += a x
void add_product(std::size_t states, const float* a, const float* x, float* out) {
  for (std::size_t p = 0; p < states; ++p) {
    const float re = a[p] * x[p] - a[states + p] * x[states + p];
    const float im = a[p] * x[states + p] + a[states + p] * x[p];
    out[p] += re;
    out[states + p] += im;
  }
}

/// out += g conj(y): what flows to x where a gradient g flows into y x.
void add_adjoint(std::size_t states, const float* g, const float* y, float* out) {
  for (std::size_t p = 0; p < states; ++p) {
    const float re = g[p] * y[p] + g[states + p] * y[states + p];
    const float im = g[states + p] * y[p] - g[p] * y[states + p];
    out[p] += re;
    out[states + p] += im;
  }
}

}  // namespace

std::size_t scan_tree_levels(std::size_t length) {
  return length == 0 ? 0 : static_cast<std::size_t>(std::bit_width(length)) - 1;
}

void scan_tree_powers(std::size_t levels, std::size_t states, const QuantSpec& a, const float* lambda, float* powers) {
  const std::size_t width = 2 * states;
  for (std::size_t k = 0; k < levels; ++k) {
    float* const power = powers + k * width;
    if (k == 0) {
      round_parts(a, states, lambda, power);
    } else {
      std::fill(power, power + width, 0.0F);
      add_product(states, power - width, power - width, power);
      round_parts(a, states, power, power);
    }
  }
}

bool scan_tree(const ScanShape& shape, const float* powers, const QuantSpec& state, float* x, float* operands,
               bool keep) {
  const std::size_t length = shape.length;
  const std::size_t states = shape.states;
  const std::size_t width = shape.width();
  const std::size_t levels = scan_tree_levels(length);
  const Rows rows(shape, x);
  const auto multiply = [&](std::size_t level, std::size_t i, std::size_t j, std::size_t slot) {
    float* const operand = keep ? operands + slot * width : operands;
    round_parts(state, states, rows[i], operand);
    add_product(states, powers + level * width, operand, rows[j]);
  };
  for (std::size_t k = 0; k < levels; ++k) {
    for_pairs_up(length, k, [&](std::size_t i, std::size_t j) { multiply(k, i, j, i); });
  }
  for (std::size_t k = levels; k-- > 0;) {
    for_pairs_down(length, k, [&](std::size_t i, std::size_t j) { multiply(k, i, j, length + j); });
  }
  std::uint32_t largest = 0;  // the bits of what is not finite come last
  for (std::size_t i = 0; i < length * width; ++i) {
    largest = std::max(largest, std::bit_cast<std::uint32_t>(x[i]) & 0x7fffffffU);
  }
  return largest < 0x7f800000U;
}

void scan_tree_adjoint(const ScanShape& shape, const float* powers, const TreeGradients& rounding,
                       const float* operands, const TreeAdjoint& gradients) {
  const std::size_t length = shape.length;
  const std::size_t states = shape.states;
  const std::size_t width = shape.width();
  const std::size_t levels = scan_tree_levels(length);
  const Rows rows(shape, gradients.b);
  float* const a_gradient = gradients.a;
  float* const rounded = gradients.scratch;
  float* const a_rounded = rounded + width;
  float* const operand = a_rounded + width;
  // Lambda_bar's powers as the products with b and with another power multiply by them in backward
  float* const b_powers = operand + width;
  float* const a_powers = b_powers + levels * width;
  for (std::size_t k = 0; k < levels; ++k) {
    round_parts(rounding.state, states, powers + k * width, b_powers + k * width);
    round_parts(rounding.a, states, powers + k * width, a_powers + k * width);
  }
  const auto adjoint = [&](std::size_t level, std::size_t i, std::size_t j, std::size_t slot) {
    round_parts(rounding.state, states, rows[j], rounded);
    add_adjoint(states, rounded, b_powers + level * width, rows[i]);
    if (a_gradient == nullptr) return;
    round_parts(rounding.state, states, operands + slot * width, operand);
    add_adjoint(states, rounded, operand, a_gradient + j * width);
  };
  for (std::size_t k = 0; k < levels; ++k) {
    for_pairs_down(length, k, [&](std::size_t i, std::size_t j) { adjoint(k, i, j, length + j); });
  }
  for (std::size_t k = levels; k-- > 0;) {
    for_pairs_up(length, k, [&](std::size_t i, std::size_t j) {
      if (a_gradient != nullptr) {  // row j holds the gradient of level k + 1, and then that of level k
        float* const da = a_gradient + j * width;
        round_parts(rounding.a, states, da, a_rounded);
        std::fill(da, da + width, 0.0F);
        add_adjoint(states, a_rounded, a_powers + k * width, da);
        add_adjoint(states, a_rounded, a_powers + k * width, a_gradient + i * width);
      }
      adjoint(k, i, j, i);
    });
  }
}

}  // namespace bitstate::kernels
