// Scalar functions for vectorisable loops: the same text, so the same bits, for every element of an array.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace bitstate::kernels {

/// exp(x) in float32, relative error below 2e-7 on [-87, 88]; clamped outside. Cody-Waite reduction to |r| <= ln2 / 2
/// and a polynomial of degree 6.
inline float exp(float input) {
  float x =
      input > -87.0F ? input : -87.0F;  // a NaN becomes -87 here, for the conversion below, and comes back at the end
  x = x < 88.0F ? x : 88.0F;
  const float n = std::floor(x * 1.44269504088896341F + 0.5F);
  float r = std::fma(n, -0.693359375F, x);
  r = std::fma(n, 2.12194440e-4F, r);
  float p = 1.0F / 720.0F;
  p = std::fma(p, r, 1.0F / 120.0F);
  p = std::fma(p, r, 1.0F / 24.0F);
  p = std::fma(p, r, 1.0F / 6.0F);
  p = std::fma(p, r, 0.5F);
  p = std::fma(p, r, 1.0F);
  p = std::fma(p, r, 1.0F);
  const auto exponent = static_cast<std::int32_t>(n) + 127;
  return input == input ? p * std::bit_cast<float>(exponent << 23) : input;
}

inline float sigmoid(float x) { return 1.0F / (1.0F + exp(-x)); }

/// ln(1 + u) for u from 0 to 1, relative error below 2e-7: 2 artanh(u / (2 + u)) by its series.
inline float log1p_of_unit(float u) {
  const float z = u / (2.0F + u);
  const float s = z * z;
  float p = 1.0F / 13.0F;
  p = std::fma(p, s, 1.0F / 11.0F);
  p = std::fma(p, s, 1.0F / 9.0F);
  p = std::fma(p, s, 1.0F / 7.0F);
  p = std::fma(p, s, 1.0F / 5.0F);
  p = std::fma(p, s, 1.0F / 3.0F);
  p = std::fma(p, s, 1.0F);
  return 2.0F * z * p;
}

/// 2 sqrt(2/pi) (x + 0.044715 x^3): tanh-GELU is x * sigmoid of this.
inline float gelu_argument(float x) { return 1.5957691216057308F * (x + 0.044715F * x * x * x); }

inline float gelu(float x) { return x * sigmoid(gelu_argument(x)); }

inline float gelu_derivative(float x) {
  const float s = sigmoid(gelu_argument(x));
  return s + x * s * (1.0F - s) * 1.5957691216057308F * (1.0F + 0.134145F * x * x);
}

}  // namespace bitstate::kernels
