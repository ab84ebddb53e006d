// The header of what numpy.save writes.
#pragma once

#include <cstddef>
#include <functional>
#include <numeric>
#include <string_view>
#include <vector>

namespace bitstate::datasets {

struct NpyHeader {
  char kind = 0;                   ///< U or S (strings), f, i, u or c (numbers, of c complex ones), b (booleans)
  std::size_t width = 0;           ///< bytes of an element
  std::vector<std::size_t> shape;  ///< at least one dimension, none of them 0
  std::size_t begin = 0;           ///< offset of the first element

  [[nodiscard]] std::size_t elements() const {
    return std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>());
  }
};

/// Whether a file begins as numpy.save begins one.
bool is_npy(std::string_view file);

/// Of a file whose first bytes is_npy() knows: version 1, 2 or 3, C order, little-endian, one to
/// `max_dimensions` dimensions, 1 to `max_elements` elements (at most 2^32), which fill the rest of the file. Throws
/// Error naming file, offset and reason.
NpyHeader read_npy_header(std::string_view file, std::string_view name, std::size_t max_elements,
                          std::size_t max_dimensions = 2);

}  // namespace bitstate::datasets
