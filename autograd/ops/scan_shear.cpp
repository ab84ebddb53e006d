// The states of x' = g (a x - e y) + v_x, y' = g a y + e x' + v_y, form=shear, within each sequence, from 0; with a
// state quantizer x' and y' are rounded at every step (docs/numerics.md, section 6), where y' reads the rounded x'.
// Adjoint: s_y,l = mask (g_y,l + g (a s_y,l+1 - e s_x,l+1)), s_x,l = mask (g_x,l + g a s_x,l+1 + e s_y,l), dL/dv_l =
// s_l; G_lambda_bar is that of the complex recurrence, of s and x in its coordinates.
#include "autograd/export.h"
#include "autograd/kernels/shear.h"
#include "autograd/ops.h"
#include "autograd/recurrence.h"
#include "core/error.h"

#include <vector>

namespace bitstate::ops {
namespace {

void scan_shear_backward(Tape& tape, const Node& node) {
  float* const dlambda = recurrence::gradient_of_lambda(tape, node);
  const kernels::PairMap<float> map = recurrence::real_map(tape, node.inputs[0]);
  const auto coordinates = kernels::coordinates_of(tape.codes32(node.inputs[0]));
  recurrence::run_adjoint(tape, node, [&](const kernels::ScanShape& /*shape*/) {
    return kernels::ShearAdjoint(map, coordinates, dlambda);
  });
}

void scan_shear_lower(Lowering& to, const Node& node) {
  const QuantSpec& poles = to.node(node.inputs[0]).site->spec;
  const QuantSpec& spec = node.site->spec;
  const auto plan = recurrence::integer_plan(to.tape(), node);
  const std::vector<std::int32_t> codes = to.codes(node.inputs[0]);
  program::ScanShear scan;
  scan.x = to.value(node.inputs[1]);
  scan.backward = recurrence::attributes_of(node).direction == Direction::backward;
  scan.feedback = spec.residue() == Residue::feedback;
  scan.step_bits = static_cast<std::uint32_t>(poles.bits);
  scan.decay_bits = static_cast<std::uint32_t>(poles.pole.magnitude);
  scan.bound = spec.bound();
  scan.limit = plan->limit;
  for (std::size_t p = 0; p < codes.size() / 2; ++p) scan.add(Shear::of(codes[p], codes[codes.size() / 2 + p]));
  scan.from_input = plan->from_input;
  to.emit(std::move(scan));
}

constexpr OpTraits scan_shear_traits{.any_scales = true, .rounds = true, .reads_operands = false};
constexpr Op scan_shear_op{"scan_shear", scan_shear_backward, scan_shear_lower,
                           nullptr,      scan_shear_traits,   recurrence::replay};

}  // namespace

Value scan_shear(Tape& tape, Value lambda_bar, Value bu, const Sequences& sequences, Direction direction,
                 const Quantizer* state) {
  require(recurrence::is_sheared(tape[lambda_bar]), "scan_shear", "lambda_bar has no codes of form=shear");
  return recurrence::run(tape, scan_shear_op, lambda_bar, bu, sequences, direction, state);
}

}  // namespace bitstate::ops
