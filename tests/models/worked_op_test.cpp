// The op that docs/library.md adds step by step; the page quotes this file.
#include "autograd/export.h"
#include "autograd/ops.h"
#include "core/error.h"
#include "core/program/run/operands.h"
#include "core/program/run/runner.h"
#include "core/random.h"
#include "tests/support/models/computed.h"
#include "tests/support/models/gradcheck.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

namespace bitstate::tests::worked_op_test {
namespace {

// dL/da = dL/db = g / 2
void backward(Tape& tape, const Node& node) {
  for (const Value input : node.inputs) {
    float* const dx = tape.gradient(input);  // null where nobody needs it
    for (std::size_t i = 0; dx != nullptr && i < node.size(); ++i) dx[i] += 0.5F * node.gradient[i];
  }
}

/// From codes of `from` to those of a + b, whose scale is twice that of the average.
std::vector<FixedPoint> factor_of(const Node& from, const Node& y) {
  return {to_fixed_point(double{from.scale[0]} / (2.0 * double{y.scale[0]}), "an average")};
}

/// The codes are those of a sum. They are computed when they are asked for, rounded by `then` if that is given.
void compute(Tape& tape, const Node& node, RowRange rows, const program::Rescaling* then,
             const program::MutableCodes& y) {
  const auto term = [&](Value v) {
    return program::Term{program::factors_of(tape.scratch(), factor_of(tape[v], node), node.cols),
                         tape.code_rows(v, rows)};
  };
  const program::Term a = term(node.inputs[0]);
  Tape::kernels().sum(a, term(node.inputs[1]), then, node.cols, rows.count, y);
}

void give_codes(Tape& tape, Node& y, const Node& a, const Node& b) {
  const double largest =
      static_cast<double>(a.bound) * a.column_scale(0) + static_cast<double>(b.bound) * b.column_scale(0);
  auto* const scale = tape.arena().array<float>(1);
  *scale = static_cast<float>(0.5 * largest * 0x1.0p-28);
  y.scale = scale;
  y.bound = kernels::fine_sum_bound;
}

void lower(Lowering& to, const Node& node) {
  const Value a = node.inputs[0], b = node.inputs[1];
  to.emit(program::Sum{to.value(a), to.value(b), factor_of(to.node(a), node), factor_of(to.node(b), node)});
}

constexpr Op op{"average", backward, lower, nullptr, {}, compute};

bool has_one_scale(const Node& x) { return x.has_codes() && x.layout == kernels::ScaleLayout::per_tensor; }

/// (a + b) / 2, [T, H] twice -> [T, H]
Value average(Tape& tape, Value a, Value b) {
  require(tape[a].rows == tape[b].rows && tape[a].cols == tape[b].cols, "average", "a is [{}, {}], b is [{}, {}]",
          tape[a].rows, tape[a].cols, tape[b].rows, tape[b].cols);
  Node& y = tape.push_bare(op, {a, b}, tape[a].rows, tape[a].cols);
  if (has_one_scale(tape[a]) && has_one_scale(tape[b])) {
    give_codes(tape, y, tape[a], tape[b]);
    return tape.last();
  }
  const float* const left = tape.value(a);
  const float* const right = tape.value(b);
  y.real = tape.arena().array<float>(y.size());
  for (std::size_t i = 0; i < y.size(); ++i) y.real[i] = 0.5F * (left[i] + right[i]);
  return tape.last();
}

Quantizer eight_bits(const char* site, float range) {
  Quantizer quantizer;
  quantizer.site = site;
  quantizer.spec = {8, QuantSpec::Range::ema};
  quantizer.range = {range};
  return quantizer;
}

TEST_CASE("worked op: its gradient is that of central differences") {
  const auto build = [](Tape& t, const std::vector<Value>& v) { return average(t, v[0], v[1]); };
  CHECK(gradient_error({"average", "", {{5, 3}, {5, 3}}, build}) < 1e-3);
}

/// average(q(x), q(gelu(q(x)))) of noise, rounded to 8 bits.
struct Rounded {
  Quantizer x_site = eight_bits("act:x", 3.0F), gelu_site = eight_bits("act:gelu", 2.0F),
            y_site = eight_bits("act:y", 2.0F);
  std::vector<float> noise = std::vector<float>(60);
  Tape tape;
  Value x, gelu, y, output;

  Rounded() {
    const Random random{1, random_stream("worked op")};
    for (std::size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<float>(random.normal(i));
    tape.begin({});
    x = ops::quantize(tape, tape.input(20, 3, noise.data()), x_site);
    gelu = ops::quantize(tape, ops::gelu(tape, x), gelu_site);
    y = average(tape, x, gelu);
    output = ops::quantize(tape, y, y_site);
  }
};

TEST_CASE("worked op: on codes it is the average to the last of its 28 bits") {
  Rounded r;
  REQUIRE(r.tape[r.y].has_codes());
  const Computed x = computed(r.tape, r.x), gelu = computed(r.tape, r.gelu), y = computed(r.tape, r.y);
  for (std::size_t i = 0; i < r.noise.size(); ++i) {
    const double exact = 0.5 * (double{x.value[i]} + double{gelu.value[i]});
    const double code = static_cast<double>(y.codes[i]) * double{y.scale[0]};
    CHECK(std::fabs(code - exact) <= 4.0 * double{y.scale[0]});
  }
}

TEST_CASE("worked op: the program gives the codes of the forward") {
  Rounded r;
  const program::Runner runner(export_program(r.tape, r.output, "worked op", false, 0));
  const Computed x = computed(r.tape, r.x);
  const Computed y = computed(r.tape, r.output);
  CHECK(runner.run(x.codes) == y.codes);
}

}  // namespace
}  // namespace bitstate::tests::worked_op_test
