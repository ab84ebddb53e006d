// The forward of an evaluation by the model's integer program: the codes of the tape, but a few rows of each value at a
// time, and with constants that are prepared once.
#pragma once

#include "autograd/tape.h"
#include "core/program/run/runner.h"
#include "datasets/dataset.h"
#include "models/model.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace bitstate {

class IntegerForward {
 public:
  /// Lowers the model as it is: weights and ranges of later are not seen, and the model must outlive the result.
  /// Shorter sequences are padded to `padded_length` steps. With `parts_end` the result is that of the first parts of
  /// the model (Batch). Nothing for a model that has no program, because it reads pairs, something between the input
  /// and the result is float, or a sum might not fit; and for one whose program gives other codes for `example`: it
  /// does more with the input than its ops do. Throws what the model throws.
  static std::optional<IntegerForward> of(const Model& model, const datasets::Example& example,
                                          std::size_t padded_length, std::size_t parts_end = all_parts);

  /// The result of the model's own forward for a batch of one sequence, with equal bits, as a leaf of the tape; rows of
  /// padding are 0. Throws what the model throws. May be called on several threads, each with its own tape.
  Value operator()(Tape& tape, const Batch& batch) const;

  /// The codes of the real steps of one sequence; nothing where the program cannot read it.
  [[nodiscard]] std::optional<std::vector<std::int32_t>> codes(const Batch& batch) const;

 private:
  IntegerForward(const Model& model, program::Program program);
  [[nodiscard]] Value leaf(Tape& tape, const Batch& batch, std::span<const std::int32_t> codes) const;

  const Model* model_;
  program::Runner runner_;
};

}  // namespace bitstate
