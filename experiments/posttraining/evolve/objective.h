// What a search minimises: how far the outputs of the quantized model are from those of the float model, on sequences
// that need no labels. The model runs as its integer program, of which only the blocks that may change are computed.
#pragma once

#include "core/parallel.h"
#include "core/program/program.h"
#include "datasets/dataset.h"
#include "experiments/training/packed_codes.h"
#include "experiments/training/transform_target.h"
#include "models/model.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace bitstate {

enum class EvolveLoss { infonce, mse, kl };

struct ObjectiveSettings {
  EvolveLoss loss = EvolveLoss::infonce;
  std::size_t batch = 100;          ///< outputs that are compared with each other; of the rest there is no batch
  double temperature = 3.0;         ///< of infoNCE
  std::size_t padded_length = 0;    ///< shorter sequences are padded to so many steps
  bool cached = true;               ///< the codes that enter a block are kept
  std::function<bool()> stop = {};  ///< asked before each evaluation
};

class Objective {
 public:
  /// The outputs of `teacher` are to be matched, on at least one of `examples`. Models and workers outlive the
  /// objective; the ranges of `model` may change between calls. Of an output per step, at most 100 steps of each
  /// sequence count, evenly spaced. Throws what the teacher throws.
  Objective(const Model& model, const Model& teacher, std::vector<datasets::Example> examples,
            const ObjectiveSettings& settings, Workers& workers);

  /// Keeps the codes that enter `block` of the model as it is, where they can be kept.
  void settle(std::size_t block);
  /// The loss of the model as it is, whose blocks before `block` are as they were in settle(block), or which is whole
  /// for block 0. Infinite where the model has no program. Throws
  /// TransformStopped.
  [[nodiscard]] double from(std::size_t block);

 private:
  [[nodiscard]] std::vector<std::size_t> rows_of(const datasets::Example& example) const;
  [[nodiscard]] bool can_cut(const program::Program& whole) const;
  [[nodiscard]] std::vector<std::int32_t> entering(std::size_t sequence, const program::Program& program) const;
  void teach(const Model& teacher);
  [[nodiscard]] double loss_of(const std::vector<double>& outputs) const;

  const Model& model_;
  std::vector<datasets::Example> examples_;
  ObjectiveSettings settings_;
  Workers& workers_;
  std::size_t cols_ = 0;
  std::vector<std::size_t> first_row_;  // of the outputs of each sequence
  std::vector<double> teacher_;         // [rows, cols]
  std::size_t settled_ = 0;             // the block whose entering codes are kept; 0: the input
  std::vector<PackedCodes> kept_;
};

}  // namespace bitstate
