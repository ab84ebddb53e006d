// Every op of autograd/ops against central differences. An op without a case here fails the last test.
#include "autograd/ops.h"
#include "generated/op_names.h"
#include "tests/support/models/gradcheck.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>

namespace bitstate::tests::gradients_test {
namespace {

constexpr std::array<std::size_t, 3> rows = {4, 1, 3};  // three sequences, the last two padded or not
constexpr std::array<std::size_t, 3> lengths = {3, 1, 3};
constexpr Sequences sequences{rows, lengths, 0};
constexpr std::array<std::int32_t, 8> ids = {2, 0, 1, 1, 4, 2, 2, 0};
constexpr std::array<std::int32_t, 3> labels = {2, 0, 3};
constexpr std::array<std::int32_t, 3> some_labels = {2, ops::no_label, 3};

using Values = std::vector<Value>;

std::vector<float> ramp(std::size_t count, float low, float step) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = low + step * static_cast<float>(i);
  return values;
}

/// A quantizer fine enough that a central difference over many codes sees its straight-through gradient: 1 inside its
/// range, 0 outside.
Quantizer fine_quantizer(const char* site, QuantSpec::Range range, std::vector<float> ranges) {
  Quantizer quantizer;
  quantizer.declare(site);
  quantizer.channels = ranges.size();
  quantizer.spec = {16, range, ranges.size() > 1 ? QuantSpec::Granularity::channel : QuantSpec::Granularity::tensor};
  quantizer.range = std::move(ranges);
  return quantizer;
}

std::vector<GradientCase> discretize_cases() {
  std::vector<GradientCase> cases;
  const std::vector<Leaf> leaves = {{1, 3, -1.0, -0.3}, {1, 3, -4.0, -1.0}, {1, 3, -3.0, -1.0}};
  for (const auto method : {ops::Discretization::zoh, ops::Discretization::bilinear}) {
    const std::string name = method == ops::Discretization::zoh ? "zoh" : "bilinear";
    for (const bool clip : {false, true}) {
      const ops::DiscretizeOptions options{method, clip, 1.5};
      const std::string what = name + (clip ? " clip_eigs" : "");
      cases.push_back({"discretize", "lambda " + what, leaves, [options](Tape& t, const Values& v) {
                         return ops::discretize_lambda(t, v[0], v[1], v[2], options);
                       }});
      auto with_b = leaves;
      with_b.push_back({6, 2});
      cases.push_back({"discretize", "b " + what, with_b, [options](Tape& t, const Values& v) {
                         return ops::discretize_b(t, v[0], v[1], v[2], v[3], options);
                       }});
    }
  }
  const std::vector<Leaf> clipped = {{1, 3, 0.1, 0.5}, {1, 3, -4.0, -1.0}, {1, 3, -3.0, -1.0}};
  cases.push_back({"discretize", "lambda clipped: no gradient to Lambda_re", clipped, [](Tape& t, const Values& v) {
                     return ops::discretize_lambda(t, v[0], v[1], v[2], {ops::Discretization::zoh, true, 1.0});
                   }});
  return cases;
}

std::vector<GradientCase> scan_cases() {
  std::vector<GradientCase> cases;
  for (const auto form : {PoleSpec::Form::disk, PoleSpec::Form::delta}) {
    Quantizer poles = fine_quantizer("weight:layers.0.ssm.A", QuantSpec::Range::absmax, {});
    poles.spec.pole.form = form;
    cases.push_back({"quantize_lambda",
                     form == PoleSpec::Form::disk ? "disk" : "delta",
                     {{1, 6, -0.6, 0.6}},
                     [poles](Tape& t, const Values& v) { return ops::quantize_lambda(t, v[0], poles, true); },
                     0.1,
                     5e-3});
  }
  for (const auto direction : {ops::Direction::forward, ops::Direction::backward}) {
    const std::string name = direction == ops::Direction::forward ? "forward" : "backward";
    cases.push_back({"scan", name, {{1, 4, -0.7, 0.7}, {8, 4}}, [direction](Tape& t, const Values& v) {
                       return ops::scan(t, v[0], v[1], sequences, direction);
                     }});
    const Quantizer state = fine_quantizer("state:test", QuantSpec::Range::ema, {8.0F});
    cases.push_back({"scan",
                     name + ", finely quantized state",
                     {{1, 4, -0.7, 0.7}, {8, 4}},
                     [direction, state](Tape& t, const Values& v) {
                       return ops::scan(t, v[0], v[1], sequences, direction, &state);
                     },
                     0.1,
                     5e-3});
  }
  return cases;
}

/// The row of A with so many bits that differences see no steps.
Quantizer fine_shear() {
  Quantizer poles = fine_quantizer("weight:layers.0.ssm.A", QuantSpec::Range::absmax, {});
  poles.spec.pole.form = PoleSpec::Form::shear;
  poles.spec.pole.magnitude = 15;
  return poles;
}

std::vector<GradientCase> shear_cases() {
  static constexpr std::array<float, 4> lambda = {0.8F, 0.3F, -0.4F, -0.6F};
  const Quantizer poles = fine_shear();
  const auto constant = [poles](Tape& t) { return ops::quantize_lambda(t, t.input(1, 4, lambda.data()), poles, true); };
  std::vector<GradientCase> cases = {
      {"shear", "B", {{4, 3}}, [constant](Tape& t, const Values& v) { return ops::shear_b(t, v[0], constant(t)); }},
      {"shear", "readout", {{3, 4}}, [constant](Tape& t, const Values& v) {
         return ops::shear_readout(t, v[0], constant(t));
       }}};
  for (const auto direction : {ops::Direction::forward, ops::Direction::backward}) {
    const std::string name = direction == ops::Direction::forward ? "forward" : "backward";
    const Quantizer state = fine_quantizer("state:test", QuantSpec::Range::ema, {8.0F});
    cases.push_back({"scan_shear",
                     name + ", finely quantized state",
                     {{8, 4}},
                     [constant, direction, state](Tape& t, const Values& v) {
                       return ops::scan_shear(t, constant(t), v[0], sequences, direction, &state);
                     },
                     0.1,
                     5e-3});
    cases.push_back({"scan_shear",
                     name + ", from lambda to the readout",
                     {{1, 4, 0.35, 0.6}, {8, 3}, {4, 3}, {2, 4}},
                     [poles, direction](Tape& t, const Values& v) {
                       const Value l = ops::quantize_lambda(t, v[0], poles, false);
                       const Value bu = ops::linear(t, v[1], ops::shear_b(t, v[2], l));
                       const Value x = ops::scan_shear(t, l, bu, sequences, direction);
                       return ops::linear(t, x, ops::shear_readout(t, v[3], l));
                     },
                     0.05,
                     5e-3});
  }
  return cases;
}

std::vector<GradientCase> scan_tree_cases() {
  std::vector<GradientCase> cases;
  const std::vector<Leaf> leaves = {{1, 4, -0.7, 0.7}, {8, 4}};
  const Quantizer fine = fine_quantizer("state:test", QuantSpec::Range::absmax, {});
  for (const auto direction : {ops::Direction::forward, ops::Direction::backward}) {
    const std::string name = direction == ops::Direction::forward ? "forward" : "backward";
    cases.push_back({"scan_tree", name, leaves, [direction](Tape& t, const Values& v) {
                       return ops::scan_tree(t, v[0], v[1], sequences, {direction, {}, {}, false});
                     }});
    for (const bool gradients : {false, true}) {
      cases.push_back({"scan_tree", name + ", finely quantized" + (gradients ? " with its gradients" : ""), leaves,
                       [direction, fine, gradients](Tape& t, const Values& v) {
                         return ops::scan_tree(t, v[0], v[1], sequences, {direction, fine, fine, gradients});
                       },
                       0.1, 5e-3});
    }
  }
  return cases;
}

std::vector<GradientCase> elementwise_cases() {
  const auto unary = [](const char* op, const char* what, double low, double high, Value (*f)(Tape&, Value)) {
    return GradientCase{op, what, {{3, 5, low, high}}, [f](Tape& t, const Values& v) { return f(t, v[0]); }};
  };
  const auto binary = [](const char* op, std::size_t b_rows, Value (*f)(Tape&, Value, Value)) {
    return GradientCase{
        op, b_rows == 1 ? "one row" : "same shape", {{3, 4}, {b_rows, 4}}, [f](Tape& t, const Values& v) {
          return f(t, v[0], v[1]);
        }};
  };
  const auto product = [](Tape& t, Value a, Value b) { return ops::product(t, a, b); };
  return {unary("gelu", "around zero", -3.0, 3.0, ops::gelu),
          unary("sigmoid", "around zero", -4.0, 4.0, ops::sigmoid),
          unary("silu", "around zero", -4.0, 4.0, ops::silu),
          unary("softplus", "around zero", -4.0, 4.0, ops::softplus),
          unary("softplus", "above 20", 20.5, 22.0, ops::softplus),
          unary("qgelu", "middle", -1.9, 1.9, ops::qgelu),
          unary("qgelu", "above 2", 2.1, 4.0, ops::qgelu),
          unary("qgelu", "below -2", -4.0, -2.1, ops::qgelu),
          unary("hard_sigmoid", "middle", -2.9, 2.9, ops::hard_sigmoid),
          unary("hard_sigmoid", "above 3", 3.1, 5.0, ops::hard_sigmoid),
          unary("hard_sigmoid", "below -3", -5.0, -3.1, ops::hard_sigmoid),
          binary("sum", 3, ops::sum),
          binary("sum", 1, ops::sum),
          binary("product", 3, product),
          binary("product", 1, product),
          {"sum", "of a value with itself", {{2, 3}}, [](Tape& t, const Values& v) { return ops::sum(t, v[0], v[0]); }},
          {"product", "square", {{2, 3}}, [](Tape& t, const Values& v) { return ops::product(t, v[0], v[0]); }},
          {"conjugate",
           "rows",
           {{4, 3}},
           [](Tape& t, const Values& v) {
             static constexpr std::array signs = {-1.0F, 1.0F};
             return ops::conjugate_rows(t, v[0], signs);
           }},
          {"conjugate",
           "columns",
           {{3, 4}},
           [](Tape& t, const Values& v) {
             static constexpr std::array signs = {1.0F, -1.0F};
             return ops::conjugate_columns(t, v[0], signs);
           }},
          {"tied_dropout", "three sequences", {{8, 2}}, [](Tape& t, const Values& v) {
             return ops::tied_dropout(t, v[0], std::array<float, 6>{0.0F, 2.0F, 1.25F, 0.0F, 2.0F, 2.0F}, sequences);
           }}};
}

std::vector<GradientCase> norm_cases() {
  const ops::BatchStatistics statistics{{}, {}, 0};
  return {{"layer_norm",
           "with bias",
           {{3, 7}, {1, 7}, {1, 7}},
           [](Tape& t, const Values& v) { return ops::layer_norm(t, v[0], v[1], v[2]); }},
          {"layer_norm",
           "without bias, more channels than a vector",
           {{2, 37}, {1, 37}},
           [](Tape& t, const Values& v) { return ops::layer_norm(t, v[0], v[1]); }},
          {"batch_norm", "batch statistics", {{9, 3}, {1, 3}, {1, 3}}, [statistics](Tape& t, const Values& v) {
             return ops::batch_norm(t, v[0], v[1], v[2], statistics);
           }}};
}

/// Of selective models: with states before and after, in both directions.
std::vector<GradientCase> selective_cases() {
  std::vector<GradientCase> cases = {
      {"rms_norm",
       "one group, more channels than a vector",
       {{3, 37}, {1, 37}},
       [](Tape& t, const Values& v) { return ops::rms_norm(t, v[0], v[1]); }},
      {"rms_norm",
       "two groups",
       {{3, 6}, {1, 6}},
       [](Tape& t, const Values& v) { return ops::rms_norm(t, v[0], v[1], 2); }},
      {"hadamard", "power of two", {{3, 8}}, [](Tape& t, const Values& v) { return ops::hadamard(t, v[0]); }},
      {"hadamard", "not symmetric", {{2, 40}}, [](Tape& t, const Values& v) { return ops::hadamard(t, v[0]); }},
      {"part", "rows", {{5, 3}}, [](Tape& t, const Values& v) { return ops::part(t, v[0], 1, 3); }},
      {"part", "elements of a row", {{1, 7}}, [](Tape& t, const Values& v) { return ops::part(t, v[0], 2, 4); }},
      {"repeat", "three times", {{1, 5}}, [](Tape& t, const Values& v) { return ops::repeat(t, v[0], 3); }},
      {"columns", "in the middle", {{3, 5}}, [](Tape& t, const Values& v) { return ops::columns(t, v[0], 1, 3); }},
      {"clip", "inside", {{3, 5}}, [](Tape& t, const Values& v) { return ops::clip(t, v[0], -2.0F, 2.0F); }},
      {"clip", "outside: no gradient", {{3, 5}}, [](Tape& t, const Values& v) {
         return ops::clip(t, v[0], 2.0F, 3.0F);
       }}};
  for (const auto direction : {ops::Direction::forward, ops::Direction::backward}) {
    const std::string name = direction == ops::Direction::forward ? "forward" : "backward";
    cases.push_back({"causal_conv",
                     name + ", with a state",
                     {{8, 3}, {3, 4}, {1, 3}, {9, 3}},
                     [direction](Tape& t, const Values& v) {
                       return ops::causal_conv(t, v[0], v[1], v[2], sequences, direction, v[3]);
                     }});
    cases.push_back({"conv_state", name + ", with a state", {{8, 3}, {9, 3}}, [direction](Tape& t, const Values& v) {
                       return ops::conv_state(t, v[0], 4, sequences, direction, v[1]);
                     }});
    // 18 channels: a block of lanes and a part of one
    for (const auto& [heads, rates, groups] : {std::tuple(18, 3, 1), std::tuple(6, 1, 2)}) {
      const auto h = static_cast<std::size_t>(heads);
      const auto g = static_cast<std::size_t>(groups);
      const std::vector<Leaf> leaves = {{8, 18},    {8, h, 0.1, 1.0}, {h, static_cast<std::size_t>(rates), -1.0, 0.5},
                                        {8, 3 * g}, {8, 3 * g},       {54, 3}};
      const auto scan = [direction, g](Tape& t, const Values& v) {
        return ops::selective_scan(t, {v[0], v[1], v[2], v[3], v[4], v[5]}, g, sequences, direction);
      };
      const std::string what = name + (rates == 1 ? ", one rate per head" : ", one rate per state");
      cases.push_back({"selective_scan", what, leaves, scan});
      cases.push_back({"selective_scan", "final states, " + what, leaves,
                       [scan](Tape& t, const Values& v) { return ops::final_states(t, scan(t, v)); }});
    }
  }
  return cases;
}

std::vector<GradientCase> q_layer_norm_cases() {
  const std::vector<Leaf> leaves = {{8, 7}, {1, 7}, {1, 7}};
  const Quantizer fine = fine_quantizer("act:test", QuantSpec::Range::absmax, {});
  return {
      {"q_layer_norm", "not quantized, with bias", leaves,
       [](Tape& t, const Values& v) { return ops::q_layer_norm(t, v[0], v[1], v[2], {}, sequences); }},
      {"q_layer_norm", "finely quantized, with bias", leaves,
       [fine](Tape& t, const Values& v) { return ops::q_layer_norm(t, v[0], v[1], v[2], fine, sequences); }, 0.1, 5e-3},
      {"q_layer_norm",
       "finely quantized, without bias, more channels than a vector",
       {{8, 37}, {1, 37}},
       [fine](Tape& t, const Values& v) { return ops::q_layer_norm(t, v[0], v[1], {}, fine, sequences); },
       0.1,
       5e-3}};
}

std::vector<GradientCase> pooling_and_losses() {
  return {
      {"mean_pool",
       "masked by length",
       {{8, 3}},
       [](Tape& t, const Values& v) { return ops::mean_pool(t, v[0], sequences); }},
      {"last", "last true step", {{8, 3}}, [](Tape& t, const Values& v) { return ops::last(t, v[0], sequences); }},
      {"concatenate",
       "two widths",
       {{4, 2}, {4, 3}},
       [](Tape& t, const Values& v) { return ops::concatenate(t, v[0], v[1]); }},
      {"pair_features", "two pairs", {{4, 3}}, [](Tape& t, const Values& v) { return ops::pair_features(t, v[0]); }},
      {"cross_entropy",
       "three sequences",
       {{3, 4, -2.0, 2.0}},
       [](Tape& t, const Values& v) { return ops::cross_entropy(t, v[0], labels); }},
      {"cross_entropy",
       "a row without a label",
       {{3, 4, -2.0, 2.0}},
       [](Tape& t, const Values& v) { return ops::cross_entropy(t, v[0], some_labels); }},
      {"squared_error",
       "padding has no gradient",
       {{8, 2}},
       [](Tape& t, const Values& v) { return ops::squared_error(t, v[0], ramp(16, -1.0F, 0.1F), sequences); }},
      {"smape", "both signs", {{8, 2, 0.5, 1.5}}, [](Tape& t, const Values& v) {
         return ops::smape(t, v[0], ramp(16, -3.0F, 0.3F), sequences);
       }}};
}

std::vector<GradientCase> dense_cases() {
  return {
      {"linear",
       "with bias",
       {{5, 3}, {4, 3}, {1, 4}},
       [](Tape& t, const Values& v) { return ops::linear(t, v[0], v[1], v[2]); }},
      {"linear", "one input", {{5, 1}, {4, 1}}, [](Tape& t, const Values& v) { return ops::linear(t, v[0], v[1]); }},
      {"embedding", "repeated tokens", {{5, 3}}, [](Tape& t, const Values& v) { return ops::embedding(t, ids, v[0]); }},
      {"readout", "conj_sym", {{2, 6}}, [](Tape& t, const Values& v) { return ops::readout(t, v[0], true); }},
      {"readout", "no conj_sym", {{2, 6}}, [](Tape& t, const Values& v) { return ops::readout(t, v[0], false); }}};
}

std::vector<GradientCase> quantize_cases() {
  const auto quantized = [](const char* what, Quantizer q, double low, double high) {
    return GradientCase{
        "quantize", what, {{4, 3, low, high}}, [q](Tape& t, const Values& v) { return ops::quantize(t, v[0], q); },
        0.1,        5e-3};
  };
  return {quantized("inside a static range", fine_quantizer("act:test", QuantSpec::Range::ema, {2.0F}), -1.0, 1.0),
          quantized("clamped: no gradient", fine_quantizer("act:test", QuantSpec::Range::ema, {0.5F}), 0.7, 1.0),
          quantized("a range per channel", fine_quantizer("act:test", QuantSpec::Range::ema, {2.0F, 3.0F, 4.0F}), -1.0,
                    1.0),
          quantized("weight", fine_quantizer("weight:test", QuantSpec::Range::absmax, {}), -1.0, 1.0)};
}

std::vector<GradientCase> all_cases() {
  std::vector<GradientCase> all;
  for (const auto& cases :
       {dense_cases(), discretize_cases(), scan_cases(), shear_cases(), scan_tree_cases(), elementwise_cases(),
        norm_cases(), selective_cases(), q_layer_norm_cases(), pooling_and_losses(), quantize_cases()}) {
    all.insert(all.end(), cases.begin(), cases.end());
  }
  return all;
}

TEST_CASE("gradients: every op matches central differences") {
  for (const auto& test : all_cases()) {
    CAPTURE(test.op);
    CAPTURE(test.what);
    CHECK(gradient_error(test) < test.tolerance);
  }
}

TEST_CASE("gradients: no op is without a gradient check") {
  const auto cases = all_cases();
  for (const auto name : op_names) {
    CAPTURE(name);
    CHECK(std::any_of(cases.begin(), cases.end(), [&](const GradientCase& test) { return test.op == name; }));
  }
}

}  // namespace
}  // namespace bitstate::tests::gradients_test
