#include "experiments/settings/run_config.h"

#include "core/error.h"
#include "core/text.h"
#include "experiments/posttraining/transform.h"
#include "experiments/settings/options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>
#include <utility>

namespace bitstate::experiments {
namespace {

/// `balance` at the front is the option of this name: so runs have kept it.
void set_transforms(SourceSettings& source, std::string_view value) {
  std::vector<std::string> texts;
  for (const TransformStep& step : transform_steps(value == "none" ? "" : value)) texts.push_back(step.text);
  const bool balances = !texts.empty() && texts.front() == "balance";
  if (balances) texts.erase(texts.begin());
  if (!value.empty()) source.balance = balances;  // an empty list says nothing
  source.transforms = std::move(texts);
}

/// The list, where it holds more than the option `balance` says.
std::string transforms_text(const SourceSettings& source) {
  if (source.transforms.empty()) return {};
  return fmt::format("{}{}", source.balance ? "balance," : "", fmt::join(source.transforms, ","));
}

/// One or more rules, separated by semicolons; white space within a rule is made single spaces.
void add_rules(QuantSettings& settings, std::string_view value) {
  if (value == "none") {
    settings.bits.clear();
    return;
  }
  for (const auto& rule : split(value, ";\n")) {
    const auto parts = split(rule.substr(0, rule.find('#')), " \t");
    if (parts.size() < 2) {
      options::refuse("bits", rule, "a rule \"glob bits [key=value ...]\", as in \"act:* 8 range=ema\"");
    }
    settings.bits.push_back(fmt::format("{}", fmt::join(parts, " ")));
  }
}

void validate_subjects(const RunConfig& c) {
  for (const Option& option : option_table()) {
    require<UsageError>(is_meaningful(option, c), option.name, "does not apply to {}; it is for {}",
                        other_subject(option, c), fmt::join(option.subjects, ", "));
  }
}

void validate_source(const RunConfig& c) {
  if (!c.source.from.empty()) return;
  const auto needs_from = [](bool given, std::string_view option) {
    require<UsageError>(!given, option, "is only for a run that starts from another one, which --from=RUN names");
  };
  require<UsageError>(c.training.epochs > 0, "epochs",
                      "expected a whole number from 1 to 1000000 (or 0 with --from=RUN), got \"0\"");
  needs_from(c.source.lr_factor != 1.0, "from_lr_factor");
  needs_from(c.source.epochs_factor != 1.0, "from_epochs_factor");
  needs_from(c.source.balance, "balance");
  needs_from(!c.source.transforms.empty(), "transforms");
  needs_from(c.source.top_blocks.has_value(), "top_blocks");
}

void set_top_blocks(SourceSettings& source, std::string_view value) {
  source.top_blocks.reset();
  if (value != "all") source.top_blocks = options::read_whole("top_blocks", value, 0, 1000000);
}

/// A whole number of bytes, or of 1000, 1000^2 or 1000^3 of them.
void set_memory_budget(RunSettings& run, std::string_view value) {
  run.memory_budget = 0;
  if (value == "none") return;
  constexpr std::string_view suffixes = "kMG";
  std::size_t number = 0;
  const char* const end = value.data() + value.size();
  const auto [rest, error] = std::from_chars(value.data(), end, number);
  const auto suffix = rest == end ? 0 : suffixes.find(*rest) + 1;  // 0 where there is none, or an unknown one
  constexpr std::size_t most = 1'000'000'000'000'000;
  bool read = error == std::errc() && number > 0 && number <= most && end - rest <= 1;
  for (std::size_t i = 0; read && i < suffix; ++i) {
    read = number <= most / 1000;
    number *= 1000;
  }
  if (!read || (rest != end && suffix == 0)) options::refuse("memory_budget", value, "bytes, as 500000, 500k or 8M");
  run.memory_budget = number;
}

void validate_top_blocks(const RunConfig& c) {
  require<UsageError>(c.source.top_blocks || !c.run.cache_prefix, "cache_prefix",
                      "is only for a run whose lower layers are frozen, by --top_blocks=N");
  if (!c.source.top_blocks) return;
  require<UsageError>(*c.source.top_blocks <= layers_of(c.model), "top_blocks",
                      "expected at most n_layers = {}, got \"{}\"", layers_of(c.model), *c.source.top_blocks);
  require<UsageError>(c.training.epochs > 0, "top_blocks", "says which layers train, but epochs = 0 trains none");
}

void set_give_up(RunSettings& run, std::string_view value) {
  run.give_up.reset();
  if (value == "none") return;
  const auto colon = value.find(':');
  if (colon == value.npos) options::refuse("give_up", value, "EPOCH:VALUE, as in 5:0.9, or none");
  run.give_up = {options::read_whole("give_up", value.substr(0, colon), 1, 1000000),
                 options::read_real("give_up", value.substr(colon + 1), {-1e300, 1e300})};
}

}  // namespace

OptionTable<SourceSettings> source_options() {
  using S = SourceSettings;
  OptionTable<S> table("training");
  table.path("from", "RUN", &S::from, "folder of a run whose weights this one starts from");
  table.real("from_lr_factor", "FACTOR", &S::lr_factor, {0.0, 1e3, true}, "with from: on ssm_lr_base").checked_alone =
      true;
  table
      .real("from_epochs_factor", "FACTOR", &S::epochs_factor, {0.0, 1e3, true},
            "with from: on epochs, rounded to at least 1")
      .checked_alone = true;
  table.flag("balance", &S::balance, "with from: bring the states to one magnitude, by powers of two").changes_trained =
      true;
  auto& transforms = table.add("transforms", "LIST", "with from: transforms of its weights, in this order; known",
                               set_transforms, [](const S& s) { return transforms_text(s); });
  transforms.changes_trained = true;
  for (const Transform& transform : all_transforms()) transforms.words.push_back(transform.name);
  table.add("top_blocks", "N|all",
            "with from: how many of the last layers train, with what is behind them; 0: the head", set_top_blocks,
            [](const S& s) { return s.top_blocks ? options::whole_text(*s.top_blocks) : std::string("all"); });
  for (auto& option : table.rows()) option.inherited = false;
  return table;
}

OptionTable<QuantSettings> quant_options() {
  using Q = QuantSettings;
  OptionTable<Q> table("quantization");
  auto quants = quant_names();
  quants.insert(quants.begin(), "none");
  const auto set_quant = [](Q& q, std::string_view value) { q.quant = value.empty() ? "none" : value; };
  table.add("quant", "NAME|FILE", "path of a .quant file, or one of", set_quant, [](const Q& q) { return q.quant; })
      .words = std::move(quants);
  table.add("bits", "RULE", "a further rule \"glob bits [key=value ...]\"; may be given again; none drops all",
            add_rules, [](const Q& q) { return fmt::format("{}", fmt::join(q.bits, "; ")); });
  for (auto& option : table.rows()) option.gives_bits = true;
  table
      .word("weight_range", &Q::weight_range, {"absmax", "mse", "stored"},
            "of weights whose rule says absmax, or nothing; stored: begins as mse and is kept, so that evolve moves it")
      .inherited = false;
  return table;
}

std::string text_of(const std::optional<GiveUpRule>& rule) {
  return rule ? fmt::format("{}:{}", rule->epoch, options::real_text(rule->worse_than)) : "none";
}

OptionTable<RunSettings> how_options() {
  using R = RunSettings;
  OptionTable<R> table("run");
  table.path("out", "FOLDER", &R::out, "folder of the run; else one named by its settings");
  table.whole("threads", "THREADS", &R::threads, 0, 4096, "threads of the CPU; 0: all");
  table.word("memory", &R::memory, {"fast", "small"},
             "small: a backward pass computes each layer again; less memory, more time, the same bits");
  table.flag("cache_prefix", &R::cache_prefix,
             "with top_blocks: keep the results of the frozen layers in memory; less time, the same bits");
  table.flag("ledger", &R::ledger, "print the bytes and FLOPs of a training step, op by op, before the first one");
  table.real("checkpoint_seconds", "SECONDS", &R::checkpoint_seconds, {0.0, 1e9}, "between two checkpoints");
  table.flag("tensorboard", &R::tensorboard, "also write what curves.csv says as an event file of TensorBoard");
  table.add("give_up", "EPOCH:VALUE", "end a run whose best validation metric up to that epoch is worse; none: never",
            set_give_up, [](const R& r) { return text_of(r.give_up); });
  table.flag("resume", &R::resume, "continue from the checkpoint in `out`");
  table.flag("json", &R::json, "end the output with one line of JSON");
  for (auto& option : table.rows()) option.affects_result = false;
  auto& budget = table.add(
      "memory_budget", "BYTES", "what training passes may take, as 8M; chooses top_blocks and the forms of backward",
      set_memory_budget,
      [](const R& r) { return r.memory_budget == 0 ? std::string("none") : options::whole_text(r.memory_budget); });
  budget.inherited = false;
  return table;
}

void validate(const RunConfig& c) {
  validate(c.model);
  validate_subjects(c);
  validate_source(c);
  validate_top_blocks(c);
  for (const TransformStep& step : transforms_of(c.source)) {
    require<UsageError>(!step.transform->needs_calibration || c.training.calibration_batches > 0, step.transform->name,
                        "needs training batches; calibration_batches is 0");
  }
  require<UsageError>(c.training.lr_min <= second_lr_of(c), "lr_min", "expected at most ssm_lr_base = {1}, got \"{0}\"",
                      c.training.lr_min, second_lr_of(c));
}

std::vector<TransformStep> transforms_of(const SourceSettings& source) {
  return transform_steps(fmt::format("{}{}", source.balance ? "balance," : "", fmt::join(source.transforms, ",")));
}

void drop_searches(SourceSettings& source) {
  std::erase_if(source.transforms,
                [](const std::string& step) { return transform_steps(step).front().transform->after_calibration; });
}

std::size_t epochs_of(const RunConfig& config) {
  const std::size_t given = config.training.epochs;
  if (config.source.from.empty() || given == 0) return given;
  const double epochs = static_cast<double>(given) * config.source.epochs_factor;
  return std::max<std::size_t>(1, static_cast<std::size_t>(std::llround(epochs)));
}

double second_lr_of(const RunConfig& config) {
  return config.training.second_lr * (config.source.from.empty() ? 1.0 : config.source.lr_factor);
}

namespace {

/// The rule of weights, with `range` in place of absmax, where it can have it: points of a fixed form have no range,
/// and some options need absmax.
std::string with_range(const std::string& rule, const std::string& range) {
  auto words = split(rule, " ");
  std::erase(words, "range=absmax");
  const bool weight = words.size() > 1 && (words[0].starts_with("weight:") || words[0].starts_with("?weight:"));
  if (!weight || words[1] == "none") return rule;
  const auto begins = [&](std::string_view key) {
    return std::any_of(words.begin() + 2, words.end(), [&](const auto& word) { return word.starts_with(key); });
  };
  if (begins("range=") || begins("form=") || begins("parts=") || begins("sign=")) return rule;
  if (range == "mse" && begins("group=")) return rule;
  return fmt::format("{} range={}", fmt::join(words, " "), range);
}

}  // namespace

std::string quant_rules(const RunConfig& c) {
  if (c.quantization.trained_rules) return *c.quantization.trained_rules;
  std::string rules = c.quantization.text + bitstate::quant_rules(c.model, c.preset);
  for (const auto& rule : c.quantization.bits) rules += rule + "\n";
  if (c.quantization.weight_range == "absmax") return rules;
  std::string ranged;
  for (const auto& rule : split(rules, "\n"))
    ranged += with_range(std::string(rule), c.quantization.weight_range) + "\n";
  return ranged;
}

}  // namespace bitstate::experiments
