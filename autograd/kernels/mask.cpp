#include "autograd/kernels/mask.h"

#include <array>
#include <bit>

namespace bitstate::kernels {
namespace {

using Mask = std::array<std::uint32_t, 8>;

/// For each byte of eight bits, eight words of ones or zeros.
constexpr std::array<Mask, 256> masks = [] {
  std::array<Mask, 256> all{};
  for (std::size_t byte = 0; byte < 256; ++byte) {
    for (std::size_t bit = 0; bit < 8; ++bit) all[byte][bit] = (byte >> bit & 1U) != 0 ? 0xffffffffU : 0;
  }
  return all;
}();

/// The two never share memory: otherwise GCC takes the numbers one by one.
void mask_some(std::size_t n, const Mask& mask, float* __restrict g) {
  for (std::size_t k = 0; k < n; ++k) g[k] = std::bit_cast<float>(std::bit_cast<std::uint32_t>(g[k]) & mask[k]);
}

}  // namespace

void keep_marked(std::size_t n, const std::uint8_t* bits, float* g) {
  const std::size_t whole = n / 8 * 8;
  for (std::size_t i = 0; i < whole; i += 8) mask_some(8, masks[bits[i / 8]], g + i);
  if (whole < n) mask_some(n - whole, masks[bits[whole / 8]], g + whole);
}

std::size_t count_unmarked(std::size_t n, const std::uint8_t* bits) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < n; ++i) count += (bits[i / 8] >> (i % 8) & 1U) == 0 ? 1 : 0;
  return count;
}

void pack_bits(std::size_t n, const std::uint8_t* marked, std::uint8_t* bits) {
  for (std::size_t i = 0; i < n; i += 8) {
    unsigned byte = 0;
    for (std::size_t k = 0; k < 8 && i + k < n; ++k) byte |= (marked[i + k] != 0 ? 1U : 0U) << k;
    bits[i / 8] = static_cast<std::uint8_t>(byte);
  }
}

}  // namespace bitstate::kernels
