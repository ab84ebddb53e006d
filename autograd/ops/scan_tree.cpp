// The states of x_l = lambda_bar x_{l-1} + bu_l by Q-S5's associative scan: a tree of (A_i, b_i) . (A_j, b_j) =
// (q(A_j) q(A_i), q(A_j) q(b_i) + b_j), all A = lambda_bar at first (autograd/kernels/scan_tree.h). q rounds the real
// and the imaginary parts of each step with their own largest magnitude as range. Straight-through: for p = q(x) q(y),
// dx += g conj(q(y)) and dy += g conj(q(x)). When gradients are quantized, g, q(x) and q(y) are first rounded to the
// larger number of bits of the two. dL/dlambda_bar is the sum over the steps of the gradients of their A.
#include "autograd/ops.h"

#include "autograd/kernels/scan_tree.h"
#include "core/error.h"

#include <algorithm>

namespace bitstate::ops {
namespace {

struct ScanTreeAttributes {
  const std::size_t* rows;
  std::size_t count;
  std::size_t longest;
  Direction direction;
  const float* powers;    // [levels, 2P]
  const float* operands;  // [2, T_s, 2P] of each sequence s
  kernels::TreeGradients rounding;
};

void scan_tree_backward(Tape& tape, const Node& node) {
  const auto& a = *static_cast<const ScanTreeAttributes*>(node.attributes);
  const std::size_t width = node.cols;
  float* const dlambda = tape.gradient(node.inputs[0]);
  float* const dbu = tape.gradient(node.inputs[1]);
  Arena& arena = tape.arena();
  float* const g = arena.array<float>(a.longest * width);
  float* const da = dlambda == nullptr ? nullptr : arena.array<float>(a.longest * width);
  float* const scratch = arena.array<float>(kernels::scan_tree_scratch(a.longest, width));
  std::size_t first = 0;
  for (std::size_t s = 0; s < a.count; ++s) {
    const std::size_t size = a.rows[s] * width;
    std::copy(node.gradient + first, node.gradient + first + size, g);
    if (da != nullptr) std::fill(da, da + size, 0.0F);
    kernels::scan_tree_adjoint({a.rows[s], width / 2, a.direction}, a.powers, a.rounding, a.operands + 2 * first,
                               {g, da, scratch});
    if (dbu != nullptr) {
      for (std::size_t i = 0; i < size; ++i) dbu[first + i] += g[i];
    }
    for (std::size_t t = 0; da != nullptr && t < a.rows[s]; ++t) {
      for (std::size_t c = 0; c < width; ++c) dlambda[c] += da[t * width + c];
    }
    first += size;
  }
}

constexpr Op scan_tree_op{"scan_tree", scan_tree_backward, nullptr, nullptr, {.why_float = "Q-S5's operator is float"}};

/// How a gradient is rounded that flows into a product of operands of so many bits; not at all when neither has any.
QuantSpec gradient_spec(int left_bits, int right_bits) {
  return {.bits = std::max(left_bits, right_bits), .edge = QuantSpec::Edge::half};
}

}  // namespace

Value scan_tree(Tape& tape, Value lambda_bar, Value bu, const Sequences& sequences, const ScanTreeOptions& options) {
  const auto& [direction, a, state, quantize_gradients] = options;
  require<UsageError>(a.spec.pole.form == PoleSpec::Form::cartesian, "scan_tree",
                      "{} has a form that scan=tree does not take: cartesian only", a.site);
  for (const Quantizer* const site : {&a, &state}) {
    require<UsageError>(
        !site->spec.active() || (site->spec.is_dynamic() && site->spec.symmetry == QuantSpec::Symmetry::symmetric),
        "scan_tree", "{} is rounded at every level of scan=tree: range=absmax and sign=symmetric only", site->site);
  }
  const std::size_t width = tape[bu].cols;
  const std::size_t steps = tape[bu].rows;
  require(tape[lambda_bar].size() == width && width % 2 == 0, "scan_tree",
          "lambda_bar has {} elements, Bu has {} columns", tape[lambda_bar].size(), width);
  sequences.check("scan_tree", steps);
  std::size_t longest = 0;
  for (const std::size_t length : sequences.rows) longest = std::max(longest, length);
  Arena& arena = tape.arena();
  auto* const rows = arena.array<std::size_t>(sequences.count());
  std::copy(sequences.rows.begin(), sequences.rows.end(), rows);
  const std::size_t levels = kernels::scan_tree_levels(longest);
  float* const powers = arena.array<float>(levels * width);
  kernels::scan_tree_powers(levels, width / 2, a.spec, tape.value(lambda_bar), powers);

  Node& x = tape.push(scan_tree_op, {lambda_bar, bu}, steps, width);
  const bool keep = tape[lambda_bar].needs_gradient;
  float* const operands = arena.array<float>(keep ? 2 * x.size() : width);
  const kernels::TreeGradients rounding =
      quantize_gradients
          ? kernels::TreeGradients{gradient_spec(a.spec.bits, a.spec.bits), gradient_spec(a.spec.bits, state.spec.bits)}
          : kernels::TreeGradients{};
  x.attributes = tape.keep(ScanTreeAttributes{rows, sequences.count(), longest, direction, powers, operands, rounding});
  const float* const b = tape.value(bu);
  std::copy(b, b + x.size(), x.real);
  std::size_t i = 0;
  for (std::size_t s = 0; s < sequences.count(); ++s) {
    require<DivergedError>(kernels::scan_tree({rows[s], width / 2, direction}, powers, state.spec, x.real + i,
                                              keep ? operands + 2 * i : operands, keep),
                           "scan_tree", "the state of {} is not finite", state.site);
    i += rows[s] * width;
  }
  const Value y = tape.last();
  tape.visit(a, lambda_bar, levels == 0 ? lambda_bar : tape.input(1, width, powers));
  tape.visit(state, y, y);
  return y;
}

}  // namespace bitstate::ops
