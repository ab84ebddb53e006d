// The frozen layers of a model that trains its top ones only: their results, which a training pass begins with.
#pragma once

#include "autograd/tape.h"
#include "core/program/run/codes.h"
#include "datasets/dataset.h"
#include "experiments/training/integer_forward.h"
#include "models/model.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

namespace bitstate {

/// What the frozen layers give for one sequence: codes, or real numbers where there are none.
struct PrefixRows {
  std::size_t rows = 0;
  std::size_t cols = 0;
  program::Bytes codes = {};  ///< [rows, stride]
  program::Width width{};
  std::size_t stride = 0;
  std::vector<float> scale = {};
  kernels::ScaleLayout layout = kernels::ScaleLayout::per_tensor;
  std::int64_t bound = 1;
  std::vector<float> real = {};  ///< [rows, cols]

  [[nodiscard]] bool has_codes() const { return !scale.empty(); }
  [[nodiscard]] std::size_t bytes() const { return codes.size() + (scale.size() + real.size()) * sizeof(float); }
};

class FrozenPrefix {
 public:
  /// The first `parts` parts of the model, and what comes before them, as they are: the integer program, where there is
  /// one and it gives the codes of the tape for `example`, else an evaluation on a tape. The model must outlive the
  /// result. Throws UsageError where the model's forward has other parts than its layers, and for a head that reads
  /// parameters of the prefix; and what the model throws.
  FrozenPrefix(const Model& model, const Inventory& inventory, std::size_t parts, const datasets::Example& example);

  /// The result for a batch of one sequence. May be called on several threads, each with its own tape, whose pass this
  /// begins. Throws what the model throws.
  [[nodiscard]] PrefixRows operator()(Tape& tape, const Batch& one) const;

  [[nodiscard]] bool is_program() const { return program_.has_value(); }

 private:
  [[nodiscard]] PrefixRows evaluated(Tape& tape, const Batch& one) const;

  const Model& model_;
  std::size_t parts_;
  std::optional<IntegerForward> program_;
  PrefixRows header_;  // what the program's codes are: all but the codes
};

/// The results for the sequences of a data set, as far as they were asked for.
class PrefixCache {
 public:
  /// Of examples of so many documents.
  PrefixCache(const datasets::Dataset& data, std::size_t documents)
      : data_(&data), documents_(documents), rows_(data.size() * documents) {}
  [[nodiscard]] bool is_of(const datasets::Dataset& data) const { return data_ == &data; }

  /// What is kept, or else compute(), which then is kept. May be called on several threads.
  template <class Compute>
  std::shared_ptr<const PrefixRows> get(std::size_t example, std::size_t document, const Compute& compute) {
    auto& place = rows_[example * documents_ + document];
    {
      const std::lock_guard lock(mutex_);
      if (place != nullptr) return place;
    }
    auto computed = std::make_shared<const PrefixRows>(compute());
    const std::lock_guard lock(mutex_);
    place = computed;
    return computed;
  }

 private:
  const datasets::Dataset* data_;
  std::size_t documents_;
  std::vector<std::shared_ptr<const PrefixRows>> rows_;
  std::mutex mutex_;
};

/// The results of the sequences of a pass, one after the other, as a leaf of its tape; they outlive the pass. Throws
/// Error where their codes have different scales.
Value prefix_leaf(Tape& tape, std::span<const std::shared_ptr<const PrefixRows>> sequences);

}  // namespace bitstate
