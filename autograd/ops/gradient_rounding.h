// Q-S5's backward of a product: the gradient and both operands are rounded before they are multiplied.
#pragma once

#include "autograd/kernels/round.h"
#include "autograd/ops.h"

#include <algorithm>

namespace bitstate::ops {

/// What a node keeps of its GradientRounding until backward.
struct KeptRounding {
  QuantSpec spec;
  std::span<const std::size_t> samples;  // rows of each sequence; empty: each row has a range of its own
  std::size_t x_plane;
  std::size_t y_plane;

  [[nodiscard]] kernels::RoundingGroups x_groups() const { return {samples, x_plane}; }
  [[nodiscard]] kernels::RoundingGroups y_groups() const { return {samples, y_plane}; }
};

/// Null if nothing is rounded, or nobody asks for gradients.
inline const KeptRounding* keep_rounding(Tape& tape, const GradientRounding& rounding) {
  if (rounding.bits == 0 || !tape.pass().gradients) return nullptr;
  KeptRounding kept{{.bits = rounding.bits, .edge = QuantSpec::Edge::half}, {}, rounding.x_plane, rounding.y_plane};
  if (rounding.samples != nullptr) {
    const auto& rows = rounding.samples->rows;
    auto* const copy = tape.arena().array<std::size_t>(rows.size());
    std::copy(rows.begin(), rows.end(), copy);
    kept.samples = {copy, rows.size()};
  }
  return tape.keep(kept);
}

/// The numbers of v, rounded, in scratch memory.
inline const float* rounded(Tape& tape, const KeptRounding& rounding, Value v, const kernels::RoundingGroups& groups) {
  const Node& node = tape[v];
  float* const out = tape.scratch().array<float>(node.size());
  kernels::round_to_own_ranges(rounding.spec, groups, node.rows, node.cols, tape.value(v), out);
  return out;
}

/// Rounds the gradient that flows into a node.
inline void round_gradient(const Node& node, const KeptRounding& rounding) {
  kernels::round_to_own_ranges(rounding.spec, rounding.y_groups(), node.rows, node.cols, node.gradient, node.gradient);
}

}  // namespace bitstate::ops
