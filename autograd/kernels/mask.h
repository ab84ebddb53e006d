// Bits that say what a clamp left as it was.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bitstate::kernels {

/// g[i] = bit i of `bits` ? g[i] : 0, for i < n.
void keep_marked(std::size_t n, const std::uint8_t* bits, float* g);

/// How many of the first n bits are 0.
[[nodiscard]] std::size_t count_unmarked(std::size_t n, const std::uint8_t* bits);

/// Bit i of `bits` = marked[i] != 0, for i < n; the bits up to the next multiple of 8 are 0.
void pack_bits(std::size_t n, const std::uint8_t* marked, std::uint8_t* bits);

}  // namespace bitstate::kernels
