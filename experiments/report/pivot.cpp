#include "experiments/report/pivot.h"

#include "core/error.h"
#include "experiments/report/figures.h"
#include "experiments/results/texts.h"
#include "experiments/settings/options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

namespace bitstate::experiments {

namespace {

std::optional<std::size_t> place_in(const std::vector<std::string>& names, std::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  return found == names.end() ? std::nullopt : std::optional<std::size_t>(found - names.begin());
}

/// "W8A8" of "W8A8 d_model=8": what the label says apart from settings that vary.
std::string bare_label(const Report& report, const RunRecord& run) {
  std::string label = run.label;
  const auto ends_with_one = [&](const std::string& column) {
    const std::string words = fmt::format(" {}={}", column, run.setting(column));
    if (!label.ends_with(words)) return false;
    label.resize(label.size() - words.size());
    return true;
  };
  while (std::any_of(report.columns.begin(), report.columns.end(), ends_with_one)) continue;
  return label;
}

/// "A, shear" of "A, shear, 4 bits" with `words` "4 bits", and "A" of "A of 4 bits"; nothing if the label does not say
/// them.
std::optional<std::string> label_without(const std::string& label, const std::string& words) {
  for (std::size_t at = label.find(words); at != label.npos; at = label.find(words, at + 1)) {
    const std::size_t end = at + words.size();
    const bool begins = at == 0 || label[at - 1] == ' ';
    if (!begins || (end < label.size() && label[end] != ' ' && label[end] != ',')) continue;
    const std::size_t last = at == 0 ? label.npos : label.find_last_not_of(", ", at - 1);
    std::string rest = last == label.npos ? "" : label.substr(0, last + 1);
    if (rest.ends_with(" of")) rest.resize(rest.size() - 3);
    rest += label.substr(end);
    rest.erase(0, rest.find_first_not_of(", "));
    return rest;
  }
  return std::nullopt;
}

/// What a key says of rows.
class Key {
 public:
  Key(const Report& report, std::string name) : report_(report), name_(std::move(name)) {
    title_ = place_in(report.titles, name_);
    rules_ = name_ == "part" || name_ == "width";
    column_ = place_in(report.columns, rules_ ? "bits" : name_);
    require<UsageError>(title_ || column_ || is_label(), "report", "rows have no \"{}\"; there are {}", name_,
                        fmt::join(names_of(report), ", "));
  }

  /// The title of the table that needs not be said beside it. Settings stand in a label.
  [[nodiscard]] std::string_view told_by() const {
    if (title_) return name_;
    return report_.labelled() ? "configuration" : "bits";
  }
  [[nodiscard]] bool is_column(std::size_t column) const { return !rules_ && column_ == column; }

  /// Nothing of rules without a width.
  [[nodiscard]] std::optional<std::string> value(const ReportRow& row) const {
    if (!rules_) {
      std::string text = is_label() ? bare_label(report_, row.runs.front())
                         : title_   ? row.names[*title_]
                                    : value_text(name_, row.values[*column_]);
      return text.empty() ? "none" : text;
    }
    const auto rules = bits_of_rules(row.values[*column_]);
    if (!rules) return std::nullopt;
    const std::string width = fmt::format("{}", rules->bits);
    if (name_ == "width") return width;
    const auto part = label_without(bare_label(report_, row.runs.front()), width + " bits");
    return part && !part->empty() ? *part : rules->family;
  }

 private:
  static std::set<std::string> names_of(const Report& report) {
    std::set<std::string> names(report.titles.begin(), report.titles.end());
    names.insert(report.columns.begin(), report.columns.end());
    if (report.labelled()) names.insert("label");
    if (place_in(report.columns, "bits")) names.insert({"part", "width"});
    names.erase("extended_from");
    return names;
  }

  [[nodiscard]] bool is_label() const { return name_ == "label" && report_.labelled(); }

  const Report& report_;
  std::string name_;
  bool rules_ = false;
  std::optional<std::size_t> title_;
  std::optional<std::size_t> column_;
};

/// What tells tables apart: titles that no key says, and the data, as (name, value).
using Panel = std::vector<std::pair<std::string, std::string>>;

Panel panel_of(const Report& report, const ReportRow& row, const Key& down, const Key& across) {
  Panel panel;
  for (std::size_t i = 0; i < report.titles.size(); ++i) {
    const std::string& title = report.titles[i];
    if (title != down.told_by() && title != across.told_by()) panel.emplace_back(title, row.names[i]);
  }
  for (std::size_t i = 0; i < report.columns.size(); ++i) {
    const std::string& column = report.columns[i];
    const bool said = down.is_column(i) || across.is_column(i) || place_in(report.titles, column);
    if (decides_test(column) && !said) panel.emplace_back(column, row.values[i]);
  }
  return panel;
}

/// A panel for each row. Where rows of one panel have the same place, settings in which these differ tell panels apart,
/// as few as it takes; what rows started from is the last of them, since it follows from the others.
std::vector<Panel> panels_of(const Report& report, const Key& down, const Key& across) {
  std::vector<Panel> panels;
  for (const auto& row : report.rows) panels.push_back(panel_of(report, row, down, across));
  std::vector<std::size_t> columns;
  for (std::size_t i = 0; i < report.columns.size(); ++i) {
    if (!down.is_column(i) && !across.is_column(i)) columns.push_back(i);
  }
  std::stable_partition(columns.begin(), columns.end(), [&](std::size_t i) { return report.columns[i] != "from"; });
  for (const std::size_t column : columns) {
    std::map<std::tuple<Panel, std::string, std::string>, std::string> first;  // values of the column by places
    bool differ = false;
    for (std::size_t r = 0; r < panels.size(); ++r) {
      const ReportRow& row = report.rows[r];
      const auto y = down.value(row);
      const auto x = across.value(row);
      if (!x || !y) continue;
      const std::string& value = row.values[column];
      differ = differ || first.emplace(std::tuple(panels[r], *y, *x), value).first->second != value;
    }
    if (!differ) continue;
    for (std::size_t r = 0; r < panels.size(); ++r) {
      const std::string value = value_text(report.columns[column], report.rows[r].values[column]);
      panels[r].emplace_back(report.columns[column], value.empty() ? "none" : value);
    }
  }
  return panels;
}

std::string cell_text(const ReportRow& row, bool name_metric, std::string_view best_mark) {
  if (!row.test.mean) {
    if (row.running > 0) return "running";
    if (row.diverged > 0) return "diverged";
    return row.given_up > 0 ? "given up" : std::string(no_value);
  }
  std::string text = (name_metric ? row.metric + " " : "") + statistic_text(row.metric, row.test);
  const std::size_t all = row.seeds();
  std::string without;
  for (const auto& [count, what] : {std::pair(row.diverged, "diverged"),
                                    {row.given_up, "given up"},
                                    {row.running, "running"},
                                    {row.missing + all - row.runs.size(), "missing"}}) {
    if (count == 0) continue;
    without += without.empty() ? fmt::format("{} of {} {}", count, all, what) : fmt::format(", {} {}", count, what);
  }
  if (!without.empty()) text += " (" + without + ")";
  return text + std::string(row.best ? best_mark : "");
}

struct Values {
  std::vector<std::string> list;  ///< each once, in the order of the rows

  std::size_t place(const std::string& value) {
    if (const auto known = place_in(list, value)) return *known;
    list.push_back(value);
    return list.size() - 1;
  }
};

/// In the order in which each of `lines` has them: float, ptq, qaft of the lines float, qaft and ptq, qaft.
std::vector<std::string> ordered(std::vector<std::string> left, const std::map<std::string, Values>& lines) {
  std::vector<std::string> values;
  while (!left.empty()) {
    const auto is_next = [&](const std::string& value) {
      return std::all_of(lines.begin(), lines.end(), [&](const auto& line) {
        for (const auto& one : line.second.list) {
          if (one == value) return true;
          if (place_in(left, one)) return !place_in(line.second.list, value);
        }
        return true;
      });
    };
    auto next = std::find_if(left.begin(), left.end(), is_next);
    if (next == left.end()) next = left.begin();  // the lines contradict each other
    values.push_back(*next);
    left.erase(next);
  }
  return values;
}

/// Rows with labels keep their order; else the values are in theirs.
Values values_of(const Report& report, const std::vector<const ReportRow*>& rows, const Key& key, const Key& other) {
  Values values;
  std::map<std::string, Values> lines;  // by the other key
  for (const ReportRow* row : rows) {
    const auto value = key.value(*row);
    if (!value) continue;
    values.place(*value);
    lines[other.value(*row).value_or("")].place(*value);
  }
  if (report.labelled()) {
    values.list = ordered(std::move(values.list), lines);
  } else {
    std::stable_sort(values.list.begin(), values.list.end(), [](const std::string& a, const std::string& b) {
      return value_before(a == "float" ? "none" : a, b == "float" ? "none" : b);
    });
  }
  return values;
}

PivotGrid grid_of(const Report& report, const std::vector<const ReportRow*>& rows, const Key& down, const Key& across) {
  Values downwards = values_of(report, rows, down, across);
  Values sideways = values_of(report, rows, across, down);
  PivotGrid grid;
  grid.cells.assign(downwards.list.size(), std::vector<const ReportRow*>(sideways.list.size(), nullptr));
  for (const ReportRow* row : rows) {
    const auto r = down.value(*row);
    const auto c = across.value(*row);
    if (!r || !c) {
      grid.beside.push_back(row);
      continue;
    }
    grid.cells[downwards.place(*r)][sideways.place(*c)] = row;
  }
  grid.down = std::move(downwards.list);
  grid.across = std::move(sideways.list);
  return grid;
}

PivotTable table_of(const Report& report, const PivotGrid& grid, std::string_view best_mark) {
  std::set<std::string> metrics;
  const auto add_metric = [&](const ReportRow* row) {
    if (row != nullptr && !row->metric.empty()) metrics.insert(row->metric);
  };
  for (const auto& line : grid.cells) std::for_each(line.begin(), line.end(), add_metric);
  std::for_each(grid.beside.begin(), grid.beside.end(), add_metric);
  const auto text = [&](const ReportRow& row) { return cell_text(row, metrics.size() > 1, best_mark); };
  PivotTable table{.title = grid.title, .cells = {}, .beside = {}};
  table.cells.push_back({fmt::format("{} \\ {}", report.pivot.rows, report.pivot.columns)});
  table.cells[0].insert(table.cells[0].end(), grid.across.begin(), grid.across.end());
  for (std::size_t r = 0; r < grid.down.size(); ++r) {
    auto& line = table.cells.emplace_back(1, grid.down[r]);
    for (const ReportRow* row : grid.cells[r]) line.push_back(row == nullptr ? std::string(no_value) : text(*row));
  }
  for (const ReportRow* row : grid.beside) {
    const bool is_plain = row->is_float && !report.labelled() && grid.title.empty();
    table.beside.push_back(fmt::format("{}: {}", is_plain ? "float" : row_label(report, *row), text(*row)));
  }
  return table;
}

/// What a panel has and others have not.
std::string title_of(const Panel& panel, const std::vector<Panel>& panels) {
  std::string title;
  for (std::size_t i = 0; i < panel.size(); ++i) {
    const bool differs = std::any_of(panels.begin(), panels.end(),
                                     [&](const Panel& other) { return other[i].second != panel[i].second; });
    if (differs) title += fmt::format("{}{} {}", title.empty() ? "" : ", ", panel[i].first, panel[i].second);
  }
  return title;
}

}  // namespace

std::vector<PivotGrid> pivot_grids(const Report& report) {
  if (report.pivot.rows.empty()) return {};
  require<UsageError>(report.pivot.rows != report.pivot.columns, "report",
                      "--rows={0} --columns={0}: a table needs two different keys", report.pivot.rows);
  const Key down(report, report.pivot.rows);
  const Key across(report, report.pivot.columns);
  const std::vector<Panel> of_rows = panels_of(report, down, across);
  std::map<std::string, Panel> panels;
  std::map<std::string, std::vector<const ReportRow*>> members;
  Values titles;
  std::map<std::string, Values> lines;  // by label
  for (std::size_t r = 0; r < of_rows.size(); ++r) {
    const ReportRow& row = report.rows[r];
    const std::string title = fmt::format("{}", of_rows[r]);
    panels.emplace(title, of_rows[r]);
    members[title].push_back(&row);
    titles.place(title);
    lines[row.runs.front().label].place(title);
  }
  if (report.labelled()) titles.list = ordered(std::move(titles.list), lines);
  std::vector<PivotGrid> grids;
  std::vector<const ReportRow*> left;
  for (const auto& title : titles.list) {
    PivotGrid grid = grid_of(report, members[title], down, across);
    if (grid.beside.size() == members[title].size()) {
      left.insert(left.end(), grid.beside.begin(), grid.beside.end());
      continue;
    }
    grid.title = title_of(panels.at(title), of_rows);
    grids.push_back(std::move(grid));
  }
  require<UsageError>(!grids.empty(), "report", "--rows={} --columns={} makes no table: no row has both",
                      report.pivot.rows, report.pivot.columns);
  grids.back().beside.insert(grids.back().beside.end(), left.begin(), left.end());
  return grids;
}

std::vector<PivotTable> pivot_tables(const Report& report, std::string_view best_mark) {
  std::vector<PivotTable> tables;
  for (const auto& grid : pivot_grids(report)) tables.push_back(table_of(report, grid, best_mark));
  return tables;
}

}  // namespace bitstate::experiments
