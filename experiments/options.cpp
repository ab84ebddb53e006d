#include "experiments/options.h"

#include "core/error.h"
#include "core/suggest.h"
#include "datasets/dynamics.h"
#include "datasets/pathfinder_image.h"
#include "datasets/registry.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

namespace bitstate::experiments {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

[[noreturn]] void refuse(std::string_view name, std::string_view value, std::string_view expected) {
  fail<UsageError>(name, "expected {}, got \"{}\"", expected, value);
}

/// The number that `value` spells, all of it; nothing else.
template <class Number>
bool read_number(std::string_view value, Number& number) {
  const char* end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, number);
  return error == std::errc() && stop == end && !value.empty();
}

Option whole(const std::string& name, std::size_t RunConfig::*field, std::size_t low, std::size_t high,
             std::string help) {
  const auto set = [=](RunConfig& config, std::string_view value) {
    std::size_t number = 0;
    if (!read_number(value, number) || number < low || number > high) {
      refuse(name, value, fmt::format("a whole number from {} to {}", low, high));
    }
    config.*field = number;
  };
  return {name, std::move(help), false, true, set, [=](const RunConfig& c) { return fmt::format("{}", c.*field); }};
}

/// A real number in [low, high], or in (low, high] or [low, high) where an end is excluded.
struct Interval {
  double low = 0.0;
  double high = infinity;
  bool low_excluded = false;
  bool high_excluded = false;

  [[nodiscard]] bool contains(double x) const {
    return std::isfinite(x) && (low_excluded ? x > low : x >= low) && (high_excluded ? x < high : x <= high);
  }
  [[nodiscard]] std::string text() const {
    const std::string end = fmt::format("{}{}", high_excluded ? "below " : low_excluded ? "up to " : "", high);
    return low_excluded ? fmt::format("a number above {} and {}", low, end)
                        : fmt::format("a number from {} to {}", low, end);
  }
};

Option real(const std::string& name, double RunConfig::*field, Interval range, std::string help) {
  const auto set = [=](RunConfig& config, std::string_view value) {
    double number = 0.0;
    if (!read_number(value, number) || !range.contains(number)) refuse(name, value, range.text());
    config.*field = number;
  };
  return {name, std::move(help), false, true, set, [=](const RunConfig& c) { return fmt::format("{}", c.*field); }};
}

Option flag(const std::string& name, bool RunConfig::*field, std::string help) {
  const auto set = [=](RunConfig& config, std::string_view value) {
    const bool yes = value == "true" || value == "1" || value == "yes";
    const bool no = value == "false" || value == "0" || value == "no";
    if (!yes && !no) refuse(name, value, "true or false (also yes, no, 1, 0)");
    config.*field = yes;
  };
  return {name, std::move(help), true, true, set, [=](const RunConfig& c) { return c.*field ? "true" : "false"; }};
}

Option word(const std::string& name, std::string RunConfig::*field, std::vector<std::string> words, std::string help) {
  const auto set = [=](RunConfig& config, std::string_view value) {
    for (const auto& known : words) {
      if (known == value) {
        config.*field = known;
        return;
      }
    }
    fail<UsageError>(name, "expected one of {}, got \"{}\"{}", fmt::join(words, ", "), value,
                     nearest(value, words).empty() ? std::string() : suggestion(value, words));
  };
  std::string text = fmt::format("{}: {}", help, fmt::join(words, ", "));
  return {name, std::move(text), false, true, set, [=](const RunConfig& c) { return c.*field; }};
}

Option text_option(std::string name, std::string RunConfig::*field, std::string help) {
  const auto set = [=](RunConfig& config, std::string_view value) { config.*field = value; };
  return {std::move(name), std::move(help), false, true, set, [=](const RunConfig& c) { return c.*field; }};
}

Option bit_width(const std::string& name, std::optional<int> RunConfig::*field, std::string help) {
  const auto set = [=](RunConfig& config, std::string_view value) {
    int number = 0;
    if (value.empty() || value == "none") {
      config.*field = std::nullopt;
    } else if (read_number(value, number) && number >= 1 && number <= 16) {
      config.*field = number;
    } else {
      refuse(name, value, "1 to 16 bits or none");
    }
  };
  const auto text = [=](const RunConfig& c) { return c.*field ? fmt::format("{}", *(c.*field)) : "none"; };
  return {name, std::move(help), false, true, set, text};
}

Option seed_option() {
  const auto set = [](RunConfig& config, std::string_view value) {
    std::uint64_t number = 0;
    if (!read_number(value, number)) refuse("seed", value, "a whole number from 0 to 2^64-1");
    config.seed = number;
  };
  return {"seed", "seed of every random draw of the run",
          false,  true,
          set,    [](const RunConfig& c) { return fmt::format("{}", c.seed); }};
}

/// One or more rules, separated by semicolons; white space within a rule is made single spaces.
Option rules_option() {
  const auto set = [](RunConfig& config, std::string_view value) {
    if (value == "none") {
      config.bits.clear();
      return;
    }
    for (const auto& rule : split(value, ";\n")) {
      const auto parts = split(rule.substr(0, rule.find('#')), " \t");
      if (parts.size() < 2) refuse("bits", rule, "a rule \"glob bits [key=value ...]\", as in \"act:* 8 range=ema\"");
      config.bits.push_back(fmt::format("{}", fmt::join(parts, " ")));
    }
  };
  return {"bits", "a further rule \"glob bits [key=value ...]\"; may be given again; none drops all", false, true,
          set,    [](const RunConfig& c) { return fmt::format("{}", fmt::join(c.bits, "; ")); }};
}

/// Under any of its names (datasets::canonical_name).
Option dataset_option() {
  const auto names = dataset_names();
  const auto set = [=](RunConfig& config, std::string_view value) {
    const std::string name = datasets::canonical_name(value);
    require<UsageError>(!name.empty(), "dataset", "expected one of {}, got \"{}\"{}", fmt::join(names, ", "), value,
                        nearest(value, names).empty() ? std::string() : suggestion(value, names));
    config.dataset = name;
  };
  return {"dataset", fmt::format("what is learnt: {}", fmt::join(names, ", ")),
          false,     true,
          set,       [](const RunConfig& c) { return c.dataset; }};
}

Option path(std::string name, std::string RunConfig::*field, std::string help) {
  Option option = text_option(std::move(name), field, std::move(help));
  option.verbatim = true;
  return option;
}

Option aside(Option option) {
  option.affects_result = false;
  return option;
}

void add_model_options(std::vector<Option>& table) {
  using C = RunConfig;
  constexpr std::size_t size_limit = 65536;
  table.push_back(dataset_option());
  auto presets = preset_names();
  presets.insert(presets.begin(), "none");
  table.push_back(word("preset", &C::preset, presets, "settings between the recipe and these options"));
  table.push_back(whole("n_layers", &C::n_layers, 1, 1024, "number of S5 layers"));
  table.push_back(whole("d_model", &C::d_model, 1, size_limit, "features H of every layer"));
  table.push_back(whole("ssm_size_base", &C::ssm_size_base, 1, size_limit, "states P, before conj_sym halves them"));
  table.push_back(whole("blocks", &C::blocks, 1, size_limit, "HiPPO blocks J; must divide ssm_size_base"));
  table.push_back(
      word("C_init", &C::C_init, {"trunc_standard_normal", "lecun_normal", "complex_normal"}, "initial values of C"));
  table.push_back(word("discretization", &C::discretization, {"zoh", "bilinear"}, "how the layer is made discrete"));
  table.push_back(word("mode", &C::mode, {"pool", "last"}, "what the classifier reads: the mean or the last token"));
  table.push_back(word("activation_fn", &C::activation_fn, {"full_glu", "half_glu1", "half_glu2", "gelu"},
                       "non-linearity behind the SSM"));
  table.push_back(flag("conj_sym", &C::conj_sym, "keep one of each conjugate pair of states"));
  table.push_back(flag("clip_eigs", &C::clip_eigs, "keep the real part of every eigenvalue at -1e-4 or less"));
  table.push_back(flag("bidirectional", &C::bidirectional, "scan in both directions"));
  table.push_back(real("dt_min", &C::dt_min, {0.0, 1e3, true}, "smallest initial step"));
  table.push_back(real("dt_max", &C::dt_max, {0.0, 1e3, true}, "largest initial step"));
  table.push_back(real("step_rescale", &C::step_rescale, {0.0, 1e6, true}, "factor on every step"));
  table.push_back(flag("prenorm", &C::prenorm, "normalize before the SSM instead of after the layer"));
  table.push_back(flag("batchnorm", &C::batchnorm, "batch normalization; false: layer normalization"));
  table.push_back(real("bn_momentum", &C::bn_momentum, {0.0, 1.0, false, true}, "momentum of the running statistics"));
  table.push_back(flag("qgelu_approx", &C::qgelu_approx, "GELU as x * clip(x + 2, 0, 4) / 4"));
  table.push_back(flag("hard_sigmoid", &C::hard_sigmoid, "sigmoid as clip(x + 3, 0, 6) / 6"));
  table.push_back(flag("use_layernorm_bias", &C::use_layernorm_bias, "layer normalization has a bias"));
  table.push_back(word("scan", &C::scan, {"recurrence", "tree"}, "how a quantized state is computed"));
  table.push_back(flag("quantize_gradients", &C::quantize_gradients, "gradients are quantized as their operands"));
  table.push_back(flag("pad", &C::pad, "scan and norm run over padding, as in the reference"));
}

void add_training_options(std::vector<Option>& table) {
  using C = RunConfig;
  table.push_back(whole("bsz", &C::bsz, 1, 65536, "sequences in a batch"));
  table.push_back(whole("epochs", &C::epochs, 0, 1000000, "passes over the training part; 0 with from: none"));
  table.push_back(real("ssm_lr_base", &C::ssm_lr_base, {0.0, 100.0, true}, "learning rate of the SSM's parameters"));
  table.push_back(real("lr_factor", &C::lr_factor, {0.0, 1e6, true}, "all other parameters learn this much faster"));
  table.push_back(flag("dt_global", &C::dt_global, "log_step learns like all other parameters, with decay"));
  table.push_back(real("lr_min", &C::lr_min, {0.0, 100.0}, "learning rate at the end of the cosine"));
  table.push_back(whole("warmup_end", &C::warmup_end, 0, 1000000, "epochs of linear warm-up"));
  table.push_back(flag("cosine_anneal", &C::cosine_anneal, "cosine schedule after the warm-up; false: constant"));
  table.push_back(real("p_dropout", &C::p_dropout, {0.0, 1.0, false, true}, "dropout, tied over the sequence"));
  table.push_back(real("weight_decay", &C::weight_decay, {0.0, 1e3}, "decoupled weight decay"));
  table.push_back(word("opt_config", &C::opt_config, {"standard", "BandCdecay", "BfastandCdecay", "noBCdecay", "qaft"},
                       "which parameters learn at which rate; qaft: by SGD with momentum, without decay"));
  table.push_back(word("a_training", &C::a_training, {"continuous", "discrete", "frozen"},
                       "what learns of the state matrix: Lambda and the step, the discrete matrix itself, nothing"));
  table.push_back(seed_option());
  table.push_back(
      whole("lanes", &C::lanes, 1, 1024, "lanes a batch is dealt to; changes the last bits, unlike threads"));
}

void add_source_options(std::vector<Option>& table) {
  using C = RunConfig;
  table.push_back(path("from", &C::from, "start from the weights of this run's folder"));
  table.push_back(real("from_lr_factor", &C::from_lr_factor, {0.0, 1e3, true}, "with from: factor on ssm_lr_base"));
  table.push_back(real("from_epochs_factor", &C::from_epochs_factor, {0.0, 1e3, true},
                       "with from: factor on epochs, rounded to at least 1"));
  table.push_back(flag("balance", &C::balance, "with from: bring the states to one magnitude, by powers of two"));
}

void add_quant_options(std::vector<Option>& table) {
  using C = RunConfig;
  table.push_back(text_option("quant", &C::quant,
                              fmt::format("quantization: none, a .quant file, or {}", fmt::join(quant_names(), ", "))));
  table.push_back(bit_width("a_bits", &C::a_bits, "bits of the discrete state matrix A, or none"));
  table.push_back(bit_width("b_bits", &C::b_bits, "bits of the discrete B, or none"));
  table.push_back(bit_width("c_bits", &C::c_bits, "bits of C, or none"));
  table.push_back(bit_width("d_bits", &C::d_bits, "bits of D, or none"));
  table.push_back(bit_width("ssm_act_bits", &C::ssm_act_bits, "bits of the SSM's activations, or none"));
  table.push_back(bit_width("non_ssm_bits", &C::non_ssm_bits, "bits of encoder, decoder and GLU weights, or none"));
  table.push_back(bit_width("non_ssm_act_bits", &C::non_ssm_act_bits, "bits of all other activations, or none"));
  table.push_back(rules_option());
  table.push_back(whole("calibration_batches", &C::calibration_batches, 0, 1000000,
                        "training batches that set the ranges before the first step; all, if there are fewer"));
}

void add_run_options(std::vector<Option>& table) {
  using C = RunConfig;
  constexpr std::size_t many = 1000000000;
  table.push_back(whole("limit_train", &C::limit_train, 0, many, "use only so many training sequences; 0 = all"));
  table.push_back(whole("limit_test", &C::limit_test, 0, many, "use only so many for validation and test; 0 = all"));
  table.push_back(real("tau", &C::tau, {datasets::min_delay, datasets::max_delay}, "delay of Mackey-Glass"));
  table.push_back(whole("contour_length", &C::contour_length, datasets::min_contour_length,
                        datasets::max_contour_length,
                        "paddles of Pathfinder's long snakes; LRA's easy, intermediate and hard images: 6, 9, 14"));
  table.push_back(whole("trajectories", &C::trajectories, datasets::min_trajectories, datasets::max_trajectories,
                        "trajectories of a dynamical system"));
  table.push_back(real("val_split", &C::val_split, {0.0, 0.9}, "share held out for validation where there is none"));
  table.push_back(text_option("input", &C::input, "own data: columns of a .csv that are inputs, as in a,b"));
  table.push_back(text_option("target", &C::target, "own data: columns of a .csv that are targets"));
  table.push_back(whole("window", &C::window, 0, many, "steps of a training sequence cut from a series; 0 = all"));
  table.push_back(whole("stride", &C::stride, 0, many, "steps between the starts of windows; 0 = window"));
  table.push_back(whole("horizon", &C::horizon, 0, many, "own data: the target is that of so many steps later"));
  table.push_back(
      word("task", &C::task, {"auto", "classification", "regression", "value"}, "own data: what is learnt"));
  table.push_back(aside(path("data", &C::data, "folder or file of the data; default $BITSTATE_DATA")));
  table.push_back(aside(path("out", &C::out, "folder of the run")));
  table.push_back(aside(whole("threads", &C::threads, 0, 4096, "threads; 0 = all")));
  table.push_back(aside(real("checkpoint_seconds", &C::checkpoint_seconds, {0.0, 1e9}, "seconds between checkpoints")));
  table.push_back(aside(flag("resume", &C::resume, "continue from the checkpoint in `out`")));
  table.push_back(aside(flag("json", &C::json, "end the output with one line of JSON")));
}

}  // namespace

std::vector<Option> option_table() {
  std::vector<Option> table;
  add_model_options(table);
  add_training_options(table);
  add_source_options(table);
  add_quant_options(table);
  add_run_options(table);
  return table;
}

}  // namespace bitstate::experiments
