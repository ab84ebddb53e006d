// A whole layer in each form of backward: /layer of evolq_mobiletl_reference.h5.
#include "autograd/ledger.h"
#include "autograd/ops.h"
#include "tests/support/models/formed_tape.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <complex>
#include <map>
#include <string>
#include <vector>

namespace bitstate::tests::backward_forms_layer_test {
namespace {

/// The S5 layer of /layer: prenorm, Λ̄, B̄, C, D and half_glu1.
struct LayerRun {
  Formed formed;
  std::map<std::string, Value> leaves;
  Value v, y;

  LayerRun(const Golden& golden, NormBackward norm, ActBackward act, bool gives_back = false)
      : formed(norm, act, gives_back) {
    Tape& tape = formed.tape;
    const auto leaf = [&](const char* name) {
      const GoldenArray array = golden.array(std::string("/layer/param_") + name);
      const bool rows = array.complex && array.shape.size() == 2 && std::string_view(name) == "B";
      leaves[name] = formed.leaf(rows            ? planar_rows(array)
                                 : array.complex ? planar_columns(array)
                                                 : real_matrix(array));
      return leaves[name];
    };
    const Value x = leaves["x"] = formed.leaf(real_matrix(golden.array("/layer/x")));
    const Value gamma = leaf("gamma"), beta = leaf("beta");
    const Value u = ops::layer_norm(tape, x, gamma, beta);
    static constexpr std::array<std::size_t, 1> rows{9};
    const Value states =
        ops::scan(tape, leaf("lam"), ops::linear(tape, u, leaf("B")), {rows, rows}, ops::Direction::forward);
    const Value cx = ops::linear(tape, states, ops::readout(tape, leaf("C"), true));
    v = ops::sum(tape, cx, ops::product(tape, u, leaf("D")));
    const Value z = ops::gelu(tape, v);
    const Value weight = leaf("W"), bias = leaf("b");
    const Value gate = ops::sigmoid(tape, ops::linear(tape, z, weight, bias));
    y = ops::sum(tape, x, ops::product(tape, z, gate));
    tape.end_part(x, y);
  }
};

/// The same layer in double.
class DoubleLayer {
 public:
  explicit DoubleLayer(const Golden& golden)
      : x_(golden.array("/layer/x").values),
        gamma_(golden.array("/layer/param_gamma").values),
        d_(golden.array("/layer/param_D").values),
        w_(golden.array("/layer/param_W").values),
        b_(golden.array("/layer/param_b").values),
        lambda_(golden.array("/layer/param_lam").complex_values()),
        in_(golden.array("/layer/param_B").complex_values()),
        out_(golden.array("/layer/param_C").complex_values()) {}

  [[nodiscard]] Values operator()(const Values& beta) const {
    const std::size_t h = beta.size();
    std::vector<std::complex<double>> state(lambda_.size());
    Values y;
    for (std::size_t t = 0; t < x_.size() / h; ++t) {
      const Values u = normalised(t * h, beta);
      for (std::size_t p = 0; p < state.size(); ++p) {
        state[p] *= lambda_[p];
        for (std::size_t c = 0; c < h; ++c) state[p] += in_[p * h + c] * u[c];
      }
      Values z;
      for (std::size_t c = 0; c < h; ++c) {
        double v = d_[c] * u[c];
        for (std::size_t p = 0; p < state.size(); ++p) v += 2.0 * (out_[c * state.size() + p] * state[p]).real();
        z.push_back(0.5 * v * (1.0 + std::tanh(std::sqrt(2.0 / M_PI) * (v + 0.044715 * v * v * v))));
      }
      for (std::size_t c = 0; c < h; ++c) {
        double gate = b_[c];
        for (std::size_t k = 0; k < h; ++k) gate += w_[c * h + k] * z[k];
        y.push_back(x_[t * h + c] + z[c] / (1.0 + std::exp(-gate)));
      }
    }
    return y;
  }

 private:
  [[nodiscard]] Values normalised(std::size_t first, const Values& beta) const {
    const auto count = static_cast<double>(beta.size());
    double mean = 0.0, variance = 0.0;
    for (std::size_t c = 0; c < beta.size(); ++c) mean += x_[first + c] / count;
    for (std::size_t c = 0; c < beta.size(); ++c) variance += std::pow(x_[first + c] - mean, 2.0) / count;
    Values u;
    for (std::size_t c = 0; c < beta.size(); ++c) {
      u.push_back(gamma_[c] * (x_[first + c] - mean) / std::sqrt(variance + 1e-6) + beta[c]);
    }
    return u;
  }

  Values x_, gamma_, d_, w_, b_;
  std::vector<std::complex<double>> lambda_, in_, out_;
};

TEST_CASE("backward_forms: the shift's gradient is that of central differences in every form of the norm") {
  const Golden golden = mobiletl_fixture();
  const DoubleLayer layer(golden);
  const Values beta = golden.array("/layer/param_beta").values;
  const Values g = golden.array("/layer/g").values;
  REQUIRE(relative_error(layer(beta), golden.array("/layer/y").values) <= 1e-12);
  const auto loss = [&](std::size_t c, double step) {
    Values moved = beta;
    moved[c] += step;
    const Values y = layer(moved);
    double sum = 0.0;
    for (std::size_t i = 0; i < y.size(); ++i) sum += g[i] * y[i];
    return sum;
  };
  Values differences;
  for (std::size_t c = 0; c < beta.size(); ++c) differences.push_back((loss(c, 1e-5) - loss(c, -1e-5)) / 2e-5);
  for (const NormBackward norm : norm_forms) {
    CAPTURE(word_of(norm));
    LayerRun run(golden, norm, ActBackward::exact);
    run.formed.tape.backward(run.y, floats(g));
    CHECK(relative_error(run.formed.gradient(run.leaves.at("beta")), differences) <= 1e-4);
  }
}

TEST_CASE("backward_forms: the gradients of a layer are those of /layer in each form") {
  const Golden golden = mobiletl_fixture();
  std::map<std::string, std::vector<float>> exact;
  for (const ActBackward act : {ActBackward::exact, ActBackward::sign}) {
    for (const NormBackward norm : norm_forms) {
      const std::string group = fmt::format("/layer/grad_{}_{}", word_of(act), word_of(norm));
      CAPTURE(group);
      LayerRun run(golden, norm, act);
      CHECK(relative_error(run.formed.values(run.v), golden.array("/layer/gelu_in").values) <= in_float);
      CHECK(relative_error(run.formed.values(run.y), golden.array("/layer/y").values) <= in_float);
      run.formed.tape.backward(run.y, floats(golden.array("/layer/g").values));
      for (const std::string& name : golden.list(group)) {
        CAPTURE(name);
        const std::string path = group + "/" + name;
        const std::vector<float> got = run.formed.gradient(run.leaves.at(name));
        if (name == "gamma" && norm != NormBackward::exact) {
          CHECK(got.empty());
          continue;
        }
        const GoldenArray array = golden.array(path);
        const Values expected = name == "B"     ? planar_rows(array).values
                                : array.complex ? planar_columns(array).values
                                                : array.values;
        CHECK(relative_error(got, expected) <= in_float);
        if (exact.count(name) == 0) exact[name] = got;
        CHECK(cosine(got, exact[name]) == doctest::Approx(golden.number(path, "cosine_with_exact")).epsilon(in_float));
        if (name == "W" || name == "b") CHECK(got == exact[name]);  // behind every approximation
        if (act == ActBackward::exact && name != "x") CHECK(got == exact[name]);
      }
    }
  }
  CHECK(exact.size() == 9);
}

/// What the ledger lists, by op and kind.
std::map<std::string, std::size_t> kept_arrays(const Tape& tape) {
  std::map<std::string, std::size_t> bytes;
  for (const LedgerEntry& entry : ledger(tape)) {
    bytes[std::string(tape[entry.node].op->name) + ", " + std::string(entry.what)] += entry.bytes;
  }
  return bytes;
}

TEST_CASE("backward_forms: a layer that gives back keeps what each form reads, to the byte, and its gradients' bits") {
  const Golden golden = mobiletl_fixture();
  constexpr std::size_t steps = 9, features = 6, state = 8;
  const std::size_t of_features = Arena::taken_by(steps * features * sizeof(float));
  std::size_t taken = 0, listed = 0;  // by the exact forms
  for (const ActBackward act : {ActBackward::exact, ActBackward::sign}) {
    for (const NormBackward norm : norm_forms) {
      CAPTURE(word_of(act));
      CAPTURE(word_of(norm));
      LayerRun kept(golden, norm, act), given(golden, norm, act, true);
      const bool exact_norm = norm == NormBackward::exact;
      std::map<std::string, std::size_t> expected{
          {"layer_norm, real numbers", of_features},
          {"layer_norm, numbers of rows", Arena::taken_by(steps * (exact_norm ? 2 : 1) * sizeof(float))},
          {"scan, real numbers", Arena::taken_by(steps * state * sizeof(float))},
          {"readout, real numbers", Arena::taken_by(features * state * sizeof(float))},
          {"gelu, real numbers", of_features},
          {"sigmoid, real numbers", of_features},
          {"sum, real numbers", of_features}};  // the result
      if (act == ActBackward::exact) expected["sum, real numbers"] += of_features;
      if (act == ActBackward::sign) expected["gelu, mask"] = Arena::taken_by((steps * features + 7) / 8);
      CHECK(kept_arrays(given.formed.tape) == expected);
      std::size_t sum = 0;
      for (const auto& [what, bytes] : expected) sum += bytes;
      const std::size_t used = given.formed.tape.used_bytes() - given.formed.tape.given_back_bytes();
      if (taken == 0) taken = used, listed = sum;
      CHECK(used + listed == taken + sum);  // what a form does not list it does not take
      for (LayerRun* const run : {&kept, &given}) {
        run->formed.tape.backward(run->y, floats(golden.array("/layer/g").values));
      }
      for (const auto& [name, leaf] : kept.leaves) {
        CAPTURE(name);
        CHECK(given.formed.gradient(given.leaves.at(name)) == kept.formed.gradient(leaf));
      }
    }
  }
}

}  // namespace
}  // namespace bitstate::tests::backward_forms_layer_test
