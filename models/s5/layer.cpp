#include "models/s5/layer.h"

#include "core/error.h"

#include <algorithm>
#include <string>
#include <utility>

namespace bitstate {

Activation activation_of(std::string_view name) {
  if (name == "full_glu") return Activation::full_glu;
  if (name == "half_glu1") return Activation::half_glu1;
  if (name == "half_glu2") return Activation::half_glu2;
  if (name == "gelu") return Activation::gelu;
  fail<UsageError>("s5_layer", "expected activation_fn to be full_glu, half_glu1, half_glu2 or gelu, got \"{}\"", name);
}

S5SSM::S5SSM(const S5LayerOptions& options, std::uint64_t seed, std::string_view path)
    : conj_sym(options.sizes.conj_sym),
      bidirectional(options.sizes.bidirectional),
      scan_tree(options.scan_tree),
      quantize_gradients(options.quantize_gradients),
      discretize(options.discretize) {
  S5Init init = s5_init(options.sizes, seed, path);
  const std::size_t states = init.Lambda_re.size();
  Lambda_re.value = std::move(init.Lambda_re);
  Lambda_im.value = std::move(init.Lambda_im);
  log_step.value = std::move(init.log_step);
  B.value = std::move(init.B);
  C1.value = std::move(init.C[0]);
  if (bidirectional) C2.value = std::move(init.C[1]);
  D.value = std::move(init.D);
  const std::size_t features = options.sizes.H;
  const std::size_t read = 2 * states * (bidirectional ? 2 : 1);
  b_quantizer.planes.rows = c_quantizer.planes.cols = x_quantizer.planes.cols = states;
  a_quantizer.poles = true;
  a_quantizer.powers = scan_tree;
  a_quantizer.conj_sym = conj_sym;
  a_quantizer.numbers = 2 * states;
  b_quantizer.channels = 2 * states;
  b_quantizer.numbers = B.value.size();
  c_quantizer.channels = features;
  c_quantizer.numbers = features * read;
  d_quantizer.numbers = features;
  u_quantizer.channels = u_quantizer.numbers = features;
  bu_quantizer.channels = bu_quantizer.numbers = 2 * states;
  state_quantizer.channels = states;
  state_quantizer.numbers = read;
  x_quantizer.channels = x_quantizer.numbers = read;
  cx_quantizer.channels = cx_quantizer.numbers = features;
}

S5SSM::Discrete S5SSM::discretized(Tape& tape) const {
  if (discrete) return {tape.parameter(Lambda_bar), tape.parameter(B_bar)};
  const Value re = tape.parameter(Lambda_re);
  const Value im = tape.parameter(Lambda_im);
  const Value step = tape.parameter(log_step);
  return {ops::discretize_lambda(tape, re, im, step, discretize),
          ops::discretize_b(tape, re, im, step, tape.parameter(B), discretize)};
}

void S5SSM::make_discrete() {
  if (discrete) return;
  Tape tape;
  tape.begin({});
  const Discrete system = discretized(tape);
  const auto keep = [&](Value v, Parameter& parameter) {
    const Node& node = tape[v];
    parameter.value = Tensor(node.rows, node.cols);
    std::copy_n(tape.value(v), node.size(), parameter.value.data.begin());
  };
  keep(system.lambda, Lambda_bar);
  keep(system.b, B_bar);
  for (Parameter* continuous : {&Lambda_re, &Lambda_im, &log_step, &B}) continuous->value = {};
  discrete = true;
}

Value S5SSM::forward(Tape& tape, Value u, const Sequences& sequences) const {
  Discrete system = discretized(tape);
  const PoleSpec& pole = a_quantizer.spec.pole;
  const bool angles = conj_sym && (pole.is_lookup() || pole.form == PoleSpec::Form::shear);  // have no sign
  const auto signs = angles ? ops::signs_below(tape, system.lambda) : std::span<const float>{};
  system = {ops::conjugate_columns(tape, system.lambda, signs), ops::conjugate_rows(tape, system.b, signs)};
  const Value lambda_bar = scan_tree ? system.lambda : ops::quantize_lambda(tape, system.lambda, a_quantizer, conj_sym);
  const bool shear = !scan_tree && a_quantizer.spec.is_shear();
  const Value b_bar = ops::quantize(tape, shear ? ops::shear_b(tape, system.b, lambda_bar) : system.b, b_quantizer);

  const Value input = ops::quantize(tape, u, u_quantizer, &sequences);
  const auto rounding = [&](const Quantizer& operand, const Quantizer& weight) {
    return ops::GradientRounding::of(quantize_gradients, operand, weight);
  };
  const Value bu = ops::quantize(tape, ops::linear(tape, input, b_bar, {}, rounding(u_quantizer, b_quantizer)),
                                 bu_quantizer, &sequences);
  if (bidirectional && tape[bu].has_codes()) static_cast<void>(tape.codes(bu));  // both directions read them
  const auto scanned = [&](ops::Direction direction) {
    if (scan_tree) {
      return ops::scan_tree(tape, lambda_bar, bu, sequences,
                            {direction, a_quantizer, state_quantizer, quantize_gradients});
    }
    return (shear ? ops::scan_shear : ops::scan)(tape, lambda_bar, bu, sequences, direction, &state_quantizer);
  };
  const auto readout = [&](const Parameter& parameter) {
    const Value c = ops::conjugate_columns(tape, ops::readout(tape, tape.parameter(parameter), conj_sym), signs);
    return shear ? ops::shear_readout(tape, c, lambda_bar) : c;
  };
  Value x = scanned(ops::Direction::forward);
  Value c = readout(C1);
  if (bidirectional) {
    x = ops::concatenate(tape, x, scanned(ops::Direction::backward));
    c = ops::concatenate(tape, c, readout(C2));
  }
  x = ops::quantize(tape, x, x_quantizer, &sequences);
  c = ops::quantize(tape, c, c_quantizer);
  const Value cx =
      ops::quantize(tape, ops::linear(tape, x, c, {}, rounding(x_quantizer, c_quantizer)), cx_quantizer, &sequences);
  const Value d = ops::quantize(tape, tape.parameter(D), d_quantizer);
  return ops::sum(tape, cx, ops::product(tape, input, d, rounding(u_quantizer, d_quantizer)));
}

Glu::Glu(const S5LayerOptions& options, std::uint64_t seed, std::string_view path)
    : activation(options.activation),
      qgelu(options.qgelu),
      hard_sigmoid(options.hard_sigmoid),
      quantize_gradients(options.quantize_gradients) {
  const std::size_t features = options.sizes.H;
  const std::string prefix(path);
  if (activation == Activation::full_glu) out1 = Linear(features, features, seed, prefix + ".out1");
  if (activation != Activation::gelu) out2 = Linear(features, features, seed, prefix + ".out2");
  for (Quantizer* site :
       {&gelu_quantizer, &x_quantizer, &value_quantizer, &gate_x_quantizer, &gate_quantizer, &y_quantizer}) {
    site->channels = site->numbers = features;
  }
}

Value Glu::forward(Tape& tape, Value v, const Sequences& sequences, const DropoutMasks& masks) const {
  const auto dropped = [&](Value x, std::span<const float> mask) {
    return mask.empty() ? x : ops::tied_dropout(tape, x, mask, sequences);
  };
  v = ops::quantize(tape, v, gelu_quantizer, &sequences);
  Value z = dropped(qgelu ? ops::qgelu(tape, v) : ops::gelu(tape, v), masks.first);
  z = ops::quantize(tape, z, x_quantizer, &sequences);
  if (activation == Activation::gelu) return z;
  const auto rounding = [&](const Quantizer& a, const Quantizer& b) {
    return ops::GradientRounding::of(quantize_gradients, a, b, &sequences);
  };
  const Value pre_gate = ops::quantize(tape, out2.forward(tape, z, rounding(x_quantizer, out2.weight_quantizer)),
                                       gate_x_quantizer, &sequences);
  const Value gate =
      ops::quantize(tape, hard_sigmoid ? ops::hard_sigmoid(tape, pre_gate) : ops::sigmoid(tape, pre_gate),
                    gate_quantizer, &sequences);
  Value gated = activation == Activation::half_glu2 ? v : z;
  if (activation == Activation::full_glu) {
    gated = ops::quantize(tape, out1.forward(tape, z, rounding(x_quantizer, out1.weight_quantizer)), value_quantizer,
                          &sequences);
  }
  const Quantizer& gated_quantizer = activation == Activation::full_glu    ? value_quantizer
                                     : activation == Activation::half_glu2 ? gelu_quantizer
                                                                           : x_quantizer;
  const Value product = ops::product(tape, gated, gate, rounding(gated_quantizer, gate_quantizer));
  const Value y = ops::quantize(tape, product, y_quantizer, &sequences);
  return dropped(y, masks.second);
}

S5Layer::S5Layer(const S5LayerOptions& options, std::uint64_t seed, std::string_view path)
    : norm(options.sizes.H, options.batchnorm, !options.prenorm, options.use_layernorm_bias),
      ssm(options, seed, std::string(path) + ".ssm"),
      glu(options, seed, std::string(path) + ".glu"),
      prenorm(options.prenorm) {
  norm.quantize_gradients = options.quantize_gradients;
  residual_quantizer.channels = residual_quantizer.numbers = options.sizes.H;
}

Value S5Layer::forward(Tape& tape, Value x, const Sequences& sequences, const DropoutMasks& masks) const {
  const Value input = prenorm ? norm.forward(tape, x, sequences) : x;
  const Value branch = glu.forward(tape, ssm.forward(tape, input, sequences), sequences, masks);
  const Value y = ops::quantize(tape, ops::sum(tape, x, branch), residual_quantizer, &sequences);
  return prenorm ? y : norm.forward(tape, y, sequences);
}

}  // namespace bitstate
