// Owned, row-major, two-dimensional float storage: what parameters and buffers are made of.
#pragma once

#include <cstddef>
#include <vector>

namespace bitstate {

/// A row-major matrix [rows, cols]. A vector of n is [1, n]. Complex arrays are planar: [re | im] (rows or columns).
struct Tensor {
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::vector<float> data;

  Tensor() = default;
  Tensor(std::size_t rows_, std::size_t cols_, float fill = 0.0F)
      : rows(rows_), cols(cols_), data(rows_ * cols_, fill) {}

  [[nodiscard]] std::size_t size() const { return data.size(); }
  float& operator()(std::size_t r, std::size_t c) { return data[r * cols + c]; }
  float operator()(std::size_t r, std::size_t c) const { return data[r * cols + c]; }
};

}  // namespace bitstate
