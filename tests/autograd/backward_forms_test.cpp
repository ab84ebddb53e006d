// The forms of backward against evolq_mobiletl_reference.h5: masks of one bit, norms whose scale does not train, a
// whole layer. What is double here is held to 1e-12, the tape to 2e-5.
#include "autograd/backward_forms.h"
#include "autograd/kernels/mask.h"
#include "autograd/ledger.h"
#include "autograd/ops.h"
#include "tests/support/models/formed_tape.h"
#include "tests/support/models/plain.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <string>
#include <vector>

namespace bitstate::tests::backward_forms_test {
namespace {

constexpr double in_double = 1e-12;

struct Function {
  std::function<double(double)> y, slope;
  Value (*op)(Tape&, Value) = nullptr;  ///< none: the library has no such op
};

double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

double gelu_slope(double x) {
  const double a = std::sqrt(2.0 / M_PI);
  const double t = std::tanh(a * (x + 0.044715 * x * x * x));
  return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * a * (1.0 + 3.0 * 0.044715 * x * x);
}

std::map<std::string, Function> functions() {
  const auto silu_slope = [](double x) { return sigmoid(x) * (1.0 + x * (1.0 - sigmoid(x))); };
  return {{"gelu_tanh",
           {[](double x) { return 0.5 * x * (1.0 + std::tanh(std::sqrt(2.0 / M_PI) * (x + 0.044715 * x * x * x))); },
            gelu_slope, ops::gelu}},
          {"silu", {[](double x) { return x * sigmoid(x); }, silu_slope, ops::silu}},
          {"sigmoid", {sigmoid, [](double x) { return sigmoid(x) * (1.0 - sigmoid(x)); }, ops::sigmoid}},
          {"hard_sigmoid",
           {[](double x) { return std::clamp(x + 3.0, 0.0, 6.0) / 6.0; },
            [](double x) { return std::fabs(x) < 3.0 ? 1.0 / 6.0 : 0.0; }, ops::hard_sigmoid}},
          {"hard_swish",
           {[](double x) { return x * std::clamp(x + 3.0, 0.0, 6.0) / 6.0; },
            [](double x) { return x <= -3.0  ? 0.0
                                  : x >= 3.0 ? 1.0
                                             : (2.0 * x + 3.0) / 6.0; }}},
          {"relu6",
           {[](double x) { return std::clamp(x, 0.0, 6.0); }, [](double x) { return x > 0.0 && x < 6.0 ? 1.0 : 0.0; }}},
          {"qgelu",
           {[](double x) { return x * std::clamp(x + 2.0, 0.0, 4.0) / 4.0; },
            [](double x) { return x < -2.0  ? 0.0
                                  : x > 2.0 ? 1.0
                                            : (x + 1.0) / 2.0; }, ops::qgelu}}};
}

Values mapped(const std::function<double(double)>& f, const Values& x) {
  Values y;
  for (const double v : x) y.push_back(f(v));
  return y;
}

Values product(const Values& a, const Values& b) {
  Values c;
  for (std::size_t i = 0; i < a.size(); ++i) c.push_back(a[i] * b[i]);
  return c;
}

/// Without the elements at a kink of a hard function: a derivative there is a convention, and a float may lie on it.
template <class T>
std::vector<T> off_kinks(const std::vector<T>& values, const Values& x) {
  const auto at_kink = [](double v) {
    return std::fabs(std::fabs(v) - 2.0) < 1e-6 || std::fabs(std::fabs(v) - 3.0) < 1e-6;
  };
  std::vector<T> kept;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!at_kink(x[i])) kept.push_back(values[i]);
  }
  return kept;
}

TEST_CASE("backward_forms: every function of /act has its value, its derivative and its mask") {
  const Golden golden = mobiletl_fixture();
  const Values x = golden.array("/act/x").values;
  const Values g = golden.array("/act/g").values;
  const auto known = functions();
  std::size_t seen = 0;
  for (const std::string& name : golden.list("/act")) {
    const std::string group = "/act/" + name;
    if (!golden.has(group, "rule")) continue;
    CAPTURE(name);
    REQUIRE(known.count(name) == 1);
    const Function& f = known.at(name);
    const std::string rule = golden.text(group, "rule");
    ++seen;
    CHECK(relative_error(mapped(f.y, x), golden.array(group + "/y").values) <= in_double);
    CHECK(relative_error(off_kinks(product(mapped(f.slope, x), g), x),
                         off_kinks(golden.array(group + "/exact").values, x)) <= in_double);
    if (rule == "none") continue;
    const auto marks = [&](double v) { return rule == "sign" ? v >= 0.0 : std::fabs(v) < 3.0; };
    const Values mask = mapped([&](double v) { return marks(v) ? 1.0 : 0.0; }, x);
    CHECK(relative_error(mask, golden.array(group + "/mask").values) == 0.0);
    const double slope = golden.number(group, "slope");
    CHECK(relative_error(product(mapped([&](double m) { return slope * m; }, mask), g),
                         golden.array(group + "/approx").values) <= in_double);
  }
  CHECK(seen == known.size());
}

/// Slopes of a function at points of N(0, std), each times the root of its share: sums of products are means.
Values slopes_at(const Function& f, const Values& x, const Values& root, ActBackward act) {
  if (f.op == nullptr) return product(mapped(f.slope, x), root);
  Formed formed(NormBackward::exact, act);
  const Value leaf = formed.leaf(x);
  const Value y = f.op(formed.tape, leaf);
  formed.tape.backward(y, floats(root));
  const std::vector<float> gradient = formed.gradient(leaf);
  return {gradient.begin(), gradient.end()};
}

double sum_of_products(const Values& a, const Values& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

double cosine_of(const Values& a, const Values& b) {
  return sum_of_products(a, b) / std::sqrt(sum_of_products(a, a) * sum_of_products(b, b));
}

TEST_CASE("backward_forms: how near the mask is to the slope of /act/quality, for operands of N(0, std)") {
  const Golden golden = mobiletl_fixture();
  const Values deviations = golden.array("/act/quality/std").values;
  const auto known = functions();
  constexpr double of_means = 5e-4;  // of 40,000 points in place of an integral
  std::size_t seen = 0;
  for (const char* const name : {"gelu_tanh", "silu", "qgelu", "hard_swish", "relu6"}) {
    const Function& f = known.at(name);
    const std::string group = std::string("/act/quality/") + name;
    const auto fixture = [&](const char* what) { return golden.array(group + what).values; };
    for (std::size_t d = 0; d < deviations.size(); ++d) {
      CAPTURE(name);
      CAPTURE(deviations[d]);
      Values x, root, negative, positive;
      for (int i = -20000; i < 20000; ++i) {
        const double z = (i + 0.5) * 8.0 / 20000.0;
        x.push_back(z * deviations[d]);
        root.push_back(std::exp(-0.25 * z * z));
        negative.push_back(z < 0.0 ? root.back() : 0.0);
        positive.push_back(z < 0.0 ? 0.0 : root.back());
      }
      const Values slope = slopes_at(f, x, root, ActBackward::exact);
      const Values mask = f.op == nullptr ? positive : slopes_at(f, x, root, ActBackward::sign);
      CHECK(relative_error(mask, positive) <= in_float);
      const double below = sum_of_products(slope, negative) / sum_of_products(negative, negative);
      const double above = sum_of_products(slope, positive) / sum_of_products(positive, positive);
      CHECK(std::fabs(cosine_of(slope, mask) - fixture("_cosine")[d]) <= of_means);
      CHECK(std::fabs(below - fixture("_slope_negative")[d]) <= of_means);
      CHECK(std::fabs(above - fixture("_slope_positive")[d]) <= of_means);
      Values two;
      for (std::size_t i = 0; i < x.size(); ++i) two.push_back(below * negative[i] + above * positive[i]);
      CHECK(std::fabs(cosine_of(slope, two) - fixture("_cosine_two_slopes")[d]) <= of_means);
      ++seen;
    }
  }
  CHECK(seen == 5 * 6);
  CHECK(4 * 5 + 1 == golden.list("/act/quality").size());
}

TEST_CASE("backward_forms: with act_backward=sign an activation goes back by its mask, and a gate exactly") {
  const Golden golden = mobiletl_fixture();
  const Values x = golden.array("/act/x").values;
  const std::vector<float> g = floats(golden.array("/act/g").values);
  for (const auto& [name, function] : functions()) {
    if (function.op == nullptr) continue;
    CAPTURE(name);
    const std::string group = "/act/" + name;
    const auto run = [&, op = function.op](ActBackward act) {
      Formed formed(NormBackward::exact, act);
      const Value in = formed.leaf(x);
      const Value y = op(formed.tape, in);
      CHECK(relative_error(formed.values(y), golden.array(group + "/y").values) <= in_float);
      const auto mask = formed.tape[y].mask;
      const bool masked = act == ActBackward::sign && golden.text(group, "rule") == "sign";
      CHECK(mask.size() == (masked ? (x.size() + 7) / 8 : 0));
      if (masked) {
        const auto packed = golden.integers(group + "/mask_packed");
        CHECK(std::equal(mask.begin(), mask.end(), packed.begin(), packed.end()));
        CHECK(formed.kept("mask") == Arena::taken_by(packed.size()));
      }
      formed.tape.backward(y, g);
      return formed.gradient(in);
    };
    const auto exact = run(ActBackward::exact);
    const auto sign = run(ActBackward::sign);
    CHECK(relative_error(off_kinks(exact, x), off_kinks(golden.array(group + "/exact").values, x)) <= in_float);
    if (golden.text(group, "rule") == "sign") {
      CHECK(relative_error(sign, golden.array(group + "/approx").values) <= in_float);
      CHECK(cosine(sign, exact) == doctest::Approx(golden.number(group, "cosine_derivative")).epsilon(0.002));
    } else {
      CHECK(sign == exact);
    }
  }
}

TEST_CASE("backward_forms: a SiLU that gates keeps its derivative") {
  const Golden golden = mobiletl_fixture();
  Formed formed(NormBackward::exact, ActBackward::sign);
  const Value in = formed.leaf(golden.array("/act/x").values);
  formed.tape.backward(ops::silu_gate(formed.tape, in), floats(golden.array("/act/g").values));
  CHECK(relative_error(formed.gradient(in), golden.array("/act/silu/exact").values) <= in_float);
}

TEST_CASE("backward_forms: an activation of codes too many for a table goes back by the signs of the codes") {
  const Golden golden = mobiletl_fixture();
  const Values x = golden.array("/act/x").values;
  const std::vector<float> g = floats(golden.array("/act/g").values);
  const Quantizer operand = quantizer_of("act:x", 12, {16.0F}), result = quantizer_of("act:y", 8, {16.0F});
  const auto gradient = [&](bool gives_back) {
    Formed formed(NormBackward::exact, ActBackward::sign, gives_back);
    const Value in = formed.leaf(x);
    const Value y = ops::quantize(formed.tape, ops::silu(formed.tape, ops::quantize(formed.tape, in, operand)), result);
    formed.tape.end_part(in, y);
    formed.tape.backward(y, g);
    return formed.gradient(in);
  };
  const std::vector<float> kept = gradient(false);
  CHECK(gradient(true) == kept);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double code = std::floor(x[i] * 2047.0 / 16.0 + 0.5);
    if (std::fabs(x[i]) < 15.9) CHECK(kept[i] == (code >= 0.0 ? g[i] : 0.0F));
  }
}

TEST_CASE("backward_forms: masks are packed as /mask says, without a bit behind the last") {
  const Golden golden = mobiletl_fixture();
  for (const std::string& name : golden.list("/mask")) {
    CAPTURE(name);
    const auto bits = golden.integers("/mask/" + name + "/bits");
    const auto bytes = golden.integers("/mask/" + name + "/bytes");
    REQUIRE(bytes.size() == kernels::bytes_of_bits(bits.size()));
    std::vector<float> x;
    for (std::size_t i = 0; i < bits.size(); ++i) x.push_back(bits[i] == 0 ? -1e-30F : i % 2 == 0 ? 0.0F : 3.0F);
    std::vector<std::uint8_t> packed(bytes.size(), 0xff);
    kernels::pack_signs(x.size(), x.data(), packed.data());
    CHECK(std::equal(packed.begin(), packed.end(), bytes.begin()));
    std::vector<float> g(bits.size(), 2.0F);
    kernels::keep_marked(g.size(), packed.data(), g.data());
    for (std::size_t i = 0; i < bits.size(); ++i) CHECK(g[i] == (bits[i] == 0 ? 0.0F : 2.0F));
  }
}

/// The derivative by x of <g, y> of a row, in double.
Values norm_gradient(const Values& x, const Values& gamma, const Values& g, double eps, NormBackward form) {
  const std::size_t h = gamma.size();
  Values dx(x.size());
  for (std::size_t t = 0; t < x.size() / h; ++t) {
    const auto mean_of = [&](auto value) {
      double sum = 0.0;
      for (std::size_t c = 0; c < h; ++c) sum += value(c);
      return sum / static_cast<double>(h);
    };
    const double mean = mean_of([&](std::size_t c) { return x[t * h + c]; });
    const double var = mean_of([&](std::size_t c) { return (x[t * h + c] - mean) * (x[t * h + c] - mean); });
    const double r = 1.0 / std::sqrt(var + eps);
    const auto d = [&](std::size_t c) { return gamma[c] * g[t * h + c]; };
    const auto n = [&](std::size_t c) { return (x[t * h + c] - mean) * r; };
    const double mean_d = form == NormBackward::frozen ? 0.0 : mean_of(d);
    const double mean_dn = form == NormBackward::exact ? mean_of([&](std::size_t c) { return d(c) * n(c); }) : 0.0;
    for (std::size_t c = 0; c < h; ++c) dx[t * h + c] = r * (d(c) - mean_d - n(c) * mean_dn);
  }
  return dx;
}

void check_layer_norm(const Golden& golden, const std::string& group) {
  const GoldenMatrix x = real_matrix(golden.array(group + "/x"));
  const Values gamma = golden.array(group + "/gamma").values;
  const Values g = golden.array(group + "/g").values;
  std::vector<float> exact;
  for (const NormBackward form : norm_forms) {
    CAPTURE(word_of(form));
    const std::string dx = group + "/dx_" + std::string(word_of(form));
    const Values expected = golden.array(dx).values;
    CHECK(relative_error(norm_gradient(x.values, gamma, g, golden.number(group, "eps"), form), expected) <= in_double);
    Formed formed(form);
    const Value in = formed.leaf(x), scale = formed.leaf(gamma),
                bias = formed.leaf(golden.array(group + "/beta").values);
    const Value y = ops::layer_norm(formed.tape, in, scale, bias);
    CHECK(relative_error(formed.values(y), golden.array(group + "/y").values) <= in_float);
    const auto of_rows = formed.tape[y].of_rows;
    const bool shift_only = form != NormBackward::exact;
    const std::size_t of_x = shift_only ? 0 : x.values.size() * sizeof(float);
    CHECK(of_rows.size_bytes() + of_x ==
          golden.count(group, shift_only ? "stored_bytes_shift_only" : "stored_bytes_exact"));
    CHECK(formed.kept("numbers of rows") == Arena::taken_by(of_rows.size_bytes()));
    if (shift_only) CHECK(relative_error(of_rows, golden.array(group + "/stored_inverse").values) <= in_float);
    formed.tape.backward(y, floats(g));
    CHECK(relative_error(formed.gradient(in), expected) <= in_float);
    CHECK(relative_error(formed.gradient(bias), golden.array(group + "/dbeta").values) <= in_float);
    if (shift_only) {
      CHECK(formed.gradient(scale).empty());
    } else {
      CHECK(relative_error(formed.gradient(scale), golden.array(group + "/dgamma_exact").values) <= in_float);
      exact = formed.gradient(in);
    }
    CHECK(cosine(formed.gradient(in), exact) ==
          doctest::Approx(golden.number(dx, "cosine_with_exact")).epsilon(in_float));
  }
}

TEST_CASE("backward_forms: every norm of /norm goes back in each form, and keeps what the form reads") {
  const Golden golden = mobiletl_fixture();
  std::size_t layers = 0;
  for (const std::string& name : golden.list("/norm")) {
    CAPTURE(name);
    if (name.rfind("layer_", 0) != 0) continue;
    ++layers;
    check_layer_norm(golden, "/norm/" + name);
  }
  CHECK(layers == 2);
}

TEST_CASE("backward_forms: RMSNorm has one approximation, in which nothing of it trains") {
  const Golden golden = mobiletl_fixture();
  const std::string group = "/norm/rms";
  const GoldenMatrix x = real_matrix(golden.array(group + "/x"));
  for (const NormBackward form : norm_forms) {
    CAPTURE(word_of(form));
    Formed formed(form);
    const Value in = formed.leaf(x), scale = formed.leaf(golden.array(group + "/gamma").values);
    const Value y = ops::rms_norm(formed.tape, in, scale);
    CHECK(relative_error(formed.values(y), golden.array(group + "/y").values) <= in_float);
    const bool exact = form == NormBackward::exact;
    CHECK(formed.tape[y].of_rows.size() == (exact ? 0 : x.rows));
    if (!exact) {
      CHECK(relative_error(formed.tape[y].of_rows, golden.array(group + "/stored_inverse").values) <= in_float);
    }
    formed.tape.backward(y, floats(golden.array(group + "/g").values));
    CHECK(relative_error(formed.gradient(in), golden.array(group + (exact ? "/dx_exact" : "/dx_frozen")).values) <=
          in_float);
    CHECK(formed.gradient(scale).empty() != exact);
  }
}

TEST_CASE("backward_forms: of running statistics BatchNorm is exact in every form, and keeps no operand") {
  const Golden golden = mobiletl_fixture();
  const std::string group = "/norm/batch_running";
  const std::vector<float> mean = floats(golden.array(group + "/mean").values);
  const std::vector<float> variance = floats(golden.array(group + "/var").values);
  std::vector<float> exact;
  for (const NormBackward form : norm_forms) {
    CAPTURE(word_of(form));
    Formed formed(form);
    const Value in = formed.leaf(real_matrix(golden.array(group + "/x")));
    const Value scale = formed.leaf(golden.array(group + "/gamma").values);
    const Value bias = formed.leaf(golden.array(group + "/beta").values);
    const Value y = ops::batch_norm(formed.tape, in, scale, bias, {mean, variance, 0});
    CHECK(relative_error(formed.values(y), golden.array(group + "/y").values) <= in_float);
    formed.tape.backward(y, floats(golden.array(group + "/g").values));
    if (form == NormBackward::exact) exact = formed.gradient(in);
    CHECK(formed.gradient(in) == exact);
    CHECK(relative_error(exact, golden.array(group + "/dx").values) <= in_float);
    CHECK(relative_error(formed.gradient(bias), golden.array(group + "/dbeta").values) <= in_float);
    CHECK(formed.gradient(scale).empty() != (form == NormBackward::exact));
  }
}

TEST_CASE("backward_forms: statistics of a batch are differentiated exactly in every form") {
  const Golden golden = mobiletl_fixture();
  const std::string group = "/norm/batch_running";
  std::vector<float> exact, of_scale;
  for (const NormBackward form : norm_forms) {
    Formed formed(form);
    Pass pass = formed.tape.pass();
    pass.training = true;
    formed.tape.begin(pass);
    const Value in = formed.leaf(real_matrix(golden.array(group + "/x")));
    const Value scale = formed.leaf(golden.array(group + "/gamma").values);
    const Value bias = formed.leaf(golden.array(group + "/beta").values);
    formed.tape.backward(ops::batch_norm(formed.tape, in, scale, bias, {}), floats(golden.array(group + "/g").values));
    if (form == NormBackward::exact) exact = formed.gradient(in), of_scale = formed.gradient(scale);
    CHECK(formed.gradient(in) == exact);
    CHECK(formed.gradient(scale) == of_scale);
  }
}

}  // namespace
}  // namespace bitstate::tests::backward_forms_test
