// A batch of one example.
#pragma once

#include "datasets/dataset.h"
#include "models/model.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace bitstate::experiments {

/// One sequence, or a pair of documents, padded to `padded_length` steps. The batch refers to this object.
class OneExample {
 public:
  OneExample(const datasets::Example& example, std::size_t padded_length)
      : lengths_{example.length},
        rows_{std::max(example.length, padded_length)},
        x_(example.x),
        tokens_(example.tokens) {
    x_.resize(x_.size() / example.length * rows_[0]);
    tokens_.resize(tokens_.size() / example.length * rows_[0]);
    if (example.second.empty()) return;
    lengths_.push_back(example.second.size());
    rows_.push_back(std::max(example.second.size(), padded_length));
    tokens_.insert(tokens_.end(), example.second.begin(), example.second.end());
    tokens_.resize(rows_[0] + rows_[1]);
  }

  [[nodiscard]] Batch batch() const { return {{rows_, lengths_}, x_, tokens_}; }
  [[nodiscard]] std::size_t steps() const {
    std::size_t all = 0;
    for (const std::size_t rows : rows_) all += rows;
    return all;
  }

 private:
  std::vector<std::size_t> lengths_, rows_;
  std::vector<float> x_;
  std::vector<std::int32_t> tokens_;
};

}  // namespace bitstate::experiments
