#include "autograd/kernels/mask.h"

#include <array>
#include <cstring>

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

/// A vector by name: of a loop over the eight, GCC makes eight steps.
using Eight = std::uint32_t __attribute__((vector_size(32)));

void mask_eight(const Mask& mask, float* g) {
  Eight numbers, ones;
  std::memcpy(&numbers, g, sizeof numbers);
  std::memcpy(&ones, mask.data(), sizeof ones);
  numbers &= ones;
  std::memcpy(g, &numbers, sizeof numbers);
}

template <class IsMarked>
void pack(std::size_t n, IsMarked is_marked, std::uint8_t* bits) {
  for (std::size_t i = 0; i < n; i += 8) {
    unsigned byte = 0;
    for (std::size_t k = 0; k < 8 && i + k < n; ++k) byte |= (is_marked(i + k) ? 1U : 0U) << k;
    bits[i / 8] = static_cast<std::uint8_t>(byte);
  }
}

}  // namespace

void keep_marked(std::size_t n, const std::uint8_t* bits, float* g) {
  const std::size_t whole = n / 8 * 8;
  for (std::size_t i = 0; i < whole; i += 8) mask_eight(masks[bits[i / 8]], g + i);
  for (std::size_t i = whole; i < n; ++i) g[i] = (bits[i / 8] >> (i % 8) & 1U) != 0 ? g[i] : 0.0F;
}

std::size_t count_unmarked(std::size_t n, const std::uint8_t* bits) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < n; ++i) count += (bits[i / 8] >> (i % 8) & 1U) == 0 ? 1 : 0;
  return count;
}

void pack_signs(std::size_t n, const float* x, std::uint8_t* bits) {
  pack(
      n, [x](std::size_t i) { return x[i] >= 0.0F; }, bits);
}

void pack_bits(std::size_t n, const std::uint8_t* marked, std::uint8_t* bits) {
  pack(
      n, [marked](std::size_t i) { return marked[i] != 0; }, bits);
}

}  // namespace bitstate::kernels
