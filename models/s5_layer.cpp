#include "models/s5_layer.h"

#include "core/error.h"

#include <string>
#include <utility>

namespace bitstate {

Activation activation_of(std::string_view name) {
  if (name == "full_glu") return Activation::full_glu;
  if (name == "half_glu1") return Activation::half_glu1;
  if (name == "half_glu2") return Activation::half_glu2;
  if (name == "gelu") return Activation::gelu;
  fail<UsageError>("s5_layer", "activation_fn is \"{}\", allowed are full_glu, half_glu1, half_glu2, gelu", name);
}

S5SSM::S5SSM(const S5LayerOptions& options, std::uint64_t seed, std::string_view path)
    : conj_sym(options.sizes.conj_sym), bidirectional(options.sizes.bidirectional), discretize(options.discretize) {
  S5Init init = s5_init(options.sizes, seed, path);
  const std::size_t states = init.Lambda_re.size();
  Lambda_re.value = std::move(init.Lambda_re);
  Lambda_im.value = std::move(init.Lambda_im);
  log_step.value = std::move(init.log_step);
  B.value = std::move(init.B);
  C1.value = std::move(init.C[0]);
  if (bidirectional) C2.value = std::move(init.C[1]);
  D.value = std::move(init.D);
  u_quantizer.columns = options.sizes.H;
  state_quantizer.columns = states;
  x_quantizer.columns = 2 * states * (bidirectional ? 2 : 1);
}

Value S5SSM::forward(Tape& tape, Value u, const Sequences& sequences) const {
  const Value re = tape.parameter(Lambda_re);
  const Value im = tape.parameter(Lambda_im);
  const Value step = tape.parameter(log_step);
  const Value lambda_bar = ops::quantize(tape, ops::discretize_lambda(tape, re, im, step, discretize), a_quantizer);
  const Value b_bar =
      ops::quantize(tape, ops::discretize_b(tape, re, im, step, tape.parameter(B), discretize), b_quantizer);

  const Value input = ops::quantize(tape, u, u_quantizer, &sequences);
  const Value bu = ops::linear(tape, input, b_bar);
  const auto scanned = [&](ops::Direction direction) {
    return ops::scan(tape, lambda_bar, bu, sequences, direction, &state_quantizer);
  };
  Value x = scanned(ops::Direction::forward);
  Value c = ops::readout(tape, tape.parameter(C1), conj_sym);
  if (bidirectional) {
    x = ops::concatenate(tape, x, scanned(ops::Direction::backward));
    c = ops::concatenate(tape, c, ops::readout(tape, tape.parameter(C2), conj_sym));
  }
  x = ops::quantize(tape, x, x_quantizer, &sequences);
  const Value cx = ops::linear(tape, x, ops::quantize(tape, c, c_quantizer));
  const Value d = ops::quantize(tape, tape.parameter(D), d_quantizer);
  return ops::sum(tape, cx, ops::product(tape, input, d));
}

Glu::Glu(const S5LayerOptions& options, std::uint64_t seed, std::string_view path)
    : activation(options.activation), qgelu(options.qgelu), hard_sigmoid(options.hard_sigmoid) {
  const std::size_t features = options.sizes.H;
  const std::string prefix(path);
  if (activation == Activation::full_glu) out1 = Linear(features, features, seed, prefix + ".out1");
  if (activation != Activation::gelu) out2 = Linear(features, features, seed, prefix + ".out2");
  for (Quantizer* site : {&gelu_quantizer, &x_quantizer, &value_quantizer, &gate_quantizer}) site->columns = features;
}

Value Glu::forward(Tape& tape, Value v, const Sequences& sequences, const DropoutMasks& masks) const {
  const auto dropped = [&](Value x, std::span<const float> mask) {
    return mask.empty() ? x : ops::tied_dropout(tape, x, mask, sequences);
  };
  v = ops::quantize(tape, v, gelu_quantizer, &sequences);
  Value z = dropped(qgelu ? ops::qgelu(tape, v) : ops::gelu(tape, v), masks.first);
  if (activation == Activation::gelu) return z;
  z = ops::quantize(tape, z, x_quantizer, &sequences);
  const Value pre_gate = out2.forward(tape, z);
  const Value gate =
      ops::quantize(tape, hard_sigmoid ? ops::hard_sigmoid(tape, pre_gate) : ops::sigmoid(tape, pre_gate),
                    gate_quantizer, &sequences);
  Value gated = activation == Activation::half_glu2 ? v : z;
  if (activation == Activation::full_glu) {
    gated = ops::quantize(tape, out1.forward(tape, z), value_quantizer, &sequences);
  }
  return dropped(ops::product(tape, gated, gate), masks.second);
}

S5Layer::S5Layer(const S5LayerOptions& options, std::uint64_t seed, std::string_view path)
    : norm(options.sizes.H, options.batchnorm),
      ssm(options, seed, std::string(path) + ".ssm"),
      glu(options, seed, std::string(path) + ".glu"),
      prenorm(options.prenorm) {}

Value S5Layer::forward(Tape& tape, Value x, const Sequences& sequences, const DropoutMasks& masks) const {
  const Value input = prenorm ? norm.forward(tape, x) : x;
  const Value y = ops::sum(tape, x, glu.forward(tape, ssm.forward(tape, input, sequences), sequences, masks));
  return prenorm ? y : norm.forward(tape, y);
}

}  // namespace bitstate
