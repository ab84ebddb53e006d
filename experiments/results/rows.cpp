#include "experiments/results/rows.h"

#include "experiments/results/compare_rows.h"
#include "experiments/results/planned.h"
#include "experiments/results/published.h"
#include "experiments/results/texts.h"
#include "experiments/settings/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <utility>

namespace bitstate::experiments {

namespace {

using Curve = std::vector<std::pair<double, double>>;

bool row_before(const ReportRow& a, const ReportRow& b) {
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    if (a.values[i] != b.values[i]) return value_before(a.values[i], b.values[i]);
  }
  return false;
}

/// At every epoch the mean over the curves that reach it.
Curve mean_curve(const std::vector<const Curve*>& curves) {
  std::map<double, std::pair<double, double>> sums;  // epoch: sum, count
  for (const Curve* curve : curves) {
    for (const auto& [epoch, value] : *curve) {
      sums[epoch].first += value;
      sums[epoch].second += 1.0;
    }
  }
  Curve mean;
  for (const auto& [epoch, sum] : sums) mean.emplace_back(epoch, sum.first / sum.second);
  return mean;
}

/// What does not depend on the seed.
void add_cost(ReportRow& row, const RunRecord& run) {
  const auto take = [&](std::optional<double>& to, const std::string& name, double unit) {
    if (const auto found = run.figures.find(name); found != run.figures.end()) to = found->second / unit;
  };
  take(row.size_kib, "size_bits", 8192.0);
  take(row.a_stored_bits, "a_stored_bits", 1.0);
  take(row.a_products, "a_products", 1.0);
  take(row.multiplier_bits, "a_width", 1.0);
  if (!row.instructions) row.instructions = instructions_per_step(run.folder);
}

ReportRow make_row(const std::vector<std::string>& values, const std::vector<const RunRecord*>& runs) {
  ReportRow row;
  row.values = values;
  row.is_float = runs.front()->is_float();
  std::vector<double> test, perplexities, validation, seconds;
  std::map<std::string, std::vector<const Curve*>> curves;
  const auto add = [](std::vector<double>& list, const RunRecord& run, const std::string& name) {
    if (const auto found = run.figures.find(name); found != run.figures.end()) list.push_back(found->second);
  };
  for (const RunRecord* run : runs) {
    row.runs.push_back(*run);
    add_cost(row, *run);
    if (run->status == RunRecord::Status::diverged) ++row.diverged;
    if (run->status == RunRecord::Status::given_up) ++row.given_up;
    if (run->status == RunRecord::Status::missing) ++row.missing;
    if (run->status == RunRecord::Status::running) {
      ++row.running;
      row.curves_so_far.emplace_back(run->setting("seed"), run->curves);
    }
    if (run->status != RunRecord::Status::done) continue;
    row.metric = run->metric;
    row.qs5 = published_by_qs5(*run);
    row.published = published_values(*run);
    add(test, *run, "test_" + run->metric);
    if (run->metric.starts_with("bits_per_") && !test.empty()) perplexities.push_back(std::exp2(test.back()));
    add(validation, *run, "val_" + run->metric);
    add(seconds, *run, "seconds");
    for (const auto& [name, curve] : run->curves) curves[name].push_back(&curve);
  }
  row.test = statistic(test);
  row.perplexity = statistic(perplexities);
  row.validation = statistic(validation);
  row.seconds = statistic(seconds);
  for (const auto& [name, list] : curves) row.curves[name] = mean_curve(list);
  return row;
}

/// Of runs with equal settings and seed the one that says most.
const RunRecord* counted(const RunRecord* a, const RunRecord* b) { return b->status < a->status ? b : a; }

/// The runs of `members` that count; of those with the same seed one, and the others go to report.repeated.
std::vector<const RunRecord*> without_repeated(const std::vector<const RunRecord*>& members, Report& report) {
  std::map<std::string, const RunRecord*> by_seed;
  for (const RunRecord* run : members) {
    const auto [place, is_new] = by_seed.emplace(run->setting("seed"), run);
    place->second = counted(place->second, run);
  }
  std::vector<const RunRecord*> kept;
  for (const RunRecord* run : members) {
    const RunRecord& other = *by_seed[run->setting("seed")];
    if (&other == run) {
      kept.push_back(run);
      continue;
    }
    report.repeated.push_back(*run);
    const bool differs = run->status == other.status && run->test() != other.test();
    report.repeated.back().reason = fmt::format("the run {} counts in its place{}", other.folder.string(),
                                                differs ? ", though its result is another one" : "");
  }
  std::stable_sort(kept.begin(), kept.end(), [](const RunRecord* a, const RunRecord* b) {
    return value_before(a->setting("seed"), b->setting("seed"));
  });
  return kept;
}

bool has_label(const ReportRow& row) {
  return std::all_of(row.runs.begin(), row.runs.end(), [](const RunRecord& run) { return !run.label.empty(); });
}

std::size_t place(const ReportRow& row) {
  return std::min_element(row.runs.begin(), row.runs.end(),
                          [](const auto& a, const auto& b) { return a.place < b.place; })
      ->place.value_or(0);
}

/// Whether rows of the same stage and label differ in the column.
bool tells_apart(const Report& report, std::size_t column) {
  std::map<std::pair<std::string, std::string>, std::string> first;
  return std::any_of(report.rows.begin(), report.rows.end(), [&](const ReportRow& row) {
    const RunRecord& run = row.runs.front();
    return first.emplace(std::pair(run.stage, run.label), row.values[column]).first->second != row.values[column];
  });
}

bool are_told_apart(const std::vector<ReportRow>& rows) {
  std::set<std::vector<std::string>> names;
  return std::all_of(rows.begin(), rows.end(), [&](const ReportRow& row) { return names.insert(row.names).second; });
}

/// Orders the rows and sets their names. What rows started from is named where nothing else tells them apart.
void name_rows(Report& report) {
  const bool labelled = std::all_of(report.rows.begin(), report.rows.end(), has_label);
  std::sort(report.rows.begin(), report.rows.end(), row_before);
  report.titles = report.columns;
  if (!labelled) {
    for (auto& row : report.rows) {
      for (std::size_t i = 0; i < report.columns.size(); ++i) {
        row.names.push_back(value_text(report.columns[i], row.values[i]));
      }
    }
    return;
  }
  std::stable_sort(report.rows.begin(), report.rows.end(),
                   [](const ReportRow& a, const ReportRow& b) { return place(a) < place(b); });
  const bool stages = std::any_of(report.rows.begin(), report.rows.end(),
                                  [](const ReportRow& row) { return !row.runs.front().stage.empty(); });
  report.titles.clear();
  if (stages) report.titles.emplace_back("stage");
  report.titles.emplace_back("configuration");
  for (auto& row : report.rows) {
    if (stages) row.names.push_back(row.runs.front().stage);
    row.names.push_back(row.runs.front().name());
  }
  const auto add = [&](std::size_t i) {
    report.titles.push_back(report.columns[i]);
    for (auto& row : report.rows) row.names.push_back(value_text(report.columns[i], row.values[i]));
  };
  std::optional<std::size_t> from;
  for (std::size_t i = 0; i < report.columns.size(); ++i) {
    if (report.columns[i] == "extended_from") continue;  // the names say that
    if (report.columns[i] != "dataset" && !tells_apart(report, i)) continue;
    if (report.columns[i] == "from") {
      from = i;
    } else {
      add(i);
    }
  }
  if (from && !are_told_apart(report.rows)) add(*from);
}

/// Whether each value of a setting has one seed, and each seed one value: it tells nothing but seeds apart.
bool is_of_seeds(const std::vector<RunRecord>& runs, const std::string& setting) {
  std::map<std::string, std::string> seeds;
  std::map<std::string, std::string> values;
  return std::all_of(runs.begin(), runs.end(), [&](const RunRecord& run) {
    const std::string value = run.setting(setting);
    const std::string seed = run.setting("seed");
    return seeds.emplace(value, seed).first->second == seed && values.emplace(seed, value).first->second == value;
  });
}

}  // namespace

bool value_before(const std::string& a, const std::string& b) {
  const auto rank = [](const std::string& text, double& number) {
    if (text == "none" || text.empty()) return 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && stop == text.data() + text.size() ? 1 : 2;
  };
  double a_number = 0.0;
  double b_number = 0.0;
  const int a_rank = rank(a, a_number);
  const int b_rank = rank(b, b_number);
  if (a_rank != b_rank) return a_rank < b_rank;
  return a_rank == 1 ? a_number < b_number : a > b;
}

BySeed ReportRow::results() const {
  BySeed results;
  for (const auto& run : runs) {
    if (const auto figure = run.test()) results[run.setting("seed")] = *figure;
  }
  return results;
}

bool Report::same_data(const ReportRow& a, const ReportRow& b) const {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (decides_test(columns[i]) && a.values[i] != b.values[i]) return false;
  }
  return true;
}

bool Report::comparable(const ReportRow& a, const ReportRow& b) const {
  return a.metric == b.metric && same_data(a, b);
}

std::vector<std::pair<std::string_view, const std::vector<RunRecord>*>> Report::uncounted() const {
  return {{"Diverged", &diverged},
          {"Given up", &given_up},
          {"Running", &running},
          {"Missing", &missing},
          {"Repeated", &repeated}};
}

bool Report::differ(std::optional<double> ReportRow::*figure) const {
  std::set<double> values;
  for (const auto& row : rows) {
    if (row.*figure) values.insert(*(row.*figure));
  }
  return values.size() > 1;
}

namespace {

/// Whether a label says more than the settings of a product, as "a_bits=4 b_bits=8", or "float".
bool has_labels_of_its_own(const std::vector<RunRecord>& runs) {
  return std::any_of(runs.begin(), runs.end(), [](const RunRecord& run) {
    const auto words = split(run.label, " ");
    return run.label != "float" &&
           std::any_of(words.begin(), words.end(), [](const auto& word) { return word.find('=') == word.npos; });
  });
}

/// What all plans name; nothing where they differ.
PivotKeys common_pivot(const std::vector<PlanFile>& plans) {
  const bool same =
      std::all_of(plans.begin(), plans.end(), [&](const PlanFile& plan) { return plan.pivot == plans.front().pivot; });
  return same && !plans.empty() ? plans.front().pivot : PivotKeys();
}

}  // namespace

Report make_report(std::vector<RunRecord> runs) {
  Report report;
  const std::vector<PlanFile> plans = label_runs(runs);
  report.head = report_head(plans, runs);
  ComparedSettings settings = compare_settings(runs);
  report.columns = std::move(settings.varying);
  report.common = std::move(settings.common);
  std::set<std::string> datasets;
  std::map<std::vector<std::string>, std::vector<const RunRecord*>> groups;
  for (const auto& run : runs) {
    datasets.insert(run.setting("dataset"));
    std::vector<std::string> values;
    for (const auto& column : report.columns) values.push_back(run.setting(column));
    groups[values].push_back(&run);
  }
  for (const auto& [values, members] : groups) {
    const auto kept = without_repeated(members, report);
    for (const RunRecord* run : kept) {
      if (run->status == RunRecord::Status::diverged) report.diverged.push_back(*run);
      if (run->status == RunRecord::Status::given_up) report.given_up.push_back(*run);
      if (run->status == RunRecord::Status::running) report.running.push_back(*run);
      if (run->status == RunRecord::Status::missing) report.missing.push_back(*run);
    }
    report.rows.push_back(make_row(values, kept));
  }
  name_rows(report);
  compare_rows(report);
  const bool one_test = std::none_of(report.columns.begin(), report.columns.end(), decides_test);
  const bool two_keys = report.columns.size() == 2 && std::none_of(report.columns.begin(), report.columns.end(),
                                                                   [&](const auto& c) { return is_of_seeds(runs, c); });
  report.pivot = common_pivot(plans);
  if (report.pivot.rows.empty() && two_keys && one_test && !has_labels_of_its_own(runs)) {
    report.pivot = {report.columns[0], report.columns[1]};
  }
  report.title = fmt::format("{}", fmt::join(datasets, ", "));
  return report;
}

std::string row_label(const Report& report, const ReportRow& row) {
  std::string label;
  for (std::size_t i = 0; i < row.names.size(); ++i) {
    const bool bare = report.titles[i] == "configuration" || report.titles[i] == "stage";
    if (bare && row.names[i].empty()) continue;  // a row without a stage beside those that have one
    label += (label.empty() ? "" : ", ") + (bare ? "" : report.titles[i] + " ") + row.names[i];
  }
  return label.empty() ? "all runs" : label;
}

std::string run_label(const Report& report, const RunRecord& run) {
  std::string label = "seed " + run.setting("seed");
  if (report.labelled()) return label + ", " + run.stage + (run.stage.empty() ? "" : " ") + run.name();
  for (const auto& column : report.columns)
    label += fmt::format(", {} {}", column, value_text(column, run.setting(column)));
  return label;
}

}  // namespace bitstate::experiments
