// h_t = exp(delta_t A) h_{t-1} + delta_t u_t B_t with A = -exp(A_log), y_t = C_t . h_t within each sequence: the
// selective scan of Mamba (kernels/selective_scan.h), and the state-space dual of Mamba-2, of which long sequences are
// computed by products (kernels/chunked_scan.h). Adjoint, from the last step on: dh_t = dy_t C_t + dh_{t+1}
// exp(delta_{t+1} A), and with k = dh_t exp(delta_t A) h_{t-1}:  dB_t = sum dh_t delta_t u_t, dC_t = sum dy_t h_t over
// the channels of a group;  du_t = delta_t (dh_t . B_t), ddelta_t = sum k A + u_t (dh_t . B_t), dA_log = A sum k delta.
// The states are computed again. On codes: docs/numerics.md, section 10.
#include "autograd/export.h"
#include "autograd/ops.h"

#include "autograd/kernels/chunked_scan.h"
#include "autograd/kernels/selective_scan.h"
#include "autograd/selective.h"
#include "core/error.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

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
  bool chunked = false;     // long sequences are computed by products, where that is faster
  const selective::CodeScan* codes = nullptr;
  const std::int32_t* code_starts = nullptr;  // as `starts`
  const selective::Operands* operands = nullptr;
  bool rounded = false;
};

/// In float. How a sequence is computed depends on nothing but the sequence, so neighbours in a batch change no bit.
class FloatScan {
 public:
  explicit FloatScan(const SelectiveScanAttributes& a) : a_(a), steps_(a.shape), chunks_(a.shape) {}

  [[nodiscard]] std::size_t kept(std::size_t length) const {
    return by_chunks(length) ? chunks_.kept(length) : steps_.kept(length);
  }
  bool forward(const kernels::SelectiveInputs& in, float* y, float* final, float* starts,
               const kernels::SelectiveMaxima& seen) {
    return by_chunks(in.length) ? chunks_.forward(in, y, final, starts) : steps_.forward(in, y, final, starts, seen);
  }
  void backward(const kernels::SelectiveInputs& in, const float* starts, const float* dy, const float* dfinal,
                const kernels::SelectiveGradients& gradients) {
    if (by_chunks(in.length)) {
      chunks_.backward(in, starts, dy, dfinal, gradients);
    } else {
      steps_.backward(in, starts, dy, dfinal, gradients);
    }
  }

 private:
  [[nodiscard]] bool by_chunks(std::size_t length) const {
    return a_.chunked && kernels::ChunkedScan::suits(a_.shape, length);
  }

  const SelectiveScanAttributes& a_;
  kernels::SelectiveScan steps_;
  kernels::ChunkedScan chunks_;
};

enum Operand : std::size_t { of_u, of_delta, of_a, of_b, of_c, of_h0, operands };

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
                               input(of_c) + first * bc_cols, a.a,
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
  const std::int32_t* code_starts = a.code_starts;
  FloatScan in_float(a);
  std::optional<selective::RoundedScan> rounded;
  if (a.rounded) rounded.emplace(*a.operands, a.shape);
  for_each_sequence(tape, node, a, [&](std::size_t s, std::size_t first, const kernels::SelectiveInputs& in) {
    const kernels::SelectiveGradients gradients{to[of_u] + first * a.shape.channels,
                                                to[of_delta] + first * a.shape.heads,
                                                to[of_b] + first * bc_cols,
                                                to[of_c] + first * bc_cols,
                                                da,
                                                to[of_h0] == nullptr ? nullptr : to[of_h0] + s * states};
    const float* const dy = node.gradient + first * a.shape.channels;
    if (a.codes != nullptr) {
      selective::CodeShadows shadows(tape, *a.codes, {first, in.length}, code_starts, scan.chunk());
      scan.backward(in, shadows, dy, gradients);
      code_starts += a.codes->kept(in.length, scan.chunk());
      return;
    }
    if (rounded) {
      selective::RoundedShadows shadows(*rounded, in, starts, scan.chunk());
      scan.backward(in, shadows, dy, gradients);
      starts += rounded->kept(in.length, scan.chunk());
      return;
    }
    in_float.backward(in, starts, dy, a.final_gradient == nullptr ? nullptr : a.final_gradient + s * states, gradients);
    starts += in_float.kept(in.length);
  });
  for (std::size_t i = 0; i < rates; ++i) to[of_a][i] += a.a[i] * da[i];
}

void selective_scan_lower(Lowering& to, const Node& node) {
  const auto& a = *static_cast<const SelectiveScanAttributes*>(node.attributes);
  Value dt;
  program::SelectiveScan plan = selective::plan_of(to.tape(), a.codes->operands, a.shape, dt);
  plan.u = to.value(node.inputs[of_u]);
  plan.dt = to.value(dt);
  plan.b = to.value(node.inputs[of_b]);
  plan.c = to.value(node.inputs[of_c]);
  to.emit(std::move(plan));
}

std::vector<InnerSite> selective_scan_inner(Tape& tape, const Node& node) {
  const auto& a = *static_cast<const SelectiveScanAttributes*>(node.attributes);
  InnerSite input{a.operands->input}, state{a.operands->state};
  const std::size_t chunk = kernels::SelectiveScan(a.shape).chunk();
  const float* starts = a.starts;
  const std::int32_t* code_starts = a.code_starts;
  std::optional<selective::RoundedScan> rounded;
  if (a.rounded && starts != nullptr) rounded.emplace(*a.operands, a.shape);
  for_each_sequence(tape, node, a, [&](std::size_t, std::size_t first, const kernels::SelectiveInputs& in) {
    if (code_starts != nullptr) {
      selective::CodeShadows shadows(tape, *a.codes, {first, in.length}, code_starts, chunk);
      selective::see(shadows, a.shape, in.length, chunk, input, state);
      code_starts += a.codes->kept(in.length, chunk);
    } else if (rounded) {
      selective::RoundedShadows shadows(*rounded, in, starts, chunk);
      selective::see(shadows, a.shape, in.length, chunk, input, state);
      starts += rounded->kept(in.length, chunk);
    }
  });
  std::vector<InnerSite> sites;
  for (const InnerSite& inner : {input, state}) {
    if (inner.site != nullptr) sites.push_back(inner);
  }
  return sites;
}

constexpr OpTraits selective_scan_traits{.accumulates = true, .rounds = true};
constexpr Op selective_scan_op{.name = "selective_scan",
                               .backward = selective_scan_backward,
                               .lower = selective_scan_lower,
                               .traits = selective_scan_traits,
                               .inner = selective_scan_inner};

void final_states_backward(Tape& tape, const Node& node) {
  const Value y = node.inputs[0];
  const auto& a = *static_cast<const SelectiveScanAttributes*>(tape[y].attributes);
  for (std::size_t i = 0; i < node.size(); ++i) a.final_gradient[i] += node.gradient[i];
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
  return {u.cols, states, delta.cols, groups, rates.size() == delta.cols * states, direction};
}

/// Gives y the codes of the scan.
void scan_on_codes(Tape& tape, Node& y, SelectiveScanAttributes& attributes, const selective::Operands& operands) {
  const kernels::SelectiveShape& shape = attributes.shape;
  const auto* const scan = tape.keep(selective::CodeScan(tape, operands, shape));
  const std::size_t chunk = kernels::SelectiveScan(shape).chunk();
  const std::span rows(attributes.rows, attributes.count);
  std::int32_t* starts = nullptr;
  if (tape.pass().gradients) {
    std::size_t kept = 0;
    for (const std::size_t length : rows) kept += scan->kept(length, chunk);
    starts = tape.arena().array<std::int32_t>(kept);
  }
  attributes.codes = scan;
  attributes.code_starts = starts;
  float* const scale = tape.arena().array<float>(shape.channels);
  for (std::size_t e = 0; e < shape.channels; ++e) {
    const std::size_t column = e * shape.groups / shape.channels * shape.states;  // of C, the first of the group
    scale[e] = static_cast<float>(tape[operands.C].column_scale(column)) *
               selective::scale_of(*operands.state, shape.channels, e);
  }
  y.scale = scale;
  y.layout = kernels::ScaleLayout::per_column;
  y.bound = tape[operands.C].bound * scan->plan.bound * static_cast<std::int64_t>(shape.states);
  y.site = operands.state;
  scan->run(tape, rows, chunk, starts, tape.new_codes(y, program::Width::four));
}

/// Of real numbers, some of them rounded.
void scan_rounded(Tape& tape, Node& y, SelectiveScanAttributes& attributes, const selective::Operands& operands) {
  const kernels::SelectiveShape& shape = attributes.shape;
  const std::size_t chunk = kernels::SelectiveScan(shape).chunk();
  selective::RoundedScan scan(operands, shape);
  float* starts = nullptr;
  if (tape.pass().gradients) {
    std::size_t kept = 0;
    for (std::size_t s = 0; s < attributes.count; ++s) kept += scan.kept(attributes.rows[s], chunk);
    starts = tape.arena().array<float>(kept);
  }
  attributes.starts = starts;
  attributes.rounded = true;
  y.real = tape.arena().array<float>(y.size());
  for_each_sequence(tape, y, attributes, [&](std::size_t, std::size_t first, const kernels::SelectiveInputs& arrays) {
    require<DivergedError>(scan.run(arrays, chunk, y.real + first * shape.channels, starts), "selective_scan",
                           "a state of {} is not finite",
                           operands.state != nullptr ? operands.state->site : operands.input->site);
    if (starts != nullptr) starts += scan.kept(arrays.length, chunk);
  });
  if (tape.pass().training) selective::observe(tape, operands, scan.largest_input(), scan.largest_state());
}

/// In float; what the sites would have seen is noted.
void scan_in_float(Tape& tape, Node& y, SelectiveScanAttributes& attributes, const selective::Operands& operands,
                   std::size_t first_sequence) {
  const kernels::SelectiveShape& shape = attributes.shape;
  const std::size_t states = shape.channels * shape.states;
  const auto active = [](const Quantizer* site) { return site != nullptr && site->spec.active(); };
  const bool observed = tape.pass().training && (active(operands.input) || active(operands.state));
  attributes.chunked = !observed;
  FloatScan scan(attributes);
  float* starts = nullptr;
  if (tape.pass().gradients) {
    std::size_t kept = 0;
    for (std::size_t s = 0; s < attributes.count; ++s) kept += scan.kept(attributes.rows[s]);
    starts = tape.arena().array<float>(kept);
  }
  float* const final = tape.arena().array<float>(attributes.count * states);
  attributes.starts = starts;
  attributes.final = final;
  y.real = tape.arena().array<float>(y.size());
  std::vector<float> input(shape.channels, 0.0F), state(shape.channels, 0.0F);
  const kernels::SelectiveMaxima seen =
      observed ? kernels::SelectiveMaxima{input.data(), state.data()} : kernels::SelectiveMaxima{};
  for_each_sequence(tape, y, attributes, [&](std::size_t s, std::size_t first, const kernels::SelectiveInputs& arrays) {
    const bool finite = scan.forward(arrays, y.real + first * shape.channels, final + s * states, starts, seen);
    require<DivergedError>(finite, "selective_scan", "a state of sequence {} is not finite", first_sequence + s);
    if (starts != nullptr) starts += scan.kept(arrays.length);
  });
  if (observed) selective::observe(tape, operands, input, state);
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

  Node& y =
      tape.push_bare(selective_scan_op, {in.u, in.delta, in.A_log, in.B, in.C, in.h0}, tape[in.u].rows, shape.channels);
  SelectiveScanAttributes attributes{shape, rows, sequences.count(), a, nullptr, nullptr, nullptr};
  const selective::Operands operands{in.u, in.delta, in.A_log, in.B, in.C, in.input, in.state};
  attributes.operands = tape.keep(operands);
  switch (selective::how_of(tape, operands, shape, in.h0.exists())) {
    case selective::How::on_codes:
      scan_on_codes(tape, y, attributes, operands);
      break;
    case selective::How::rounded:
      scan_rounded(tape, y, attributes, operands);
      break;
    case selective::How::in_float:
      scan_in_float(tape, y, attributes, operands, sequences.first);
      break;
  }
  y.attributes = tape.keep(attributes);
  return tape.last();
}

Value final_states(Tape& tape, Value y) {
  require(tape[y].op == &selective_scan_op, "final_states", "expected the result of selective_scan");
  auto attributes = *static_cast<const SelectiveScanAttributes*>(tape[y].attributes);
  require(attributes.final != nullptr, "final_states", "the states are rounded; a program keeps them");
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
