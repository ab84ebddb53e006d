#include "experiments/settings/options.h"

#include "core/error.h"
#include "core/suggest.h"
#include "datasets/generators/pathfinder_image.h"
#include "datasets/registry.h"
#include "datasets/sets/dynamics.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <initializer_list>
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

/// A row, made member by member: when memory runs out within nested braces, GCC 12 frees what it has not made.
template <class Set, class Text>
Option row(std::string name, std::string help, std::string unit, Set set, Text text) {
  Option option;
  option.name = std::move(name);
  option.help = std::move(help);
  option.unit = std::move(unit);
  option.set = std::move(set);
  option.text = std::move(text);
  return option;
}

std::vector<std::string> words_of(std::initializer_list<std::string_view> words) {
  return {words.begin(), words.end()};
}

Option whole(const std::string& name, std::string unit, std::size_t RunConfig::*field, std::size_t low,
             std::size_t high, std::string help) {
  const auto set = [=](RunConfig& config, std::string_view value) {
    std::size_t number = 0;
    if (!read_number(value, number) || number < low || number > high) {
      refuse(name, value, fmt::format("a whole number from {} to {}", low, high));
    }
    config.*field = number;
  };
  const auto text = [=](const RunConfig& c) { return fmt::format("{}", c.*field); };
  return row(name, std::move(help), std::move(unit), set, text);
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

Option real(const std::string& name, std::string unit, double RunConfig::*field, Interval range, std::string help) {
  const auto set = [=](RunConfig& config, std::string_view value) {
    double number = 0.0;
    if (!read_number(value, number) || !range.contains(number)) refuse(name, value, range.text());
    config.*field = number;
  };
  const auto text = [=](const RunConfig& c) { return fmt::format("{}", c.*field); };
  return row(name, std::move(help), std::move(unit), set, text);
}

Option flag(const std::string& name, bool RunConfig::*field, std::string help) {
  const auto set = [=](RunConfig& config, std::string_view value) {
    const bool yes = value == "true" || value == "1" || value == "yes";
    const bool no = value == "false" || value == "0" || value == "no";
    if (!yes && !no) refuse(name, value, "true or false (also yes, no, 1, 0)");
    config.*field = yes;
  };
  const auto text = [=](const RunConfig& c) { return c.*field ? "true" : "false"; };
  Option option = row(name, std::move(help), "", set, text);
  option.is_switch = true;
  return option;
}

Option word(const std::string& name, std::string RunConfig::*field, const std::vector<std::string>& words,
            std::string help) {
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
  Option option = row(name, std::move(help), "WORD", set, [=](const RunConfig& c) { return c.*field; });
  option.words = words;
  return option;
}

Option text_option(std::string name, std::string unit, std::string RunConfig::*field, std::string help,
                   std::vector<std::string> words = {}) {
  const auto set = [=](RunConfig& config, std::string_view value) { config.*field = value; };
  const auto text = [=](const RunConfig& c) { return c.*field; };
  Option option = row(std::move(name), std::move(help), std::move(unit), set, text);
  option.words = std::move(words);
  return option;
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
  return row(name, std::move(help), "BITS", set, text);
}

Option seed_option() {
  const auto set = [](RunConfig& config, std::string_view value) {
    std::uint64_t number = 0;
    if (!read_number(value, number)) refuse("seed", value, "a whole number from 0 to 2^64-1");
    config.seed = number;
  };
  return row("seed", "seed of every random draw of the run", "N", set,
             [](const RunConfig& c) { return fmt::format("{}", c.seed); });
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
  return row("bits", "a further rule \"glob bits [key=value ...]\"; may be given again; none drops all", "RULE", set,
             [](const RunConfig& c) { return fmt::format("{}", fmt::join(c.bits, "; ")); });
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
  Option option = row("dataset", "what is learnt", "NAME", set, [](const RunConfig& c) { return c.dataset; });
  option.group = "data";
  option.words = names;
  return option;
}

Option path(std::string name, std::string unit, std::string RunConfig::*field, std::string help) {
  Option option = text_option(std::move(name), std::move(unit), field, std::move(help));
  option.verbatim = true;
  return option;
}

Option aside(Option option) {
  option.affects_result = false;
  option.group = "run";
  return option;
}

Option only_for(std::vector<std::string> datasets, Option option) {
  option.datasets = std::move(datasets);
  return option;
}

Option in_group(std::string group, Option option) {
  option.group = std::move(group);
  return option;
}

/// Appends the rows of `add`; those that name no group are in `group`.
void add_group(std::vector<Option>& table, std::string_view group, void (*add)(std::vector<Option>&)) {
  const std::size_t first = table.size();
  add(table);
  for (std::size_t i = first; i < table.size(); ++i) {
    if (table[i].group.empty()) table[i].group = group;
  }
}

void add_model_options(std::vector<Option>& table) {
  using C = RunConfig;
  constexpr std::size_t size_limit = 65536;
  table.push_back(dataset_option());
  auto presets = preset_names();
  presets.insert(presets.begin(), "none");
  table.push_back(word("preset", &C::preset, presets, "settings and rules that come before those given here"));
  table.push_back(whole("n_layers", "LAYERS", &C::n_layers, 1, 1024, "number of S5 layers"));
  table.push_back(whole("d_model", "FEATURES", &C::d_model, 1, size_limit, "features H of every layer"));
  table.push_back(
      whole("ssm_size_base", "STATES", &C::ssm_size_base, 1, size_limit, "states P, before conj_sym halves them"));
  table.push_back(whole("blocks", "BLOCKS", &C::blocks, 1, size_limit, "HiPPO blocks J; must divide ssm_size_base"));
  table.push_back(word("C_init", &C::C_init, words_of({"trunc_standard_normal", "lecun_normal", "complex_normal"}),
                       "initial values of C"));
  table.push_back(
      word("discretization", &C::discretization, words_of({"zoh", "bilinear"}), "how the layer is made discrete"));
  table.push_back(
      word("mode", &C::mode, words_of({"pool", "last"}), "the classifier reads the mean or the last token"));
  table.push_back(word("activation_fn", &C::activation_fn, words_of({"full_glu", "half_glu1", "half_glu2", "gelu"}),
                       "non-linearity behind the SSM"));
  table.push_back(flag("conj_sym", &C::conj_sym, "keep one of each conjugate pair of states"));
  table.push_back(flag("clip_eigs", &C::clip_eigs, "keep the real part of every eigenvalue at -1e-4 or less"));
  table.push_back(flag("bidirectional", &C::bidirectional, "scan in both directions"));
  table.push_back(real("dt_min", "TIME", &C::dt_min, {0.0, 1e3, true}, "smallest initial time of a step"));
  table.push_back(real("dt_max", "TIME", &C::dt_max, {0.0, 1e3, true}, "largest initial time of a step"));
  table.push_back(
      real("step_rescale", "FACTOR", &C::step_rescale, {0.0, 1e6, true}, "factor on the time of every step"));
  table.push_back(flag("prenorm", &C::prenorm, "normalize before the SSM instead of after the layer"));
  table.push_back(flag("batchnorm", &C::batchnorm, "batch normalization; false: layer normalization"));
  table.push_back(
      real("bn_momentum", "SHARE", &C::bn_momentum, {0.0, 1.0, false, true}, "momentum of the running statistics"));
  table.push_back(flag("qgelu_approx", &C::qgelu_approx, "GELU as x * clip(x + 2, 0, 4) / 4"));
  table.push_back(flag("hard_sigmoid", &C::hard_sigmoid, "sigmoid as clip(x + 3, 0, 6) / 6"));
  table.push_back(flag("use_layernorm_bias", &C::use_layernorm_bias, "layer normalization has a bias"));
  table.push_back(in_group(
      "quantization", word("scan", &C::scan, words_of({"recurrence", "tree"}), "how a quantized state is computed")));
  table.push_back(in_group("quantization",
                           flag("quantize_gradients", &C::quantize_gradients, "quantize gradients as their operands")));
  table.push_back(flag("pad", &C::pad, "scan and norm run over padding, as in the reference"));
}

void add_training_options(std::vector<Option>& table) {
  using C = RunConfig;
  table.push_back(whole("bsz", "SEQUENCES", &C::bsz, 1, 65536, "batch size"));
  table.push_back(whole("epochs", "EPOCHS", &C::epochs, 0, 1000000,
                        "passes over the training part; 0 with from: only calibrate its weights"));
  table.push_back(
      real("ssm_lr_base", "RATE", &C::ssm_lr_base, {0.0, 100.0, true}, "learning rate of the SSM's parameters"));
  table.push_back(real("lr_factor", "FACTOR", &C::lr_factor, {0.0, 1e6, true},
                       "on ssm_lr_base, for the learning rate of all other parameters"));
  table.push_back(flag("dt_global", &C::dt_global, "log_step learns like all other parameters, with decay"));
  table.push_back(real("lr_min", "RATE", &C::lr_min, {0.0, 100.0}, "learning rate at the end of the cosine"));
  table.push_back(whole("warmup_end", "EPOCHS", &C::warmup_end, 0, 1000000, "linear warm-up of the learning rate"));
  table.push_back(flag("cosine_anneal", &C::cosine_anneal, "cosine schedule after the warm-up; false: constant"));
  table.push_back(
      real("p_dropout", "SHARE", &C::p_dropout, {0.0, 1.0, false, true}, "dropout, tied over the sequence"));
  table.push_back(real("weight_decay", "RATE", &C::weight_decay, {0.0, 1e3}, "decoupled weight decay"));
  table.push_back(word("opt_config", &C::opt_config,
                       words_of({"standard", "BandCdecay", "BfastandCdecay", "noBCdecay", "qaft"}),
                       "which parameters learn at which rate (qaft: SGD with momentum, no decay)"));
  table.push_back(word("a_training", &C::a_training, words_of({"continuous", "discrete", "frozen"}),
                       "what learns of the state matrix (Lambda and the step, the discrete matrix itself, nothing)"));
  table.push_back(seed_option());
  table.push_back(whole("lanes", "LANES", &C::lanes, 1, 1024,
                        "lanes that a batch is dealt to; they change the last bits, unlike threads"));
}

void add_source_options(std::vector<Option>& table) {
  using C = RunConfig;
  table.push_back(path("from", "RUN", &C::from, "folder of a run whose weights this one starts from"));
  table.push_back(real("from_lr_factor", "FACTOR", &C::from_lr_factor, {0.0, 1e3, true}, "with from: on ssm_lr_base"));
  table.push_back(real("from_epochs_factor", "FACTOR", &C::from_epochs_factor, {0.0, 1e3, true},
                       "with from: on epochs, rounded to at least 1"));
  table.push_back(flag("balance", &C::balance, "with from: bring the states to one magnitude, by powers of two"));
}

void add_quant_options(std::vector<Option>& table) {
  using C = RunConfig;
  auto quants = quant_names();
  quants.insert(quants.begin(), "none");
  table.push_back(text_option("quant", "NAME|FILE", &C::quant, "path of a .quant file, or one of", std::move(quants)));
  table.push_back(bit_width("a_bits", &C::a_bits, "discrete state matrix A, or none"));
  table.push_back(bit_width("b_bits", &C::b_bits, "discrete B, or none"));
  table.push_back(bit_width("c_bits", &C::c_bits, "C, or none"));
  table.push_back(bit_width("d_bits", &C::d_bits, "D, or none"));
  table.push_back(bit_width("ssm_act_bits", &C::ssm_act_bits, "the SSM's activations, or none"));
  table.push_back(bit_width("non_ssm_bits", &C::non_ssm_bits, "weights of encoder, decoder and GLU, or none"));
  table.push_back(bit_width("non_ssm_act_bits", &C::non_ssm_act_bits, "all other activations, or none"));
  table.push_back(rules_option());
  table.push_back(whole("calibration_batches", "BATCHES", &C::calibration_batches, 0, 1000000,
                        "training batches that set the ranges before the first step; all, if there are fewer"));
}

void add_data_options(std::vector<Option>& table) {
  using C = RunConfig;
  constexpr std::size_t many = 1000000000;
  const auto own = words_of({"own"});
  const auto series = words_of({"own", "silverbox", "silverbox-arrow", "cascaded-tanks"});
  table.push_back(whole("limit_train", "SEQUENCES", &C::limit_train, 0, many, "use only so many for training; 0: all"));
  table.push_back(
      whole("limit_test", "SEQUENCES", &C::limit_test, 0, many, "use only so many for validation and test; 0: all"));
  table.push_back(
      only_for(words_of({"mackey-glass"}),
               real("tau", "TIME", &C::tau, {datasets::min_delay, datasets::max_delay}, "delay of Mackey-Glass")));
  table.push_back(only_for(
      words_of({"pathfinder", "pathx"}),
      whole("contour_length", "PADDLES", &C::contour_length, datasets::min_contour_length, datasets::max_contour_length,
            "length of Pathfinder's long snakes; LRA's easy, intermediate and hard images: 6, 9, 14")));
  table.push_back(only_for(words_of({"lorenz", "mackey-glass"}),
                           whole("trajectories", "TRAJECTORIES", &C::trajectories, datasets::min_trajectories,
                                 datasets::max_trajectories, "generated in all, for training and test")));
  table.push_back(real("val_split", "SHARE", &C::val_split, {0.0, 0.9},
                       "of the training part, for validation where there is none"));
  table.push_back(only_for(own, text_option("input", "COLUMNS", &C::input, "columns of a .csv that are inputs: a,b")));
  table.push_back(only_for(own, text_option("target", "COLUMNS", &C::target, "columns of a .csv that are targets")));
  table.push_back(only_for(
      series, whole("window", "STEPS", &C::window, 0, many, "of a training sequence cut from a series; 0: all of it")));
  table.push_back(only_for(
      series, whole("stride", "STEPS", &C::stride, 0, many, "between the starts of windows; 0: as long as a window")));
  table.push_back(
      only_for(series, whole("horizon", "STEPS", &C::horizon, 0, many, "the target is that of so many steps later")));
  table.push_back(only_for(
      own, word("task", &C::task, words_of({"auto", "classification", "regression", "value"}), "what is learnt")));
}

void add_run_options(std::vector<Option>& table) {
  using C = RunConfig;
  table.push_back(aside(path("data", "PATH", &C::data, "folder or file of the data; else $BITSTATE_DATA")));
  table.push_back(aside(path("out", "FOLDER", &C::out, "folder of the run; else one named by its settings")));
  table.push_back(aside(whole("threads", "THREADS", &C::threads, 0, 4096, "threads of the CPU; 0: all")));
  table.push_back(
      aside(real("checkpoint_seconds", "SECONDS", &C::checkpoint_seconds, {0.0, 1e9}, "between two checkpoints")));
  table.push_back(aside(flag("resume", &C::resume, "continue from the checkpoint in `out`")));
  table.push_back(aside(flag("json", &C::json, "end the output with one line of JSON")));
}

}  // namespace

std::vector<Option> option_table() {
  std::vector<Option> table;
  add_group(table, "model", add_model_options);
  add_group(table, "training", add_training_options);
  add_group(table, "training", add_source_options);
  add_group(table, "quantization", add_quant_options);
  add_group(table, "data", add_data_options);
  add_group(table, "run", add_run_options);
  return table;
}

}  // namespace bitstate::experiments
