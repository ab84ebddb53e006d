// What the ops of a recurrence share (docs/numerics.md, section 6): the state of pairs in float or rounded at every
// step, and its adjoint. The first input is lambda_bar, the second Bu; a lambda_bar in form=shear makes a sheared
// recurrence.
#pragma once

#include "autograd/kernels/scan.h"
#include "autograd/tape.h"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace bitstate::recurrence {

/// The integer recurrence of a node that keeps its states before every block of steps only (Pass::replay_states).
struct Replay {
  program::Recurrence recurrence;
  std::int64_t* residues;  ///< [blocks, 2P]
  std::int32_t* states;    ///< [blocks, 2P]
};

/// What a node of a recurrence keeps.
struct Attributes {
  const std::size_t* rows;  ///< of each sequence
  std::size_t count;
  kernels::Direction direction;
  const Replay* replay = nullptr;
};
[[nodiscard]] inline const Attributes& attributes_of(const Node& node) {
  return *static_cast<const Attributes*>(node.attributes);
}

/// Whether its codes are the first rows of the matrices of form=shear, [g A | g E].
[[nodiscard]] bool is_sheared(const Node& lambda);

/// The real numbers that the state is multiplied by.
[[nodiscard]] kernels::PairMap<float> real_map(Tape& tape, Value lambda);

/// The states [T, 2P] of `lambda` [1, 2P] and `bu` [T, 2P], rounded by `state` if that is not null and has bits. `op`
/// is that of the node; its name is that of errors. Throws Error when shapes do not fit or the site has no range, and
/// DivergedError when a state is not finite.
Value run(Tape& tape, const Op& op, Value lambda, Value bu, const Sequences& sequences, kernels::Direction direction,
          const Quantizer* state);

/// Op::compute of a recurrence: rows of the codes of a node with Attributes::replay, the same as at first.
void replay(Tape& tape, const Node& node, RowRange rows, const program::Rescaling* then,
            const program::MutableCodes& y);

/// Constants of the integer recurrence of a node; nothing where it cannot be computed in integers.
[[nodiscard]] std::optional<kernels::IntegerScan> integer_plan(Tape& tape, const Node& node);

/// The array that the gradient of lambda_bar is added to; scratch memory where nobody needs it.
[[nodiscard]] float* gradient_of_lambda(Tape& tape, const Node& node);

/// Backward through all sequences of a node, and on to Bu. begin(ScanShape) gives the adjoint of a sequence, such as a
/// kernels::ScanAdjoint.
template <class Begin>
void run_adjoint(Tape& tape, const Node& node, Begin begin) {
  const Attributes& a = attributes_of(node);
  const std::size_t width = node.cols;
  RowReader states(tape, tape.handle(node));
  std::size_t first = 0;
  for (std::size_t s = 0; s < a.count; ++s) {
    const kernels::ScanShape shape{a.rows[s], width / 2, a.direction};
    auto at = begin(shape);
    for (std::size_t i = shape.length; i-- > 0;) {
      const std::size_t row = first + shape.row_of(i);
      const std::size_t bytes = 2 * ((width / 2 + 7) / 8);
      at.step(node.gradient + row * width, node.unclamped.empty() ? nullptr : node.unclamped.data() + row * bytes);
      if (i > 0) at.add_lambda(states(first + shape.row_of(i - 1)));
    }
    first += a.rows[s];
  }
  tape.pass_on(node.inputs[1], node);
}

}  // namespace bitstate::recurrence
