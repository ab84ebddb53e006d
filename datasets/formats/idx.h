// The idx format of the MNIST files: a header that says the shape, then the bytes; raw or gzip-compressed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace bitstate::datasets {

/// An array of unsigned bytes, row-major.
struct Idx {
  std::vector<std::size_t> shape;
  std::vector<std::uint8_t> values;
};

/// Reads an idx file of unsigned bytes with `rank` dimensions; whether it is compressed is told by its first bytes, not
/// by its name. Layout: 0 0, the element type (8: unsigned byte), the rank, one big-endian 32-bit size per dimension,
/// the elements. Nothing is allocated before the header's sizes agree with the file (raw), or with what its compressed
/// bytes can hold at most (gzip), and are within `max_bytes`. Throws Error naming file, offset (in the uncompressed
/// content) and reason.
Idx read_idx(const std::filesystem::path& path, std::size_t rank, std::size_t max_bytes = std::size_t{1} << 30);

}  // namespace bitstate::datasets
