#include "tests/support/models/integer_reference.h"

#include "tests/support/models/computed.h"
#include "tests/support/models/plain_ops.h"

#include <utility>

namespace bitstate::tests {
namespace {

/// The float32 arrays that are given: discretised matrices and readout.
Tensor discretised_lambda(const S5SSM& ssm) {
  if (ssm.discrete) return ssm.Lambda_bar.value;
  Tape tape;
  tape.begin({});
  const Computed node =
      computed(tape, ops::discretize_lambda(tape, tape.parameter(ssm.Lambda_re), tape.parameter(ssm.Lambda_im),
                                            tape.parameter(ssm.log_step), ssm.discretize));
  Tensor out(node.rows, node.cols);
  out.data.assign(node.value.begin(), node.value.end());
  return out;
}

Tensor discretised_b(const S5SSM& ssm) {
  if (ssm.discrete) return ssm.B_bar.value;
  Tape tape;
  tape.begin({});
  const Computed node =
      computed(tape, ops::discretize_b(tape, tape.parameter(ssm.Lambda_re), tape.parameter(ssm.Lambda_im),
                                       tape.parameter(ssm.log_step), tape.parameter(ssm.B), ssm.discretize));
  Tensor out(node.rows, node.cols);
  out.data.assign(node.value.begin(), node.value.end());
  return out;
}

/// k [Re C | -Im C], those of both directions side by side.
Tensor readout(const S5SSM& ssm) {
  const float k = ssm.conj_sym ? 2.0F : 1.0F;
  const std::size_t cols = ssm.C1.value.cols;
  Tensor out(ssm.C1.value.rows, cols * (ssm.bidirectional ? 2 : 1));
  for (std::size_t r = 0; r < out.rows; ++r) {
    for (std::size_t c = 0; c < out.cols; ++c) {
      const Tensor& from = c < cols ? ssm.C1.value : ssm.C2.value;
      out(r, c) = (c % cols < cols / 2 ? k : -k) * from(r, c % cols);
    }
  }
  return out;
}

/// Lambda_bar, B_bar and the readout of a layer. Where codes are angles without a sign, states above the real axis are
/// replaced by their conjugates.
struct System {
  Tensor lambda, b, c;

  explicit System(const S5SSM& ssm) : lambda(discretised_lambda(ssm)), b(discretised_b(ssm)), c(readout(ssm)) {
    const std::size_t states = lambda.size() / 2;
    const auto form = ssm.a_quantizer.spec.pole.form;
    using Form = PoleSpec::Form;
    const bool unsigned_angle = form == Form::polar || form == Form::log_polar || form == Form::shear;
    for (std::size_t p = states; p < 2 * states; ++p) {
      if (!ssm.conj_sym || !unsigned_angle || lambda.data[p] <= 0.0F) continue;
      lambda.data[p] = -lambda.data[p];
      for (std::size_t h = 0; h < b.cols; ++h) b(p, h) = -b(p, h);
      for (std::size_t r = 0; r < c.rows; ++r) {
        for (std::size_t k = p; k < c.cols; k += 2 * states) c(r, k) = -c(r, k);
      }
    }
  }
};

/// The rows of B_bar in the coordinates of form=shear: T and [1 0; -e 1] of each state.
Tensor sheared_rows(Tensor b, const std::vector<PlainShear>& shears) {
  for (std::size_t s = 0; s < shears.size(); ++s) {
    for (std::size_t h = 0; h < b.cols; ++h) {
      float& im = b(shears.size() + s, h);
      im = static_cast<float>(shears[s].q() * double{im} - shears[s].p() * double{b(s, h)});
    }
  }
  return b;
}

/// The columns of the readout times T^-1, in one block or two.
Tensor sheared_columns(Tensor c, const std::vector<PlainShear>& shears) {
  const std::size_t states = shears.size();
  for (std::size_t r = 0; r < c.rows; ++r) {
    for (std::size_t first = 0; first < c.cols; first += 2 * states) {
      for (std::size_t s = 0; s < states; ++s) {
        float& re = c(r, first + s);
        float& im = c(r, first + states + s);
        re = static_cast<float>(double{re} - shears[s].p() / shears[s].q() * double{im});
        im = static_cast<float>(double{im} / shears[s].q());
      }
    }
  }
  return c;
}

/// Walks a model, in the order in which docs/numerics.md lists the sites.
class Walk {
 public:
  Walk(const Batch& batch, Mutation mutation) : batch_(batch), mutation_(mutation), ops_(mutation) {}

  PlainTrace take() { return std::move(trace_); }
  PlainTrace stop(const FloatOperation& at) {
    trace_.float_at = at.name;
    return take();
  }

  Plain stack(const S5Stack& stack) {
    Plain x = stack.tokens ? tokens(stack.embedding) : values(stack);
    x = quantized(std::move(x), stack.encoder_quantizer);
    for (const S5Layer& part : stack.layers) x = layer(part, x);
    return x;
  }

  Plain pooled(const Plain& x, bool last) {
    return last ? record("last", ops_.last(x, batch_.sequences))
                : record("mean_pool", ops_.mean_pool(x, batch_.sequences));
  }

  Plain decoded(const Plain& x, const Linear& decoder, const Quantizer& operand, const Quantizer& result) {
    const Plain q = quantized(x, operand);
    return quantized(linear(q, decoder), result);
  }

 private:
  Plain record(std::string_view name, Plain result) {
    trace_.records.push_back({std::string(name), result, !result.value.empty()});
    return result;
  }

  /// Recorded under the site, where it quantizes.
  Plain quantized(Plain x, const Quantizer& site) {
    return site.spec.active() ? record(site.site, ops_.quantize(x, site)) : x;
  }
  Plain constant(const Tensor& values, const Quantizer& site) {
    return constant(plain_constant(site, values, mutation_), site);
  }
  Plain constant(Plain value, const Quantizer& site) {
    return value.has_codes() ? record(site.site, std::move(value)) : value;
  }
  Plain linear(const Plain& x, const Linear& part) {
    const Plain weight = constant(part.weight.value, part.weight_quantizer);
    const Plain bias = constant(part.bias.value, part.bias_quantizer);
    return record("linear", ops_.linear(x, weight, bias));
  }
  Plain table(const Plain& x, Function function, const Quantizer& site) {
    return record(site.site, ops_.table(x, function, site));
  }

  Plain tokens(const Embedding& part) {
    const Plain table = constant(part.weight.value, part.weight_quantizer);
    const Plain bias = constant(part.bias.value, part.bias_quantizer);
    if (!table.has_one_scale()) return real_rows(table, bias);
    const Plain x = record("embedding", ops_.embedding(batch_.tokens, table));
    return record("sum", ops_.sum(x, bias));
  }

  /// In float32, for a quantizer that follows.
  Plain real_rows(const Plain& table, const Plain& bias) const {
    Plain x;
    x.rows = batch_.tokens.size();
    x.cols = table.cols;
    for (const std::int32_t id : batch_.tokens) {
      for (std::size_t c = 0; c < x.cols; ++c) {
        x.value.push_back(table.value[static_cast<std::size_t>(id) * x.cols + c] + bias.value[c]);
      }
    }
    return x;
  }

  Plain values(const S5Stack& stack) {
    Plain x;
    x.cols = stack.encoder.weight.value.cols;
    x.rows = batch_.x.size() / x.cols;
    x.value.assign(batch_.x.begin(), batch_.x.end());
    return linear(quantized(std::move(x), stack.input_quantizer), stack.encoder);
  }

  Plain norm(const Plain& x, const Norm& part) {
    const Plain factor = constant(part.scale.value, part.scale_quantizer);
    const Plain offset = part.biased ? constant(part.bias.value, part.bias_quantizer) : Plain{};
    if (!part.batch && part.output_quantizer.spec.active() && part.output_quantizer.spec.is_dynamic()) {
      throw FloatOperation{"q_layer_norm"};
    }
    const Plain y = part.batch ? record("batch_norm", ops_.batch_norm(x, factor, offset, part.running_mean.value,
                                                                      part.running_variance.value))
                               : record("layer_norm", ops_.layer_norm(x, factor, offset));
    return quantized(y, part.output_quantizer);
  }

  Plain ssm(const Plain& input, const S5SSM& part) {
    const System system(part);
    const Plain lambda =
        constant(plain_lambda(part.a_quantizer, system.lambda, part.conj_sym, mutation_), part.a_quantizer);
    const bool is_shear = part.a_quantizer.spec.is_shear();
    std::vector<PlainShear> shears;
    if (is_shear) shears = plain_shear(part.a_quantizer.spec, system.lambda, part.conj_sym);
    const Plain b = constant(is_shear ? sheared_rows(system.b, shears) : system.b, part.b_quantizer);
    const Plain u = quantized(input, part.u_quantizer);
    const Plain bu = quantized(record("linear", ops_.linear(u, b, {})), part.bu_quantizer);
    const auto scanned = [&](bool forward) {
      const Quantizer& state = part.state_quantizer;
      return record(state.site, is_shear ? ops_.scan_shear(lambda, shears, bu, batch_.sequences, forward, state)
                                         : ops_.scan(lambda, bu, batch_.sequences, forward, state));
    };
    Plain x = scanned(true);
    if (part.bidirectional) x = record("concatenate", ops_.concatenate(x, scanned(false)));
    x = quantized(std::move(x), part.x_quantizer);
    const Plain c = constant(is_shear ? sheared_columns(system.c, shears) : system.c, part.c_quantizer);
    const Plain cx = quantized(record("linear", ops_.linear(x, c, {})), part.cx_quantizer);
    const Plain d = constant(part.D.value, part.d_quantizer);
    return record("sum", ops_.sum(cx, record("product", ops_.product(u, d))));
  }

  Plain glu(const Plain& y, const Glu& part) {
    const Plain v = quantized(y, part.gelu_quantizer);
    const Plain z = table(v, part.qgelu ? Function::qgelu : Function::gelu, part.x_quantizer);
    if (part.activation == Activation::gelu) return z;
    const Plain pre = quantized(linear(z, part.out2), part.gate_x_quantizer);
    const Plain gate = table(pre, part.hard_sigmoid ? Function::hard_sigmoid : Function::sigmoid, part.gate_quantizer);
    Plain other = part.activation == Activation::half_glu2 ? v : z;
    if (part.activation == Activation::full_glu) other = quantized(linear(z, part.out1), part.value_quantizer);
    return quantized(record("product", ops_.product(other, gate)), part.y_quantizer);
  }

  Plain layer(const S5Layer& part, const Plain& x) {
    const Plain input = part.prenorm ? norm(x, part.norm) : x;
    const Plain branch = glu(ssm(input, part.ssm), part.glu);
    const Plain y = quantized(record("sum", ops_.sum(x, branch)), part.residual_quantizer);
    return part.prenorm ? y : norm(y, part.norm);
  }

  const Batch& batch_;
  Mutation mutation_;
  PlainOps ops_;
  PlainTrace trace_;
};

}  // namespace

PlainTrace integer_reference(const S5Classifier& model, const Batch& batch, Mutation mutation) {
  Walk program(batch, mutation);
  try {
    const Plain features = program.pooled(program.stack(model.stack), model.pool_last);
    program.decoded(features, model.decoder, model.decoder_quantizer, model.output_quantizer);
  } catch (const FloatOperation& at) {
    return program.stop(at);
  }
  return program.take();
}

PlainTrace integer_reference(const S5Regressor& model, const Batch& batch, Mutation mutation) {
  Walk program(batch, mutation);
  try {
    const Plain x = program.stack(model.stack);
    program.decoded(x, model.decoder, model.decoder_quantizer, model.output_quantizer);
  } catch (const FloatOperation& at) {
    return program.stop(at);
  }
  return program.take();
}

}  // namespace bitstate::tests
