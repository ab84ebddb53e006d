// The frame of the losses that compare each true step with a target: the mean of a function of (y, t) over the true
// steps and the features of each sequence. Targets have the rows of y, padding included.
#pragma once

#include "autograd/ops.h"
#include "core/error.h"

#include <algorithm>

namespace bitstate::ops {

struct StepwiseAttributes {
  const float* target;
  const std::size_t* rows;
  const std::size_t* lengths;
};

/// Appends the loss of each sequence, [N, 1].
template <class Function>
Value stepwise_loss(Tape& tape, const Op& op, Value y, std::span<const float> target, const Sequences& sequences,
                    Function loss) {
  require(target.size() == tape[y].size(), op.name, "y has {} elements, but the target has {}", tape[y].size(),
          target.size());
  sequences.check(op.name, tape[y].rows);
  auto* const rows = tape.arena().array<std::size_t>(sequences.count());
  auto* const lengths = tape.arena().array<std::size_t>(sequences.count());
  std::copy(sequences.rows.begin(), sequences.rows.end(), rows);
  std::copy(sequences.lengths.begin(), sequences.lengths.end(), lengths);
  auto* const kept = tape.arena().array<float>(target.size());
  std::copy(target.begin(), target.end(), kept);
  Node& node = tape.push(op, {y}, sequences.count(), 1);
  node.attributes = tape.keep(StepwiseAttributes{kept, rows, lengths});
  const Node& in = tape[y];
  const float* const values = tape.value(y);
  std::size_t first = 0;
  for (std::size_t n = 0; n < node.rows; ++n) {
    const std::size_t count = lengths[n] * in.cols;
    double total = 0.0;
    for (std::size_t i = first; i < first + count; ++i) total += loss(double{values[i]}, double{kept[i]});
    node.real[n] = static_cast<float>(total / static_cast<double>(count));
    first += rows[n] * in.cols;
  }
  return tape.last();
}

/// Adds g_n / count * derivative(y, t) to the gradient of y.
template <class Derivative>
void stepwise_backward(Tape& tape, const Node& node, Derivative derivative) {
  const auto& a = *static_cast<const StepwiseAttributes*>(node.attributes);
  const Node& y = tape[node.inputs[0]];
  const float* const values = tape.value(node.inputs[0]);
  float* const dy = tape.gradient(node.inputs[0]);
  if (dy == nullptr) return;
  std::size_t first = 0;
  for (std::size_t n = 0; n < node.rows; ++n) {
    const std::size_t count = a.lengths[n] * y.cols;
    const double share = double{node.gradient[n]} / static_cast<double>(count);
    for (std::size_t i = first; i < first + count; ++i) {
      dy[i] += static_cast<float>(share * derivative(double{values[i]}, double{a.target[i]}));
    }
    first += a.rows[n] * y.cols;
  }
}

}  // namespace bitstate::ops
