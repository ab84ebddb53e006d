#include "core/quantization/int4.h"

#include "core/error.h"

#include <array>

namespace bitstate {
namespace {

constexpr std::uint8_t two_zeros = 0x88;

/// Columns of a block, which is padded where a row ends inside.
std::size_t block_of(Int4Layout layout) {
  constexpr std::array<std::size_t, 5> columns = {2, 16, 32, 64, 8};
  return columns[static_cast<std::size_t>(layout)];
}

/// The nibble of a column, counted from the lowest one of the row's first byte.
std::size_t nibble_of(Int4Layout layout, std::size_t col) {
  constexpr std::array<std::size_t, 8> of_word = {0, 4, 1, 5, 2, 6, 3, 7};
  if (layout == Int4Layout::word8) return col / 8 * 8 + of_word[col % 8];
  const std::size_t block = block_of(layout);
  const std::size_t half = block / 2;
  return col / block * block + col % half * 2 + col % block / half;
}

}  // namespace

std::size_t packed_row_bytes(Int4Layout layout, std::size_t cols) {
  const std::size_t block = block_of(layout);
  return (cols + block - 1) / block * (block / 2);
}

std::vector<std::uint8_t> pack_int4(Int4Layout layout, std::span<const std::int8_t> codes, std::size_t cols) {
  require(cols > 0 && codes.size() % cols == 0, "int4", "{} codes are not a whole number of rows of {}", codes.size(),
          cols);
  const std::size_t bytes = packed_row_bytes(layout, cols);
  std::vector<std::uint8_t> packed(codes.size() / cols * bytes, two_zeros);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    require(codes[i] >= -8 && codes[i] <= 7, "int4", "a code is {}, expected -8 to 7", codes[i]);
    const std::size_t nibble = nibble_of(layout, i % cols);
    std::uint8_t& byte = packed[i / cols * bytes + nibble / 2];
    const auto value = static_cast<unsigned>(codes[i] + 8);
    byte = static_cast<std::uint8_t>(nibble % 2 == 0 ? (byte & 0xF0U) | value : (byte & 0x0FU) | value << 4U);
  }
  return packed;
}

std::vector<std::int8_t> unpack_int4(Int4Layout layout, std::span<const std::uint8_t> packed, std::size_t cols) {
  const std::size_t bytes = packed_row_bytes(layout, cols);
  require(cols > 0 && packed.size() % bytes == 0, "int4", "{} bytes are not a whole number of packed rows of {} codes",
          packed.size(), cols);
  std::vector<std::int8_t> codes(packed.size() / bytes * cols);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const std::size_t nibble = nibble_of(layout, i % cols);
    const unsigned byte = packed[i / cols * bytes + nibble / 2];
    codes[i] = static_cast<std::int8_t>(static_cast<int>(nibble % 2 == 0 ? byte & 0xFU : byte >> 4U) - 8);
  }
  return codes;
}

}  // namespace bitstate
