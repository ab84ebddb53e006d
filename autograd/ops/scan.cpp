// x_l = lambda_bar x_{l-1} + bu_l within each sequence, x_{-1} = 0; with a state quantizer x_l is rounded at every step
// (docs/numerics.md, section 6). Adjoint: s_l = mask_l (g_l + conj(lambda_bar) s_{l+1}), dL/dbu_l = s_l, G_lambda_bar =
// sum_l s_l conj(x_{l-1}).
#include "autograd/export.h"
#include "autograd/ops.h"
#include "autograd/recurrence.h"
#include "core/error.h"

#include <algorithm>
#include <vector>

namespace bitstate::ops {
namespace {

void scan_backward(Tape& tape, const Node& node) {
  float* const dlambda = recurrence::gradient_of_lambda(tape, node);
  const float* const lambda = tape.value(node.inputs[0]);
  recurrence::run_adjoint(
      tape, node, [=](const kernels::ScanShape& shape) { return kernels::ScanAdjoint(shape, lambda, dlambda); });
}

void scan_lower(Lowering& to, const Node& node) {
  const Node& lambda = to.node(node.inputs[0]);
  const QuantSpec& spec = node.site->spec;
  const auto plan = recurrence::integer_plan(to.tape(), node);
  const bool backward = recurrence::attributes_of(node).direction == Direction::backward;
  const std::vector<std::int32_t> codes = to.codes(node.inputs[0]);
  const auto bits =
      std::max(to.bits_of(codes.data(), codes.size()), static_cast<std::uint32_t>(lambda.site->spec.multiplier_bits()));
  to.emit(program::Scan{to.value(node.inputs[1]), backward, spec.residue(), plan->lambda_shift, bits, spec.bound(),
                        plan->limit, plan->to_state, plan->to_inner, codes, plan->from_input});
}

constexpr OpTraits scan_traits{
    .any_scales = true,
    .rounds = true,
    .reads_operands = false,
    .why_float = "the scale of the state matrix is too small for its state; scale=pow2 fits"};
constexpr Op scan_op{"scan", scan_backward, scan_lower, nullptr, scan_traits, recurrence::replay};

}  // namespace

Value scan(Tape& tape, Value lambda_bar, Value bu, const Sequences& sequences, Direction direction,
           const Quantizer* state) {
  require(!recurrence::is_sheared(tape[lambda_bar]), "scan", "{} has form=shear, which is for scan_shear",
          tape[lambda_bar].site != nullptr ? tape[lambda_bar].site->site : "");
  return recurrence::run(tape, scan_op, lambda_bar, bu, sequences, direction, state);
}

}  // namespace bitstate::ops
