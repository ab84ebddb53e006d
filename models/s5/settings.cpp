#include "models/s5/settings.h"

#include "core/error.h"
#include "models/s5/groups.h"
#include "models/s5/models.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace bitstate {
namespace {

using S = S5Settings;

void add_model_options(OptionTable<S>& table) {
  constexpr std::size_t size_limit = 65536;
  table.begin_group("model");
  table.whole("n_layers", "LAYERS", &S::n_layers, 1, 1024, "number of layers");
  table.whole("d_model", "FEATURES", &S::d_model, 1, size_limit, "features of every layer");
  table.whole("ssm_size_base", "STATES", &S::ssm_size_base, 1, size_limit, "states P, before conj_sym halves them");
  table.whole("blocks", "BLOCKS", &S::blocks, 1, size_limit, "HiPPO blocks J; must divide ssm_size_base");
  table.word("C_init", &S::C_init, {"trunc_standard_normal", "lecun_normal", "complex_normal"}, "initial values of C");
  table.word("discretization", &S::discretization, {"zoh", "bilinear"}, "how the layer is made discrete");
  table.word("mode", &S::mode, {"pool", "last"}, "the classifier reads the mean or the last token");
  table.word("activation_fn", &S::activation_fn, {"full_glu", "half_glu1", "half_glu2", "gelu"},
             "non-linearity behind the SSM");
  table.flag("conj_sym", &S::conj_sym, "keep one of each conjugate pair of states");
  table.flag("clip_eigs", &S::clip_eigs, "keep the real part of every eigenvalue at -1e-4 or less");
  table.flag("bidirectional", &S::bidirectional, "scan in both directions");
  table.real("dt_min", "TIME", &S::dt_min, {0.0, 1e3, true}, "smallest initial time of a step").checked_alone = true;
  table.real("dt_max", "TIME", &S::dt_max, {0.0, 1e3, true}, "largest initial time of a step").checked_alone = true;
  table.real("step_rescale", "FACTOR", &S::step_rescale, {0.0, 1e6, true}, "factor on the time of every step")
      .of_evaluation = true;
  table.flag("prenorm", &S::prenorm, "normalize before the SSM instead of after the layer");
  table.flag("batchnorm", &S::batchnorm, "batch normalization; false: layer normalization");
  table.real("bn_momentum", "SHARE", &S::bn_momentum, {0.0, 1.0, false, true}, "momentum of the running statistics");
  table.flag("qgelu_approx", &S::qgelu_approx, "GELU as x * clip(x + 2, 0, 4) / 4").changes_trained = true;
  table.flag("hard_sigmoid", &S::hard_sigmoid, "sigmoid as clip(x + 3, 0, 6) / 6").changes_trained = true;
  table.flag("use_layernorm_bias", &S::use_layernorm_bias, "layer normalization has a bias");
  table.flag("pad", &S::pad, "scan and norm run over padding, as in the reference");
}

void add_training_options(OptionTable<S>& table) {
  table.begin_group("training");
  table.flag("dt_global", &S::dt_global, "log_step learns like all other parameters, with decay").checked_alone = true;
  table.real("p_dropout", "SHARE", &S::p_dropout, {0.0, 1.0, false, true}, "dropout, tied over the sequence")
      .checked_alone = true;
  table
      .word("opt_config", &S::opt_config, {"standard", "BandCdecay", "BfastandCdecay", "noBCdecay", "qaft"},
            "which parameters learn at which rate (qaft: SGD with momentum, no decay)")
      .checked_alone = true;
  table.word("a_training", &S::a_training, {"continuous", "discrete", "frozen"},
             "what learns of the state matrix (Lambda and the step, the discrete matrix itself, nothing)");
}

void add_bit_options(OptionTable<S>& table) {
  table.begin_group("quantization");
  table.word("scan", &S::scan, {"recurrence", "tree"}, "how a quantized state is computed").changes_trained = true;
  table.flag("quantize_gradients", &S::quantize_gradients, "round gradients and operands in backward of products");
  table.bit_width("a_bits", &S::a_bits, "discrete state matrix A, or none");
  table.bit_width("b_bits", &S::b_bits, "discrete B, or none");
  table.bit_width("c_bits", &S::c_bits, "C, or none");
  table.bit_width("d_bits", &S::d_bits, "D, or none");
  table.bit_width("ssm_act_bits", &S::ssm_act_bits, "the SSM's activations, or none");
  table.bit_width("non_ssm_bits", &S::non_ssm_bits, "weights of encoder, decoder and GLU, or none");
  table.bit_width("non_ssm_act_bits", &S::non_ssm_act_bits, "all other activations, or none");
}

/// A number with thousands separated, for messages about sizes.
std::string with_commas(double count) {
  std::string digits = fmt::format("{:.0f}", count);
  for (auto place = static_cast<std::ptrdiff_t>(digits.size()) - 3; place > 0; place -= 3) {
    digits.insert(static_cast<std::size_t>(place), ",");
  }
  return digits;
}

double glu_matrices(const S5Settings& s) {
  return s.activation_fn == "gelu" ? 0.0 : s.activation_fn == "full_glu" ? 2.0 : 1.0;
}

/// Parameters of the layers (encoder and decoder are small beside them): S5's formula.
double parameter_count(const S5Settings& s) {
  const auto h = static_cast<double>(s.d_model);
  const double p = static_cast<double>(s.ssm_size_base) / (s.conj_sym ? 2.0 : 1.0);
  const double per_layer = 2 * p * h * (s.bidirectional ? 3.0 : 2.0) + 3 * p + 3 * h + glu_matrices(s) * (h * h + h);
  return static_cast<double>(s.n_layers) * per_layer;
}

S5LayerOptions layer_options(const S5Settings& s) {
  S5LayerOptions layer;
  layer.sizes.H = s.d_model;
  layer.sizes.P_full = s.ssm_size_base;
  layer.sizes.blocks = s.blocks;
  layer.sizes.conj_sym = s.conj_sym;
  layer.sizes.bidirectional = s.bidirectional;
  layer.sizes.C_init = c_init_of(s.C_init);
  layer.sizes.dt_min = s.dt_min;
  layer.sizes.dt_max = s.dt_max;
  layer.discretize.method = s.discretization == "bilinear" ? ops::Discretization::bilinear : ops::Discretization::zoh;
  layer.discretize.clip_eigs = s.clip_eigs;
  layer.discretize.step_rescale = s.step_rescale;
  layer.activation = activation_of(s.activation_fn);
  layer.prenorm = s.prenorm;
  layer.batchnorm = s.batchnorm;
  layer.qgelu = s.qgelu_approx;
  layer.hard_sigmoid = s.hard_sigmoid;
  layer.use_layernorm_bias = s.use_layernorm_bias;
  layer.scan_tree = s.scan == "tree";
  layer.quantize_gradients = s.quantize_gradients;
  return layer;
}

/// The stack with the head that the data ask for.
Model with_head(const S5Options& options, const OutputSpec& output, std::uint64_t seed) {
  require<UsageError>(output.output != Output::class_per_step, "model",
                      "s5 gives no class per step, which the data ask for; expected mamba or mamba2");
  if (output.sequences == 2) return S5Retrieval(options, seed);
  if (output.output == Output::values_per_step) return S5Regressor(options, seed);
  return S5Classifier(options, seed);
}

}  // namespace

OptionTable<S5Settings> s5_options() {
  OptionTable<S> table("model");
  add_model_options(table);
  add_training_options(table);
  add_bit_options(table);
  return table;
}

void validate(const S5Settings& s) {
  require<UsageError>(s.ssm_size_base % s.blocks == 0, "blocks",
                      "expected a divisor of ssm_size_base = {1}, got \"{0}\"", s.blocks, s.ssm_size_base);
  const std::size_t block = s.ssm_size_base / s.blocks;
  require<UsageError>(!s.conj_sym || block % 2 == 0, "blocks",
                      "a block of {} states (ssm_size_base {} / blocks {}) cannot be halved by conj_sym: "
                      "it must be even",
                      block, s.ssm_size_base, s.blocks);
  require<UsageError>(block <= 4096, "blocks",
                      "a block of {} states (ssm_size_base {} / blocks {}) is above the limit of 4096", block,
                      s.ssm_size_base, s.blocks);
  require<UsageError>(s.dt_min <= s.dt_max, "dt_min", "expected at most dt_max = {1}, got \"{0}\"", s.dt_min, s.dt_max);
  const double limit = 1e9;
  const double count = parameter_count(s);
  require<UsageError>(count <= limit, "d_model",
                      "n_layers {} of d_model {} and ssm_size_base {} would have {} parameters; at most {} are allowed",
                      s.n_layers, s.d_model, s.ssm_size_base, with_commas(count), with_commas(limit));
}

Model make_model(const S5Settings& settings, const ModelShape& shape, std::uint64_t seed) {
  S5Options options;
  options.inputs = shape.inputs;
  options.tokens = shape.tokens;
  options.outputs = shape.outputs;
  options.layers = settings.n_layers;
  options.pool_last = settings.mode == "last";
  options.values = shape.output.output == Output::values_per_sequence;
  options.p_dropout = settings.p_dropout;
  options.layer = layer_options(settings);
  Model model = with_head(options, shape.output, seed);
  if (settings.a_training == "discrete") make_discrete(model);
  return model;
}

std::optional<StoredModel> stored_model(const S5Settings& settings, const S5Settings& /*source*/,
                                        const ModelShape& shape, std::uint64_t seed,
                                        std::span<const std::string> names) {
  const bool is_discrete =
      std::any_of(names.begin(), names.end(), [](const auto& name) { return name.ends_with(".ssm.Lambda_bar"); });
  if (settings.a_training != "discrete" || is_discrete) return std::nullopt;
  S5Settings continuous = settings;
  continuous.a_training = "continuous";
  return StoredModel{make_model(continuous, shape, seed), make_discrete};
}

FamilyTraining training_of(const S5Settings& settings) {
  const OptConfig opt_config = opt_config_of(settings.opt_config);
  return {.groups = s5_groups(opt_config, settings.dt_global, settings.a_training == "frozen"),
          .method = method_of(opt_config),
          .bn_momentum = settings.bn_momentum,
          .pads = settings.pad};
}

CarryingForward carrying_forward(const S5Settings& /*settings*/) {
  fail<UsageError>("stream", "models of s5 carry no state from one sequence to the next; those of mamba and mamba2 do");
}

double training_flops_per_token(const S5Settings& s) {
  const auto h = static_cast<double>(s.d_model);
  const double p = static_cast<double>(s.ssm_size_base) / (s.conj_sym ? 2.0 : 1.0);
  const double directions = s.bidirectional ? 2.0 : 1.0;
  const double gates = glu_matrices(s);
  const double forward = 4.0 * p * h * (1.0 + directions) + 8.0 * p * directions + 2.0 * h * h * gates + 20.0 * h;
  const double backward = 8.0 * p * h * (1.0 + directions) + 16.0 * p * directions + 4.0 * h * h * gates + 40.0 * h;
  return static_cast<double>(s.n_layers) * (forward + backward);
}

std::string evaluation_warning(const S5Settings& settings, const S5Settings& trained, Model model) {
  const auto sites = ranges_of_one_step(model);
  if (settings.step_rescale == trained.step_rescale || sites.empty()) return {};
  return fmt::format(
      "warning: step_rescale={} changes the numbers of {}, but their ranges stay those of step_rescale={}: larger "
      "numbers saturate",
      options::real_text(settings.step_rescale), fmt::join(sites, ", "), options::real_text(trained.step_rescale));
}

}  // namespace bitstate
