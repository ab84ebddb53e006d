#include "experiments/sweep/sweep_file.h"

#include "core/error.h"
#include "core/suggest.h"
#include "experiments/run_folder/load.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

namespace bitstate::experiments {

namespace {

/// The lists zip.OPTION of a file.
struct ZipList {
  std::string key;
  std::string name;
  std::vector<std::string> values;
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

/// The parts of `text` between bars or, unless `bars_only` or where there is a bar, between blanks. A double quote at
/// the beginning of a value opens one that goes on to the next double quote. The quotes stay.
std::vector<std::string> parts_of(const std::string& key, std::string_view text, bool bars_only,
                                  std::string_view where) {
  const std::string_view before_values = bars_only ? " \t|=" : " \t|";
  std::vector<std::string> between_bars(1), between_blanks(1);
  bool quoted = false;
  char before = ' ';
  for (const char c : text) {
    if (c == '"' && (quoted ? before != '\\' : before_values.find(before) != before_values.npos)) quoted = !quoted;
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
  std::vector<std::string> parts;
  for (const std::string& part : bars_only || between_bars.size() > 1 ? between_bars : between_blanks) {
    if (!trimmed(part).empty()) parts.emplace_back(trimmed(part));
  }
  return parts;
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
void check_commas(const std::string& key, const std::string& name, const std::string& text,
                  const std::vector<std::string>& values, std::string_view where) {
  for (const std::string& value : values) {
    if (value.find(',') == value.npos) continue;
    const auto parts = split(value, ",");
    const bool list = !is_value(name, value) &&
                      std::all_of(parts.begin(), parts.end(), [&](const auto& part) { return is_value(name, part); });
    const std::string blanks = fmt::format("{}", fmt::join(split(text, " \t,|"), " "));
    require<UsageError>(!list, where, "{} = {} holds \"{}\", which is no value of {}; write {} = {}", key, text, value,
                        name, key, blanks);
    require<UsageError>(value.front() != ',' && value.back() != ',', where,
                        "{} = {} can be read in two ways: blanks separate values and commas belong to them; write "
                        "{} = {} for several values, or no blank beside a comma",
                        key, text, key, blanks);
  }
}

/// Refuses what is no option, and options that say how a run is done and not what it is: they would tell no run from
/// another.
void check_option(const std::string& key, const std::string& option, std::string_view where) {
  const Option* const row = find_option(option_table(), option);
  if (row == nullptr) refuse_unknown(fmt::format("{}: {}", where, key), option, names_of(run_options()));
  const bool allowed =
      key == "set.data" || (option == "give_up" && (key == "set.give_up" || key.starts_with("stage.")));
  require<UsageError>(row->affects_result || allowed, where,
                      "'{}': {} says how runs are done; give --{} to bitstate sweep", key, option, option);
}

/// The values of an option, which rules separate by bars since they hold blanks.
std::vector<std::string> read_values(const std::string& key, const std::string& option, const std::string& text,
                                     const Settings& overrides, std::string_view where) {
  check_option(key, option, where);
  std::vector<std::string> values = parts_of(key, text, option == "bits", where);
  require<UsageError>(!values.empty(), where, "'{}' has no values", key);
  for (std::string& value : values) value = without_quotes(value);
  if (last_value(overrides, option) == nullptr) check_commas(key, option, text, values, where);
  return values;
}

/// The option's own text for a value, so that 01 is 1; of one that it does not take, the value.
std::string spelling_of(const std::string& option, const std::string& value) {
  try {
    RunConfig config;
    set_option(config, option, value);
    return find_option(option_table(), option)->text(config);
  } catch (const UsageError&) {
    return value;
  }
}

SweepAxis read_axis(const std::string& key, const std::string& option, const std::string& text,
                    const Settings& overrides, std::string_view where) {
  SweepAxis axis{key, {option}, {}};
  std::set<std::string> spellings;
  for (const std::string& value : read_values(key, option, text, overrides, where)) {
    require<UsageError>(spellings.insert(spelling_of(option, value)).second, where, "{} = {} has {} twice", key, text,
                        value);
    axis.points.push_back({"", {{option, value}}});
  }
  return axis;
}

/// The entry `kind`NAME = option=value | option=value. `more` are names that stand beside the options.
NamedSettings read_settings(const std::string& key, std::string_view kind, const std::string& text,
                            std::string_view where, const std::vector<std::string>& more = {}) {
  NamedSettings entry{key.substr(kind.size()), {}};
  require<UsageError>(!entry.name.empty(), where, "'{}' has no name behind the dot", key);
  for (const std::string& part : parts_of(key, text, true, where)) {
    const auto equals = part.find('=');
    require<UsageError>(equals != part.npos && equals > 0, where,
                        "{} holds \"{}\"; expected option=value, with bars between several", key, part);
    const std::string option(trimmed(part.substr(0, equals)));
    if (!is_one_of(option, more)) check_option(key, option, where);
    entry.options.emplace_back(option, without_quotes(trimmed(part.substr(equals + 1))));
  }
  return entry;
}

/// A key of report --rows and --columns.
std::string read_table_key(const std::string& key, const std::string& value, std::string_view where) {
  std::vector<std::string> known = names_of(run_options());
  known.insert(known.end(), {"stage", "configuration", "label", "part", "width"});
  if (!is_one_of(value, known)) refuse_unknown(fmt::format("{}: {}", where, key), value, known);
  return value;
}

void add_entry(std::vector<NamedSettings>& entries, NamedSettings entry, std::string_view kind,
               std::string_view where) {
  for (const NamedSettings& other : entries) {
    require<UsageError>(other.name != entry.name, where, "{}.{} stands twice; each needs a label of its own", kind,
                        entry.name);
  }
  entries.push_back(std::move(entry));
}

/// The rows as one axis.
SweepAxis axis_of_rows(std::vector<NamedSettings> rows, std::string_view where) {
  SweepAxis axis{"row", {}, {}};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    require<UsageError>(!rows[i].options.empty(), where,
                        "row.{} has no options; expected option=value, with bars between several", rows[i].name);
    for (std::size_t j = 0; j < i; ++j) {
      require<UsageError>(rows[i].options != rows[j].options, where, "row.{} and row.{} are the same row", rows[j].name,
                          rows[i].name);
    }
    for (const auto& [name, value] : rows[i].options) {
      if (!is_one_of(name, axis.names)) axis.names.push_back(name);
    }
  }
  axis.points = std::move(rows);
  return axis;
}

/// The lists as one axis: their first values, their second values, ...
SweepAxis zipped(const std::vector<ZipList>& lists, std::string_view where) {
  SweepAxis axis{"zip", {}, std::vector<NamedSettings>(lists.front().values.size())};
  for (const ZipList& list : lists) {
    const ZipList& first = lists.front();
    require<UsageError>(list.values.size() == first.values.size(), where,
                        "{} has {} values and {} has {}, but they go together", first.key, first.values.size(),
                        list.key, list.values.size());
    require<UsageError>(!is_one_of(list.name, axis.names), where, "'{}' is an axis twice", list.name);
    axis.names.push_back(list.name);
    for (std::size_t i = 0; i < list.values.size(); ++i) axis.points[i].options.emplace_back(list.name, list.values[i]);
  }
  return axis;
}

/// An option may stand only once; rows and stages may change what is set for all.
void check_axes(const SweepFile& sweep, std::string_view where) {
  const auto& axes = sweep.axes;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    for (const std::string& name : axes[i].names) {
      require<UsageError>(axes[i].key == "row" || last_value(sweep.fixed, name) == nullptr, where,
                          "'{}' is both set and an axis", name);
      for (std::size_t j = 0; j < i; ++j) {
        const bool twice = is_one_of(name, axes[j].names);
        require<UsageError>(!twice || axes[j].key != "row", where, "'{}' is both an axis and an option of a row", name);
        require<UsageError>(!twice, where, "'{}' is an axis twice", name);
      }
      for (const NamedSettings& stage : sweep.stages) {
        require<UsageError>(last_value(stage.options, name) == nullptr, where,
                            "'{}' is given by {} and by stage.{}, which is the same for all rows", name, axes[i].key,
                            stage.name);
      }
    }
  }
}

void check_stages(const SweepFile& sweep, std::string_view where) {
  if (sweep.stages.empty()) return;
  require<UsageError>(sweep.stages.size() > 1, where, "stage.{} is the only stage; a second one starts from it",
                      sweep.stages.front().name);
  require<UsageError>(!sweep.recipe.empty(), where, "has stages, but no recipe for the first of them");
  const auto names_source = [](const NamedSettings& entry) { return last_value(entry.options, "from") != nullptr; };
  const bool started = last_value(sweep.fixed, "from") != nullptr ||
                       std::any_of(sweep.stages.begin(), sweep.stages.end(), names_source) ||
                       std::any_of(sweep.axes.begin(), sweep.axes.end(),
                                   [](const SweepAxis& axis) { return is_one_of("from", axis.names); });
  require<UsageError>(!started, where, "has stages, which start from the runs of the first; from is not for them");
  for (const auto& [name, value] : sweep.stages.front().options) {
    const Option& option = *find_option(option_table(), name);
    require<UsageError>(!option.gives_bits && option.inherited, where,
                        "stage.{} is the float run, which nothing comes before; {} is for the stages behind it",
                        sweep.stages.front().name, name);
  }
}

/// A constraint of a stage leaves out runs that start from those of the first.
void check_skipped_stage(const SweepFile& sweep, const NamedSettings& skip, const std::string& name,
                         std::string_view where) {
  require<UsageError>(!sweep.stages.empty(), where, "skip.{} names the stage {}, but there are no stages", skip.name,
                      name);
  require<UsageError>(name != sweep.stages.front().name, where,
                      "skip.{} names the stage {}, which the other stages start from", skip.name, name);
  const bool known = std::any_of(sweep.stages.begin(), sweep.stages.end(),
                                 [&](const NamedSettings& stage) { return stage.name == name; });
  require<UsageError>(known, where, "skip.{} names the stage {}, which there is not", skip.name, name);
}

/// A constraint speaks of what differs between points.
void check_skips(const SweepFile& sweep, std::string_view where) {
  for (const NamedSettings& skip : sweep.skips) {
    require<UsageError>(!skip.options.empty(), where,
                        "skip.{} has no options; expected option=value, with bars between several", skip.name);
    for (const auto& [name, value] : skip.options) {
      if (name == "stage") {
        check_skipped_stage(sweep, skip, value, where);
        continue;
      }
      const bool varied = std::any_of(sweep.axes.begin(), sweep.axes.end(), [&](const SweepAxis& axis) {
        return is_one_of(name, axis.names) || (name == "row" && axis.key == "row");
      });
      require<UsageError>(varied, where, "skip.{} names {}, which no row and no axis gives", skip.name, name);
    }
  }
}

/// Without the options that are given for all runs, and without axes that have no others.
void apply_overrides(SweepFile& sweep, const Settings& overrides) {
  const auto overridden = [&](const auto& setting) { return last_value(overrides, setting.first) != nullptr; };
  for (SweepAxis& axis : sweep.axes) {
    std::erase_if(axis.names, [&](const auto& name) { return last_value(overrides, name) != nullptr; });
    for (NamedSettings& point : axis.points) std::erase_if(point.options, overridden);
  }
  std::erase_if(sweep.axes, [](const SweepAxis& axis) { return axis.names.empty(); });
  for (NamedSettings& stage : sweep.stages) {  // what runs are they keep, but not when they are given up
    std::erase_if(stage.options, [&](const auto& option) { return option.first == "give_up" && overridden(option); });
  }
  const bool rows = !sweep.axes.empty() && sweep.axes.front().key == "row";
  std::erase_if(sweep.skips, [&](const NamedSettings& skip) {
    return std::any_of(skip.options.begin(), skip.options.end(), overridden) ||
           (!rows && last_value(skip.options, "row") != nullptr);
  });
  sweep.fixed.insert(sweep.fixed.end(), overrides.begin(), overrides.end());
  RunConfig config;
  for (const auto& [name, value] : sweep.fixed) set_option(config, name, value);  // a mistake in it is not one of a row
}

}  // namespace

SweepFile read_sweep_file(const Settings& file, std::string_view where, const Settings& overrides) {
  SweepFile sweep;
  std::vector<SweepAxis> quant, seeds;
  std::vector<NamedSettings> rows;
  std::vector<ZipList> zip;
  std::size_t zip_place = 0;
  for (const auto& [key, value] : file) {
    if (key == "recipe") {
      sweep.recipe = value;
    } else if (key == "seeds") {
      seeds.push_back(read_axis(key, "seed", value, overrides, where));
    } else if (key == "quant") {
      quant.push_back(read_axis(key, key, value, overrides, where));
    } else if (key.starts_with("set.")) {
      check_option(key, key.substr(4), where);
      sweep.fixed.emplace_back(key.substr(4), value);
    } else if (key.starts_with("axis.")) {
      sweep.axes.push_back(read_axis(key, key.substr(5), value, overrides, where));
    } else if (key.starts_with("zip.")) {
      if (zip.empty()) zip_place = sweep.axes.size();
      zip.push_back({key, key.substr(4), read_values(key, key.substr(4), value, overrides, where)});
    } else if (key.starts_with("row.")) {
      add_entry(rows, read_settings(key, "row.", value, where), "row", where);
    } else if (key.starts_with("skip.")) {
      add_entry(sweep.skips, read_settings(key, "skip.", value, where, {"row", "stage"}), "skip", where);
    } else if (key.starts_with("stage.")) {
      add_entry(sweep.stages, read_settings(key, "stage.", value, where), "stage", where);
    } else if (key == "table.rows" || key == "table.columns") {
      (key == "table.rows" ? sweep.table.rows : sweep.table.columns) = read_table_key(key, value, where);
    } else {
      fail<UsageError>(where, "'{}' is not a key of a sweep; keys with a name behind them are {}{}", key,
                       "set.OPTION, axis.OPTION, zip.OPTION, row.LABEL, skip.NAME and stage.NAME",
                       suggestion(key, {"recipe", "seeds", "quant", "table.rows", "table.columns"}));
    }
  }
  auto& axes = sweep.axes;
  if (!zip.empty()) axes.insert(axes.begin() + static_cast<std::ptrdiff_t>(zip_place), zipped(zip, where));
  if (!rows.empty()) axes.insert(axes.begin(), axis_of_rows(std::move(rows), where));
  axes.insert(axes.end(), quant.begin(), quant.end());
  axes.insert(axes.end(), seeds.begin(), seeds.end());
  require<UsageError>(sweep.table.rows.empty() == sweep.table.columns.empty(), where,
                      "a table of rows by columns needs both table.rows and table.columns");
  require<UsageError>(sweep.table.rows.empty() || sweep.table.rows != sweep.table.columns, where,
                      "table.rows and table.columns are both {}; a table needs two different keys", sweep.table.rows);
  check_axes(sweep, where);
  check_skips(sweep, where);
  apply_overrides(sweep, overrides);
  check_stages(sweep, where);
  return sweep;
}

}  // namespace bitstate::experiments
