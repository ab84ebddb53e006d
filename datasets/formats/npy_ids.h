// Token ids that numpy.save wrote.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace bitstate::datasets {

struct NpyIds {
  std::vector<std::uint16_t> ids;
  std::size_t columns = 0;  ///< of each row of a two-dimensional array; 0: the array has one dimension
};

/// Reads an array of integers (8 to 64 bits, with or without a sign; version, order and dimensions as of
/// read_npy_header()) whose numbers are from 0 to 65535. Throws Error naming the file, and the element that is no id.
NpyIds read_ids(const std::filesystem::path& path);

}  // namespace bitstate::datasets
