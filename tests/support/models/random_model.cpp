#include "tests/support/models/random_model.h"

#include "autograd/tape.h"
#include "core/random.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
#include <string_view>

namespace bitstate::tests {
namespace {

using Range = QuantSpec::Range;
using Granularity = QuantSpec::Granularity;

/// Numbers one after the other.
class Draw {
 public:
  explicit Draw(std::uint64_t number) : random_{number, random_stream("random_model")} {}

  bool chance(double p) { return random_.uniform(next_++) < p; }
  double uniform(double low, double high) { return low + (high - low) * random_.uniform(next_++); }
  double log_uniform(double low, double high) { return std::exp(uniform(std::log(low), std::log(high))); }
  float normal(double size) { return static_cast<float>(size * random_.normal(next_++)); }
  std::size_t between(std::size_t low, std::size_t high) { return low + random_.below(high - low + 1, next_++); }
  template <class T>
  T one_of(std::initializer_list<T> choices) {
    return choices.begin()[random_.below(choices.size(), next_++)];
  }

 private:
  Random random_;
  std::uint64_t next_ = 0;
};

bool ends_with_one_of(std::string_view site, std::initializer_list<std::string_view> ends) {
  return std::any_of(ends.begin(), ends.end(), [&](std::string_view end) { return site.ends_with(end); });
}

S5Options draw_options(Draw& draw, bool wide) {
  S5Options options;
  options.tokens = draw.chance(0.15);
  options.inputs = options.tokens ? draw.between(2, 9) : draw.between(1, 5);
  options.outputs = draw.between(1, 6);
  options.layers = draw.between(1, 3);
  options.pool_last = draw.chance(0.3);
  S5LayerOptions& layer = options.layer;
  layer.sizes.H = draw.between(1, 12);
  layer.sizes.conj_sym = draw.chance(0.6);
  layer.sizes.P_full = draw.between(2, 12) * (layer.sizes.conj_sym ? 2 : 1);
  layer.sizes.blocks = 1;
  layer.sizes.bidirectional = draw.chance(0.35);
  layer.discretize.method =
      draw.one_of({ops::Discretization::zoh, ops::Discretization::zoh, ops::Discretization::bilinear});
  layer.discretize.clip_eigs = draw.chance(0.3);
  layer.activation =
      draw.one_of({Activation::full_glu, Activation::half_glu1, Activation::half_glu2, Activation::gelu});
  layer.prenorm = draw.chance(0.6);
  layer.batchnorm = draw.chance(0.4);
  layer.use_layernorm_bias = draw.chance(0.8);
  layer.qgelu = draw.chance(0.4);
  layer.hard_sigmoid = draw.chance(0.4);
  if (!wide) return options;
  options.layers = 1;
  options.tokens = draw.chance(0.3);
  if (options.tokens) options.inputs = draw.between(2, 9);
  layer.sizes.H = draw.one_of<std::size_t>({24, 320, 768, 1024, 1536});
  return options;
}

/// Normal values, some rows of which are zero: channels that nothing reaches.
void draw_matrix(Draw& draw, Tensor& tensor, double size) {
  const double dead = draw.chance(0.03) ? 1.0 : 0.06;
  for (std::size_t r = 0; r < tensor.rows; ++r) {
    const bool zero = tensor.rows > 1 && draw.chance(dead);
    for (std::size_t c = 0; c < tensor.cols; ++c) tensor(r, c) = zero ? 0.0F : draw.normal(size);
  }
}

void draw_parameter(Draw& draw, std::string_view name, Tensor& tensor, bool conj_sym) {
  if (ends_with_one_of(name, {".B", ".C", ".C1", ".C2"})) {
    return draw_matrix(draw, tensor, std::min(0.6, 3.0 / std::sqrt(static_cast<double>(tensor.cols))));
  }
  if (name.ends_with("weight")) {
    return draw_matrix(draw, tensor, 1.2 / std::sqrt(static_cast<double>(tensor.cols)));
  }
  const bool zero = draw.chance(0.1);
  for (float& v : tensor.data) {
    if (name.ends_with("Lambda_re")) {
      v = static_cast<float>(draw.chance(0.05) ? draw.uniform(0.0, 0.05) : -draw.log_uniform(0.02, 3.0));
    } else if (name.ends_with("Lambda_im")) {
      const double sign = draw.chance(conj_sym ? 0.05 : 0.5) ? 1.0 : -1.0;
      v = static_cast<float>(sign * draw.log_uniform(0.05, 12.0));
    } else if (name.ends_with("log_step")) {
      v = static_cast<float>(draw.uniform(std::log(0.01), std::log(0.6)));
    } else if (name.ends_with("norm.scale")) {
      v = draw.chance(0.1) ? 0.0F : static_cast<float>(draw.uniform(0.3, 1.5) * (draw.chance(0.3) ? -1.0 : 1.0));
    } else {  // D and biases
      v = zero ? 0.0F : draw.normal(0.4);
    }
  }
}

/// Rules of a whole model.
struct Mood {
  bool loose = false;  ///< some operations may have no codes
  bool wide = false;   ///< a number from first_wide_model on
  double pow2 = 0.15;
  std::size_t bits = 16;  ///< at most
  S5LayerOptions layer;
};

/// Sites that an integer program can do without.
bool is_optional(const Mood& mood, std::string_view site) {
  const bool layer_norm = !mood.layer.batchnorm;
  if (ends_with_one_of(site, {"glu.value", "decoder.y"})) return true;
  if (site == "act:encoder.y") return !layer_norm || !mood.layer.prenorm;
  if (site.ends_with("residual")) return !layer_norm;
  if (site.starts_with("act:") && site.ends_with("norm")) return true;
  return !layer_norm && site.starts_with("weight:") && site.ends_with("norm");
}

/// Activations that may have a range per channel.
bool allows_channels(const Mood& mood, std::string_view site) {
  const bool layer_norm = !mood.layer.batchnorm;
  if (site == "act:encoder.y") return !layer_norm || !mood.layer.prenorm;
  if (site.ends_with("residual")) return !layer_norm;
  if (site.starts_with("acc:")) return true;
  return ends_with_one_of(site, {"glu.value", "glu.gate", "norm", "decoder.y"});
}

bool is_absent(Draw& draw, const Mood& mood, std::string_view site) {
  if (site.starts_with("state:")) return mood.loose && draw.chance(0.05);
  if (site.starts_with("bias:") || site.starts_with("acc:")) return draw.chance(0.5);
  if (is_optional(mood, site)) return draw.chance(0.2);
  return mood.loose && draw.chance(0.06);
}

void draw_form(Draw& draw, QuantSpec& spec, const Mood& mood) {
  using Form = PoleSpec::Form;
  spec.pole.form = draw.one_of(
      {Form::cartesian, Form::cartesian, Form::disk, Form::polar, Form::log_polar, Form::delta, Form::shear});
  if (mood.wide && draw.chance(0.6)) spec.pole.form = draw.one_of({Form::polar, Form::log_polar, Form::log_polar});
  if (spec.pole.form != Form::cartesian) {
    spec.bits = std::max(spec.bits, 2);
    spec.symmetry = QuantSpec::Symmetry::symmetric;
    if (spec.range == Range::learned) spec.range = Range::absmax;
  }
  if (spec.pole.form == Form::delta) {
    spec.bits = std::min(spec.bits, 6);  // the reference looks at all points
    spec.range = Range::absmax;
  }
  if (spec.pole.form == Form::shear) {
    spec.range = Range::absmax;
    spec.pole.magnitude = draw.one_of({1, 1, 2, 5});
  }
  if (!spec.pole.is_lookup()) return;
  const int signs = mood.layer.sizes.conj_sym ? 0 : 1;  // a bit of the phase
  spec.pole.magnitude = static_cast<int>(draw.between(1, static_cast<std::size_t>(2 * spec.bits - 1 - signs)));
  spec.pole.phase = 2 * spec.bits - spec.pole.magnitude;
  spec.pole.spacing = draw.one_of({PoleSpec::Spacing::linear, PoleSpec::Spacing::log});
  if (spec.pole.form == Form::polar) spec.pole.spacing = PoleSpec::Spacing::linear;
  spec.pole.width = static_cast<int>(draw.between(8, 16));
}

QuantSpec draw_spec(Draw& draw, const Mood& mood, const Quantizer& quantizer) {
  const std::string_view site = quantizer.site;
  QuantSpec spec;
  if (is_absent(draw, mood, site)) return spec;
  const bool state = site.starts_with("state:");
  spec.bits = static_cast<int>(draw.between(2, mood.bits));
  if (!state && draw.chance(0.03)) spec.bits = 1;
  spec.scale_kind = draw.chance(mood.pow2) ? QuantSpec::Scale::pow2 : QuantSpec::Scale::free;
  if (quantizer.is_constant()) {
    spec.range = draw.one_of(
        {Range::absmax, Range::absmax, Range::absmax, Range::percentile, Range::mse, Range::fixed, Range::learned});
    spec.granularity = draw.one_of({Granularity::tensor, Granularity::channel});
  } else {
    spec.range = state ? draw.one_of({Range::ema, Range::ema, Range::fixed, Range::learned})
                       : draw.one_of({Range::ema, Range::ema, Range::ema, Range::fixed, Range::percentile, Range::mse,
                                      Range::learned});
    const bool channel = state || allows_channels(mood, site) ? draw.chance(0.4) : mood.loose && draw.chance(0.04);
    spec.granularity = channel ? Granularity::channel : Granularity::tensor;
    if (!state && mood.loose && draw.chance(0.02)) spec.range = Range::absmax;
  }
  spec.alpha = draw.one_of({99.9F, 99.0F, 90.0F, 75.0F, 50.0F});
  spec.value = static_cast<float>(draw.log_uniform(0.5, 2.0));
  const bool pair = spec.range == Range::absmax || spec.range == Range::ema || spec.range == Range::fixed;
  if (!state && pair && draw.chance(0.2)) {
    spec.symmetry = QuantSpec::Symmetry::asymmetric;
  } else if (draw.chance(0.25)) {
    spec.edge = QuantSpec::Edge::half;
  }
  if (state && draw.chance(0.4)) spec.rounding = QuantSpec::Rounding::feedback;
  if (site.ends_with("ssm.A") && draw.chance(0.01)) {  // a shift that no state can take, or one near
    spec.range = Range::fixed;
    spec.scale_kind = QuantSpec::Scale::pow2;
    spec.value = static_cast<float>(draw.log_uniform(1e-14, 1e-6));
  }
  if (site.ends_with("ssm.A")) draw_form(draw, spec, mood);
  if (mood.wide && site.ends_with("ssm.B") && draw.chance(0.6)) spec.bits = draw.one_of({15, 16});
  if (quantizer.is_constant() && spec.range == Range::learned && draw.chance(0.5)) spec.range = Range::stored;
  return spec;
}

/// The ranges that the quantizer keeps, as large as its values may be.
void draw_range(Draw& draw, Quantizer& quantizer) {
  const std::string_view site = quantizer.site;
  double typical = 1.0;
  if (ends_with_one_of(site, {"ssm", "ssm.x", "glu.x", "glu.y"})) typical = 0.4;
  if (site.ends_with("ssm.bu")) typical = 0.15;
  if (site.ends_with("glu.gate")) typical = 0.7;
  if (ends_with_one_of(site, {"residual", "decoder"})) typical = 2.0;
  if (ends_with_one_of(site, {"encoder.y", "residual"}) && draw.chance(0.06)) typical *= 0.002;  // epsilon shows
  const double size = typical * draw.log_uniform(0.35, 2.5);
  for (std::size_t c = 0; c < quantizer.range_count(); ++c) {
    const bool dead = c > 0 && draw.chance(0.03);
    quantizer.range.push_back(dead ? 0.0F : static_cast<float>(size * draw.uniform(0.6, 1.6)));
  }
  if (!quantizer.is_learned()) return;
  quantizer.log_range.value = Tensor(1, quantizer.range_count());
  for (float& v : quantizer.log_range.value.data) v = static_cast<float>(std::log(size * draw.uniform(0.6, 1.6)));
}

void draw_sequences(Draw& draw, RandomModel& out, const S5Options& options, std::size_t longest) {
  const bool one_step = draw.chance(0.05);  // in all
  const std::size_t count = one_step ? 1 : draw.between(1, 3);
  std::size_t steps = 0;
  for (std::size_t s = 0; s < count; ++s) {
    out.lengths.push_back(one_step ? 1 : draw.between(1, longest));
    out.rows.push_back(out.lengths.back() + (!one_step && draw.chance(0.4) ? draw.between(1, 5) : 0));
    steps += out.rows.back();
  }
  if (options.tokens) {
    for (std::size_t t = 0; t < steps; ++t) {
      out.tokens.push_back(static_cast<std::int32_t>(draw.between(0, options.inputs - 1)));
    }
  } else {
    for (std::size_t i = 0; i < steps * options.inputs; ++i) out.x.push_back(draw.normal(1.0));
  }
}

}  // namespace

std::unique_ptr<RandomModel> random_model(std::uint64_t number) {
  Draw draw(number);
  auto out = std::make_unique<RandomModel>();
  Mood mood;
  mood.wide = number >= first_wide_model;
  const S5Options options = draw_options(draw, mood.wide);
  mood.layer = options.layer;
  mood.loose = draw.chance(0.1);
  if (draw.chance(0.2)) mood.pow2 = 1.0;
  mood.bits = draw.one_of<std::size_t>({5, 8, 8, 12, 12, 16});
  if (mood.wide) mood.bits = std::min<std::size_t>(mood.bits, 8);  // sums of so many products fit 31 bits
  out->batchnorm = options.layer.batchnorm;
  if (draw.chance(0.35)) {
    out->model.emplace<S5Regressor>(options, number);
  } else {
    out->model.emplace<S5Classifier>(options, number);
  }
  const auto inventory = [&] { return std::visit([](auto& m) { return take_inventory(m); }, out->model); };
  out->inventory = inventory();
  for (const auto& entry : out->inventory.parameters) {
    draw_parameter(draw, entry.name, entry.parameter->value, options.layer.sizes.conj_sym);
  }
  for (const auto& entry : out->inventory.buffers) {
    const bool mean = entry.name.ends_with("mean");
    for (float& v : entry.buffer->value.data) v = mean ? draw.normal(0.4) : static_cast<float>(draw.uniform(0.02, 2.0));
  }
  S5Stack& stack = std::visit([](auto& m) -> S5Stack& { return m.stack; }, out->model);
  for (S5Layer& layer : stack.layers) {
    if (draw.chance(0.15)) layer.ssm.make_discrete();
  }
  for (Quantizer* quantizer : out->inventory.quantizers) {
    quantizer->spec = draw_spec(draw, mood, *quantizer);
    draw_range(draw, *quantizer);
  }
  const auto& sites = out->inventory.quantizers;
  const bool sheared = std::any_of(sites.begin(), sites.end(), [](const Quantizer* q) { return q->spec.is_shear(); });
  for (Quantizer* quantizer : sites) {
    const bool keeps = quantizer->spec.rounding == QuantSpec::Rounding::feedback;
    if (keeps && !sheared && number % 2 == 1) quantizer->spec.rounding = QuantSpec::Rounding::decayed;
  }
  out->inventory = inventory();  // with learned ranges, and of discrete SSMs
  draw_sequences(draw, *out, options, mood.wide ? 6 : (number % 8 == 0 ? 3 * block_rows : 40));
  return out;
}

}  // namespace bitstate::tests
