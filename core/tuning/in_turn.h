// Training whose labels are made up, by which two ways to compute it are compared.
#pragma once

#include "core/tuning/head.h"
#include "core/tuning/layer.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace bitstate::program {

/// Takes a step behind each row of logits of the sequences, of which each is input codes [steps, cols], with the labels
/// 0, 1, ..., rows - 1, 0, ... in turn, `rounds` times. Returns the losses of all steps, the weights and the biases of
/// the head, and the numbers of the layer, where one is trained.
[[nodiscard]] std::vector<std::int32_t> tuned_in_turn(const Program& program, const TrainableHead& head,
                                                      const std::optional<TrainableLayer>& layer,
                                                      const std::vector<std::vector<std::int32_t>>& sequences,
                                                      std::size_t rounds = 1);

}  // namespace bitstate::program
