// h_t = exp(delta_t A) h_{t-1} + delta_t u_t B_t with A = -exp(A_log), y_t = C_t . h_t + D u_t within each sequence:
// the selective scan of Mamba, and the state-space dual of Mamba-2 as a recurrence (kernels/selective_scan.h). Adjoint,
// from the last step on: dh_t = dy_t C_t + dh_{t+1} exp(delta_{t+1} A), and with k = dh_t exp(delta_t A) h_{t-1}:  dB_t
// = sum dh_t delta_t u_t, dC_t = sum dy_t h_t over the channels of a group;  du_t = delta_t (dh_t . B_t) + D dy_t,
// ddelta_t = sum k A + u_t (dh_t . B_t), dA_log = A sum k delta, dD = sum dy u. The states are computed again.
#include "autograd/ops.h"

#include "autograd/kernels/selective_scan.h"
#include "core/error.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace bitstate::ops {
namespace {

struct SelectiveScanAttributes {
  kernels::SelectiveShape shape;
  const std::size_t* rows;  // of each sequence
  std::size_t count;        // of sequences
  const float* a;           // -exp(A_log)
  const float* starts;      // states at every few steps; null in a pass without gradients
  const float* final;       // states [count * E, N]
  float* final_gradient;    // likewise, where final_states() is asked for; else null
};

enum Operand : std::size_t { of_u, of_delta, of_a, of_b, of_c, of_d, of_h0, operands };

/// Calls f(sequence, row of its first step, arrays of the sequence).
template <class F>
void for_each_sequence(Tape& tape, const Node& node, const SelectiveScanAttributes& a, F f) {
  const auto input = [&](Operand which) { return tape.value(node.inputs[which]); };
  const std::size_t bc_cols = a.shape.groups * a.shape.states;
  const float* const h0 = node.inputs[of_h0].exists() ? input(of_h0) : nullptr;
  std::size_t first = 0;
  for (std::size_t s = 0; s < a.count; ++s) {
    f(s, first,
      kernels::SelectiveInputs{a.rows[s], input(of_u) + first * a.shape.channels,
                               input(of_delta) + first * a.shape.heads, input(of_b) + first * bc_cols,
                               input(of_c) + first * bc_cols, a.a, input(of_d),
                               h0 == nullptr ? nullptr : h0 + s * a.shape.channels * a.shape.states});
    first += a.rows[s];
  }
}

void selective_scan_backward(Tape& tape, const Node& node) {
  const auto& a = *static_cast<const SelectiveScanAttributes*>(node.attributes);
  std::array<float*, operands> to{};
  for (std::size_t i = 0; i < operands; ++i) {
    const Value v = node.inputs[i];
    to[i] = tape.gradient(v);
    if (to[i] == nullptr && v.exists()) {  // nobody needs it
      to[i] = tape.scratch().array<float>(tape[v].size());
      std::fill_n(to[i], tape[v].size(), 0.0F);
    }
  }
  const std::size_t rates = a.shape.heads * a.shape.rates();
  float* const da = tape.scratch().array<float>(rates);
  std::fill_n(da, rates, 0.0F);
  kernels::SelectiveScan scan(a.shape);
  const std::size_t states = a.shape.channels * a.shape.states;
  const std::size_t bc_cols = a.shape.groups * a.shape.states;
  const float* starts = a.starts;
  for_each_sequence(tape, node, a, [&](std::size_t s, std::size_t first, const kernels::SelectiveInputs& in) {
    scan.backward(
        in, starts, node.gradient + first * a.shape.channels,
        a.final_gradient == nullptr ? nullptr : a.final_gradient + s * states,
        {to[of_u] + first * a.shape.channels, to[of_delta] + first * a.shape.heads, to[of_b] + first * bc_cols,
         to[of_c] + first * bc_cols, da, to[of_d], to[of_h0] == nullptr ? nullptr : to[of_h0] + s * states});
    starts += scan.kept(in.length);
  });
  for (std::size_t i = 0; i < rates; ++i) to[of_a][i] += a.a[i] * da[i];
}

constexpr Op selective_scan_op{"selective_scan", selective_scan_backward};

void final_states_backward(Tape& tape, const Node& node) {
  const Value y = node.inputs[0];
  const auto& a = *static_cast<const SelectiveScanAttributes*>(tape[y].attributes);
  std::copy_n(node.gradient, node.size(), a.final_gradient);
  static_cast<void>(tape.gradient(y));  // the scan's backward is to run, even where nothing reads y
}

constexpr Op final_states_op{"final_states", final_states_backward};

kernels::SelectiveShape shape_of(Tape& tape, const SelectiveOperands& in, std::size_t groups, Direction direction) {
  const Node& u = tape[in.u];
  const Node& delta = tape[in.delta];
  const Node& rates = tape[in.A_log];
  const Node& b = tape[in.B];
  const Node& c = tape[in.C];
  require(u.cols > 0 && delta.cols > 0 && u.cols % delta.cols == 0, "selective_scan",
          "{} channels cannot be parted into {} equal heads", u.cols, delta.cols);
  require(groups > 0 && delta.cols % groups == 0, "selective_scan", "{} heads cannot be parted into {} equal groups",
          delta.cols, groups);
  require(b.cols == c.cols && b.cols % groups == 0 && b.cols > 0, "selective_scan",
          "B has {} columns and C {}, for {} groups", b.cols, c.cols, groups);
  require(delta.rows == u.rows && b.rows == u.rows && c.rows == u.rows, "selective_scan",
          "u, delta, B and C have {}, {}, {} and {} rows", u.rows, delta.rows, b.rows, c.rows);
  const std::size_t states = b.cols / groups;
  require(rates.size() == delta.cols * states || rates.size() == delta.cols, "selective_scan",
          "expected an A_log of {} or {} elements, got {}", delta.cols * states, delta.cols, rates.size());
  require(tape[in.D].size() == delta.cols, "selective_scan", "D has {} elements for {} heads", tape[in.D].size(),
          delta.cols);
  return {u.cols, states, delta.cols, groups, rates.size() == delta.cols * states, direction};
}

}  // namespace

Value selective_scan(Tape& tape, const SelectiveOperands& in, std::size_t groups, const Sequences& sequences,
                     Direction direction) {
  const kernels::SelectiveShape shape = shape_of(tape, in, groups, direction);
  sequences.check("selective_scan", tape[in.u].rows);
  const std::size_t states = shape.channels * shape.states;
  require(!in.h0.exists() || tape[in.h0].size() == sequences.count() * states, "selective_scan",
          "expected {} initial states, got {}", sequences.count() * states, in.h0.exists() ? tape[in.h0].size() : 0);
  const Node& rates = tape[in.A_log];
  const float* const logs = tape.value(in.A_log);
  float* const a = tape.arena().array<float>(rates.size());
  for (std::size_t i = 0; i < rates.size(); ++i) a[i] = -std::exp(logs[i]);
  auto* const rows = tape.arena().array<std::size_t>(sequences.count());
  std::copy(sequences.rows.begin(), sequences.rows.end(), rows);

  kernels::SelectiveScan scan(shape);
  float* starts = nullptr;
  if (tape.pass().gradients) {
    std::size_t kept = 0;
    for (const std::size_t length : sequences.rows) kept += scan.kept(length);
    starts = tape.arena().array<float>(kept);
  }
  float* const final = tape.arena().array<float>(sequences.count() * states);
  const auto* const attributes =
      tape.keep(SelectiveScanAttributes{shape, rows, sequences.count(), a, starts, final, nullptr});
  Node& y = tape.push(selective_scan_op, {in.u, in.delta, in.A_log, in.B, in.C, in.D, in.h0}, tape[in.u].rows,
                      shape.channels);
  y.attributes = attributes;
  for_each_sequence(
      tape, y, *attributes, [&](std::size_t s, std::size_t first, const kernels::SelectiveInputs& arrays) {
        const bool finite = scan.forward(arrays, y.real + first * shape.channels, final + s * states, starts);
        require<DivergedError>(finite, "selective_scan", "a state of sequence {} is not finite", sequences.first + s);
        if (starts != nullptr) starts += scan.kept(arrays.length);
      });
  return tape.last();
}

Value final_states(Tape& tape, Value y) {
  require(tape[y].op == &selective_scan_op, "final_states", "expected the result of selective_scan");
  auto attributes = *static_cast<const SelectiveScanAttributes*>(tape[y].attributes);
  const std::size_t rows = attributes.count * attributes.shape.channels;
  if (tape.pass().gradients && attributes.final_gradient == nullptr) {
    attributes.final_gradient = tape.arena().array<float>(rows * attributes.shape.states);
    std::fill_n(attributes.final_gradient, rows * attributes.shape.states, 0.0F);  // stays so if nothing flows in
    tape[y].attributes = tape.keep(attributes);
  }
  Node& node = tape.push_bare(final_states_op, {y}, rows, attributes.shape.states);
  node.real = const_cast<float*>(attributes.final);  // nothing writes to it
  return tape.last();
}

}  // namespace bitstate::ops
