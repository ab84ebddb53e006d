// Rows of 4-bit codes in memory: the code -8 ... 7 plus 8 is a nibble.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace bitstate {

/// How nibbles follow each other. Where a row does not fill its last block, codes of 0 follow it.
enum class Int4Layout : std::uint8_t {
  bytes,    ///< 2 columns a byte, the first one low
  block16,  ///< byte i of 8 has column i low and column i + 8 high: one AND and one shift for a register
  block32,  ///< likewise byte i of 16 columns i and i + 16
  block64,  ///< likewise byte i of 32 columns i and i + 32
  word8,    ///< Quamba's embeddings: columns 0, 2, 4, 6, 1, 3, 5, 7 from the lowest nibble of a little-endian word up
};

/// Bytes of a packed row.
std::size_t packed_row_bytes(Int4Layout layout, std::size_t cols);

/// Rows of `cols` codes. Throws Error for a code outside -8 ... 7 and for what is no whole number of rows.
std::vector<std::uint8_t> pack_int4(Int4Layout layout, std::span<const std::int8_t> codes, std::size_t cols);

/// The codes of rows of `cols`. Throws Error for what is no whole number of packed rows.
std::vector<std::int8_t> unpack_int4(Int4Layout layout, std::span<const std::uint8_t> packed, std::size_t cols);

}  // namespace bitstate
