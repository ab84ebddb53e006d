// The ops of selective models against the reference in double precision (mamba_reference.h5): values and gradients.
#include "autograd/ops.h"
#include "core/io/hdf5.h"
#include "tests/support/models/mamba_golden.h"

#include <cmath>
#include <string>
#include <vector>

namespace bitstate::tests::mamba_ops_golden_test {
namespace {

/// The sequences of a case: Z of L steps.
struct EqualLengths {
  std::vector<std::size_t> rows;
  EqualLengths(std::size_t count, std::size_t length) : rows(count, length) {}
  [[nodiscard]] Sequences sequences() const { return {rows, rows, 0}; }
};

TEST_CASE("mamba: silu and softplus are those of the reference, also far from zero") {
  const MambaGolden golden;
  const Tensor x = golden.matrix("scalar/x");
  const auto check = [&](Value (*f)(Tape&, Value), const char* value, const char* derivative) {
    CAPTURE(value);
    GoldenPass pass;
    const Value leaf = pass.leaf(x);
    const Value y = f(pass.tape, leaf);
    const auto expected = golden.values(std::string("scalar/") + value);
    const auto slopes = golden.values(std::string("scalar/") + derivative);
    const auto got = value_of(pass.tape, y);
    pass.tape.backward(y, std::vector<float>(x.size(), 1.0F));
    for (std::size_t i = 0; i < expected.size(); ++i) {
      CAPTURE(x.data[i]);
      CHECK(std::fabs(double{got[i]} - expected[i]) <= 1e-6 * std::max(std::fabs(expected[i]), 1e-30) + 1e-37);
      CHECK(std::fabs(double{pass.gradient(leaf)[i]} - slopes[i]) <= 1e-6 * std::max(1.0, std::fabs(slopes[i])));
    }
  };
  check(ops::silu, "silu", "dsilu");
  check(ops::softplus, "softplus", "dsoftplus");
}

TEST_CASE("mamba: convolutions have the values, states and gradients of the reference") {
  const MambaGolden golden;
  const auto cases = golden.cases("conv", {"E", "K", "L", "Z", "initial_state"});
  CHECK(cases.size() == 6);
  for (const auto& at : cases) {
    CAPTURE(at);
    GoldenPass pass;
    const EqualLengths lengths(golden.count(at, "Z"), golden.count(at, "L"));
    const std::size_t taps = golden.count(at, "K");
    const Value x = pass.leaf(golden.matrix(at + "/in/x"));
    const Value w = pass.leaf(golden.matrix(at + "/in/w"));
    const Value b = pass.leaf(golden.matrix(at + "/in/b"));
    const Value before = golden.flag(at, "initial_state") ? pass.leaf(golden.matrix(at + "/in/state")) : Value{};
    const auto sequences = lengths.sequences();
    const Value conv = ops::causal_conv(pass.tape, x, w, b, sequences, ops::Direction::forward, before);
    const Value y = ops::silu(pass.tape, conv);
    CHECK(relative_error(value_of(pass.tape, conv), golden.values(at + "/out/conv")) <= close);
    CHECK(relative_error(value_of(pass.tape, y), golden.values(at + "/out/y")) <= close);
    Value state;
    if (taps > 1) {
      state = ops::conv_state(pass.tape, x, taps, sequences, ops::Direction::forward, before);
      CHECK(relative_error(value_of(pass.tape, state), golden.values(at + "/out/state")) <= close);
    }
    pass.backward({{y, golden.matrix(at + "/g")}, {state, golden.matrix_if(at + "/g_state")}});
    pass.check(golden, at + "/grad", {{"x", x}, {"w", w}, {"b", b}, {"state", before}});
  }
}

TEST_CASE("mamba: the selective scan has the values, states and gradients of the reference") {
  const MambaGolden golden;
  const auto cases = golden.cases("scan1", {"E", "L", "N", "Z", "gate", "initial_state"});
  CHECK(cases.size() == 4);
  for (const auto& at : cases) {
    CAPTURE(at);
    GoldenPass pass;
    const EqualLengths lengths(golden.count(at, "Z"), golden.count(at, "L"));
    const auto leaf = [&](const char* name) { return pass.leaf(golden.matrix(at + "/in/" + name)); };
    const Value u = leaf("u");
    const Value dt = leaf("dt");
    const Value dt_bias = leaf("dt_bias");
    const Value a_log = leaf("A_log");
    const Value b = leaf("B");
    const Value c = leaf("C");
    const Value d = leaf("D");
    const Value h0 = golden.flag(at, "initial_state") ? leaf("h0") : Value{};
    const Value z = golden.flag(at, "gate") ? leaf("z") : Value{};
    const Value delta = ops::softplus(pass.tape, ops::sum(pass.tape, dt, dt_bias));
    const Value scanned = ops::selective_scan(pass.tape, {u, delta, a_log, b, c, h0}, 1, lengths.sequences());
    const Value y = ops::sum(pass.tape, scanned, ops::product(pass.tape, u, d));
    const Value hT = ops::final_states(pass.tape, scanned);
    const Value out = z.exists() ? ops::product(pass.tape, y, ops::silu(pass.tape, z)) : y;
    CHECK(relative_error(value_of(pass.tape, delta), golden.values(at + "/out/delta")) <= close);
    CHECK(relative_error(value_of(pass.tape, y), golden.values(at + "/out/y")) <= close);
    CHECK(relative_error(value_of(pass.tape, out), golden.values(at + "/out/out")) <= close);
    CHECK(relative_error(value_of(pass.tape, hT), golden.values(at + "/out/hT")) <= close);
    pass.backward({{out, golden.matrix(at + "/g")}, {hT, golden.matrix_if(at + "/g_hT")}});
    pass.check(golden, at + "/grad",
               {{"u", u},
                {"dt", dt},
                {"dt_bias", dt_bias},
                {"A_log", a_log},
                {"B", b},
                {"C", c},
                {"D", d},
                {"h0", h0},
                {"z", z}});
  }
}

TEST_CASE("mamba: the scan with a rate per head has the values, states and gradients of the reference") {
  const MambaGolden golden;
  const auto cases = golden.cases("ssd", {"G", "H", "L", "N", "P", "Z", "chunk", "dt_max", "dt_min", "initial_state"});
  CHECK(cases.size() == 4);
  for (const auto& at : cases) {
    CAPTURE(at);
    GoldenPass pass;
    const EqualLengths lengths(golden.count(at, "Z"), golden.count(at, "L"));
    const std::size_t steps = golden.count(at, "Z") * golden.count(at, "L");
    const auto leaf = [&](const char* name) { return pass.leaf(golden.matrix(at + "/in/" + name)); };
    const auto of_steps = [&](const char* name) { return pass.leaf(golden.matrix(at + "/in/" + name, steps)); };
    const Value x = of_steps("x");
    const Value dt = of_steps("dt");
    const Value dt_bias = leaf("dt_bias");
    const Value a_log = leaf("A_log");
    const Value b = of_steps("B");
    const Value c = of_steps("C");
    const Value d = leaf("D");
    const Value h0 = golden.flag(at, "initial_state") ? leaf("h0") : Value{};
    const auto low = static_cast<float>(golden.number(at, "dt_min"));
    const auto high = static_cast<float>(golden.number(at, "dt_max"));
    const Value delta = ops::clip(pass.tape, ops::softplus(pass.tape, ops::sum(pass.tape, dt, dt_bias)), low, high);
    const Value scanned =
        ops::selective_scan(pass.tape, {x, delta, a_log, b, c, h0}, golden.count(at, "G"), lengths.sequences());
    const Value skip = ops::repeat(pass.tape, d, pass.tape[x].cols / pass.tape[d].cols);
    const Value y = ops::sum(pass.tape, scanned, ops::product(pass.tape, x, skip));
    const Value hT = ops::final_states(pass.tape, scanned);
    CHECK(relative_error(value_of(pass.tape, delta), golden.values(at + "/out/delta")) <= close);
    CHECK(relative_error(value_of(pass.tape, y), golden.values(at + "/out/y")) <= close);
    CHECK(relative_error(value_of(pass.tape, hT), golden.values(at + "/out/hT")) <= close);
    pass.backward({{y, golden.matrix(at + "/g")}, {hT, golden.matrix_if(at + "/g_hT")}});
    pass.check(
        golden, at + "/grad",
        {{"x", x}, {"dt", dt}, {"dt_bias", dt_bias}, {"A_log", a_log}, {"B", b}, {"C", c}, {"D", d}, {"h0", h0}});
  }
}

TEST_CASE("mamba: norms, gated before or after, have the values and gradients of the reference") {
  const MambaGolden golden;
  const auto cases = golden.cases("norm", {"eps", "gated", "groups", "n", "norm_before_gate", "rows"});
  CHECK(cases.size() == 5);
  for (const auto& at : cases) {
    CAPTURE(at);
    CHECK(golden.number(at, "eps") == 1e-5);
    GoldenPass pass;
    const std::size_t groups = golden.count(at, "groups");
    const Value x = pass.leaf(golden.matrix(at + "/in/x"));
    const Value w = pass.leaf(golden.matrix(at + "/in/w"));
    Value z;
    Value y;
    if (!golden.flag(at, "gated")) {
      y = ops::rms_norm(pass.tape, x, w, groups);
    } else {
      z = pass.leaf(golden.matrix(at + "/in/z"));
      const Value gate = ops::silu(pass.tape, z);
      y = golden.flag(at, "norm_before_gate") ? ops::product(pass.tape, ops::rms_norm(pass.tape, x, w, groups), gate)
                                              : ops::rms_norm(pass.tape, ops::product(pass.tape, x, gate), w, groups);
    }
    CHECK(relative_error(value_of(pass.tape, y), golden.values(at + "/out/y")) <= close);
    pass.backward({{y, golden.matrix(at + "/g")}});
    pass.check(golden, at + "/grad", {{"x", x}, {"w", w}, {"z", z}});
  }
}

TEST_CASE("mamba: the op hadamard has the values of the reference, and its transpose as gradient") {
  const MambaGolden golden;
  for (const auto& at : golden.cases("hadamard", {"symmetric"})) {
    CAPTURE(at);
    GoldenPass pass;
    const Tensor x = golden.matrix(at + "/x");
    const Value leaf = pass.leaf(x);
    const Value y = ops::hadamard(pass.tape, leaf);
    const auto expected = golden.values(at + "/y");
    CHECK(relative_error(value_of(pass.tape, y), expected) <= 1e-6);
    // H is orthogonal: what comes out of x, taken for a gradient, gives x again
    const std::vector<float> seed(expected.begin(), expected.end());
    pass.tape.backward(y, seed);
    CHECK(relative_error(pass.gradient(leaf), std::vector<double>(x.data.begin(), x.data.end())) <= 1e-6);
  }
}

}  // namespace
}  // namespace bitstate::tests::mamba_ops_golden_test
