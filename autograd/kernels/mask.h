// Bits that say which gradients flow on: what a clamp left as it was, what is not negative.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bitstate::kernels {

/// g[i] = bit i of `bits` ? g[i] : 0, for i < n.
void keep_marked(std::size_t n, const std::uint8_t* bits, float* g);

/// How many of the first n bits are 0.
[[nodiscard]] std::size_t count_unmarked(std::size_t n, const std::uint8_t* bits);

/// What n bits take.
[[nodiscard]] constexpr std::size_t bytes_of_bits(std::size_t n) { return (n + 7) / 8; }

/// Bit i of `bits` = x[i] >= 0, for i < n; the bits up to the next multiple of 8 are 0.
void pack_signs(std::size_t n, const float* x, std::uint8_t* bits);

/// Bit i of `bits` = marked[i] != 0, for i < n; the bits up to the next multiple of 8 are 0.
void pack_bits(std::size_t n, const std::uint8_t* marked, std::uint8_t* bits);

}  // namespace bitstate::kernels
