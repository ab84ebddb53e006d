// From the text of a sweep to the runs that it asks for.
#include "core/error.h"
#include "core/suggest.h"
#include "experiments/run_folder/load.h"
#include "experiments/sweep/sweep.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <set>

namespace bitstate::experiments {

namespace {

struct Axis {
  std::string key;   ///< in the file: "seeds", "quant" or "axis.OPTION"
  std::string name;  ///< of the option
  std::string text;
  std::vector<std::string> values;
};

struct SweepFile {
  std::string recipe;
  Settings fixed;
  std::vector<Axis> axes;  ///< in the order in which they nest: quant and the seeds are the innermost
};

/// `part` without the double quotes in which all of it stands, where \" and \\ are a quote and a backslash.
std::string without_quotes(std::string_view part) {
  if (part.size() < 2 || part.front() != '"' || part.back() != '"') return std::string(part);
  std::string value;
  for (std::size_t i = 1; i + 1 < part.size(); ++i) {
    if (part[i] == '\\' && i + 2 < part.size() && (part[i + 1] == '"' || part[i + 1] == '\\')) ++i;
    value += part[i];
  }
  return value;
}

/// The parts of `text` between bars or, where there is none, between blanks. A part that begins with a double quote
/// goes on to the next one. Rules hold blanks: only bars separate them.
std::vector<std::string> values_of(const std::string& key, std::string_view text, std::string_view where) {
  std::vector<std::string> between_bars(1), between_blanks(1);
  bool quoted = false;
  char before = ' ';
  for (const char c : text) {
    if (c == '"' && (quoted ? before != '\\' : before == ' ' || before == '\t' || before == '|')) quoted = !quoted;
    before = quoted && before == '\\' && c == '\\' ? ' ' : c;
    if (!quoted && c == '|')
      between_bars.emplace_back();
    else
      between_bars.back() += c;
    if (!quoted && (c == ' ' || c == '\t'))
      between_blanks.emplace_back();
    else
      between_blanks.back() += c;
  }
  require<UsageError>(!quoted, where, "{} = {} has a double quote without its second one", key, text);
  const bool bars = between_bars.size() > 1 || key == "axis.bits";
  std::vector<std::string> values;
  for (const std::string& part : bars ? between_bars : between_blanks) {
    if (trimmed(part).empty()) continue;
    values.push_back(without_quotes(trimmed(part)));
  }
  require<UsageError>(!values.empty(), where, "'{}' has no values", key);
  return values;
}

/// Whether an option takes this text, as far as the text itself can tell.
bool is_value(const std::string& option, const std::string& text) {
  try {
    if (option == "from") return std::filesystem::exists(std::filesystem::path(text) / "settings.ini");
    if (option == "quant") {
      load_run_config("", {{option, text}});
    } else {
      RunConfig config;
      set_option(config, option, text);
    }
    return true;
  } catch (const UsageError&) {
    return false;
  }
}

/// Commas belong to a value. Refuses lists with commas between their values: those that make no value, and those that
/// can be read in two ways.
void check_commas(const Axis& axis, std::string_view where) {
  for (const std::string& value : axis.values) {
    if (value.find(',') == value.npos) continue;
    const auto parts = split(value, ",");
    const bool list = !is_value(axis.name, value) && std::all_of(parts.begin(), parts.end(), [&](const auto& part) {
      return is_value(axis.name, part);
    });
    const std::string blanks = fmt::format("{}", fmt::join(split(axis.text, " \t,|"), " "));
    require<UsageError>(!list, where, "{} = {} holds \"{}\", which is no value of {}; write {} = {}", axis.key,
                        axis.text, value, axis.name, axis.key, blanks);
    require<UsageError>(value.front() != ',' && value.back() != ',', where,
                        "{} = {} can be read in two ways: blanks separate values and commas belong to them; write "
                        "{} = {} for several values, or no blank beside a comma",
                        axis.key, axis.text, axis.key, blanks);
  }
}

/// Refuses options that say how a run is done and not what it is: they would tell no run from another.
void check_option(const std::string& key, const std::string& option, std::string_view where) {
  const Option* const row = find_option(option_table(), option);
  const bool aside = row != nullptr && !row->affects_result && key != "set.data";
  require<UsageError>(!aside, where, "'{}': {} says how runs are done; give --{} to bitstate sweep", key, option,
                      option);
}

Axis read_axis(const std::string& key, const std::string& option, const std::string& text, std::string_view where) {
  Axis axis{key, option, text, values_of(key, text, where)};
  check_option(key, option, where);
  return axis;
}

SweepFile read_sweep(const Settings& file, std::string_view where) {
  SweepFile sweep;
  std::vector<Axis> quant, seeds;
  for (const auto& [key, value] : file) {
    if (key == "recipe") {
      sweep.recipe = value;
    } else if (key == "seeds") {
      seeds.push_back(read_axis(key, "seed", value, where));
    } else if (key == "quant") {
      quant.push_back(read_axis(key, key, value, where));
    } else if (key.starts_with("set.")) {
      check_option(key, key.substr(4), where);
      sweep.fixed.emplace_back(key.substr(4), value);
    } else if (key.starts_with("axis.")) {
      sweep.axes.push_back(read_axis(key, key.substr(5), value, where));
    } else {
      fail<UsageError>(where, "'{}' is not a key of a sweep{}; set.OPTION and axis.OPTION are keys, too", key,
                       suggestion(key, {"recipe", "seeds", "quant"}));
    }
  }
  sweep.axes.insert(sweep.axes.end(), quant.begin(), quant.end());
  sweep.axes.insert(sweep.axes.end(), seeds.begin(), seeds.end());
  return sweep;
}

/// An option may stand only once.
void check_axes(const std::vector<Axis>& axes, const Settings& fixed, std::string_view where) {
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto& name = axes[i].name;
    const bool set = std::any_of(fixed.begin(), fixed.end(), [&](const auto& item) { return item.first == name; });
    require<UsageError>(!set, where, "'{}' is both set and an axis", name);
    for (std::size_t j = 0; j < i; ++j) {
      require<UsageError>(axes[j].name != name, where, "'{}' is an axis twice", name);
    }
  }
}

/// Without a recipe the runs take the settings of the run that they start from.
bool names_source(const Settings& fixed, const std::vector<Axis>& axes) {
  return std::any_of(fixed.begin(), fixed.end(), [](const auto& item) { return item.first == "from"; }) ||
         std::any_of(axes.begin(), axes.end(), [](const Axis& axis) { return axis.name == "from"; });
}

/// Steps `digits` to the next point of the product, the last axis fastest; false after the last one.
bool advance(std::vector<std::size_t>& digits, const std::vector<Axis>& axes) {
  for (std::size_t i = axes.size(); i-- > 0;) {
    if (++digits[i] < axes[i].values.size()) return true;
    digits[i] = 0;
  }
  return false;
}

/// In `from`, {seed} is the seed of the run: runs of several seeds start from float runs of the same seeds.
void put_seed_in_source(Settings& options, std::string_view where) {
  constexpr std::string_view mark = "{seed}";
  const std::string* const seed = last_value(options, "seed");
  for (auto& [key, value] : options) {
    if (key != "from" || value.find(mark) == value.npos) continue;
    require<UsageError>(seed != nullptr, where, "from={} names the seed of a run, but the sweep has no seeds", value);
    for (std::size_t at = 0; (at = value.find(mark, at)) != value.npos; at += seed->size()) {
      value.replace(at, mark.size(), *seed);
    }
  }
}

RunConfig float_reference(const RunConfig& config) {
  RunConfig reference = config;
  for (const Option& option : option_table()) {
    if (option.gives_bits) option.set(reference, "none");
  }
  reference.quantization.text.clear();
  reference.quantization.trained_rules.reset();
  return reference;
}

}  // namespace

std::vector<SweepRun> plan_sweep(const Settings& file, std::string_view where, const Settings& overrides) {
  const SweepFile sweep = read_sweep(file, where);
  Settings fixed = sweep.fixed;
  fixed.insert(fixed.end(), overrides.begin(), overrides.end());
  check_axes(sweep.axes, sweep.fixed, where);
  std::vector<Axis> axes = sweep.axes;
  std::erase_if(axes, [&](const Axis& axis) { return last_value(overrides, axis.name) != nullptr; });
  for (const Axis& axis : axes) check_commas(axis, where);
  require<UsageError>(!sweep.recipe.empty() || names_source(fixed, axes), where,
                      "names neither a recipe nor a run to start from (--from, or set.from in the file)");

  std::vector<SweepRun> runs;
  std::set<std::string> planned;
  const auto plan = [&](const RunConfig& config, std::vector<std::string> words) {
    const std::string hash = settings_hash(config);
    if (!planned.insert(hash).second) return;
    const std::string label = fmt::format("{}", fmt::join(words, " "));
    std::erase_if(words, [](const std::string& word) { return word.starts_with("seed="); });
    const std::string row = words.empty() ? "quantized" : fmt::format("{}", fmt::join(words, " "));
    runs.push_back({config, hash, label, row});
  };
  std::vector<std::size_t> digits(axes.size(), 0);
  do {
    Settings options = fixed;
    std::vector<std::string> quantized, others;
    for (std::size_t i = 0; i < axes.size(); ++i) {
      const auto& value = axes[i].values[digits[i]];
      options.emplace_back(axes[i].name, value);
      (is_quant_setting(axes[i].name) ? quantized : others).push_back(axes[i].name + "=" + value);
    }
    put_seed_in_source(options, where);
    const RunConfig config = load_run_config(sweep.recipe, options);
    std::vector<std::string> reference = others;
    reference.insert(reference.begin(), "float");
    plan(float_reference(config), std::move(reference));
    quantized.insert(quantized.end(), others.begin(), others.end());
    plan(config, std::move(quantized));
  } while (advance(digits, axes));
  return runs;
}

}  // namespace bitstate::experiments
