#include "experiments/report.h"

#include "core/atomic_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

namespace bitstate::experiments {

namespace {

using Curve = std::vector<std::pair<double, double>>;

/// The order of values in a column: "none" first, numbers by size, then words. Words are ordered backwards, which puts
/// Q-S5's configurations in the order of its tables: w8a8, w4a8-ssm8, w4a8-a8, w4a8, w2a8-ssm8, ...
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

bool row_before(const ReportRow& a, const ReportRow& b) {
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    if (a.values[i] != b.values[i]) return value_before(a.values[i], b.values[i]);
  }
  return false;
}

bool is_float(const RunRecord& run) {
  return std::all_of(run.settings.begin(), run.settings.end(), [](const auto& setting) {
    return !is_quant_setting(setting.first) || setting.second.empty() || setting.second == "none";
  });
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

ReportRow make_row(const std::vector<std::string>& values, const std::vector<const RunRecord*>& runs) {
  ReportRow row;
  row.values = values;
  row.is_float = is_float(*runs.front());
  row.from = runs.front()->setting("from");
  for (const RunRecord* run : runs) row.folders.push_back(run->folder);
  std::vector<double> test, validation, seconds;
  std::map<std::string, std::vector<const Curve*>> curves;
  const auto add = [](std::vector<double>& list, const RunRecord& run, const std::string& name) {
    if (const auto found = run.figures.find(name); found != run.figures.end()) list.push_back(found->second);
  };
  for (const RunRecord* run : runs) {
    if (const auto bits = run->figures.find("size_bits"); bits != run->figures.end()) {
      row.size_kib = bits->second / 8192.0;
    }
    if (const auto bits = run->figures.find("a_width"); bits != run->figures.end()) row.a_width = bits->second;
    if (run->status == RunRecord::Status::diverged) ++row.diverged;
    if (run->status == RunRecord::Status::missing) ++row.missing;
    if (run->status != RunRecord::Status::done) continue;
    row.metric = run->metric;
    add(test, *run, "test_" + run->metric);
    add(validation, *run, "val_" + run->metric);
    add(seconds, *run, "seconds");
    for (const auto& [name, curve] : run->curves) curves[name].push_back(&curve);
  }
  row.test = statistic(test);
  row.validation = statistic(validation);
  row.seconds = statistic(seconds);
  for (const auto& [name, list] : curves) row.curves[name] = mean_curve(list);
  return row;
}

/// Whether two rows have the same values in every column that does not quantize.
bool same_but_for_quant(const Report& report, const ReportRow& a, const ReportRow& b) {
  for (std::size_t i = 0; i < report.columns.size(); ++i) {
    if (!is_quant_setting(report.columns[i]) && a.values[i] != b.values[i]) return false;
  }
  return a.metric == b.metric;
}

std::string dataset_of(const Report& report, const ReportRow& row) {
  const auto column = std::find(report.columns.begin(), report.columns.end(), "dataset");
  return column == report.columns.end() ? std::string()
                                        : row.values[static_cast<std::size_t>(column - report.columns.begin())];
}

/// Whether the runs of `row` started from a run of `other`.
bool started_from(const ReportRow& row, const ReportRow& other) {
  return !row.from.empty() && std::any_of(other.folders.begin(), other.folders.end(), [&](const auto& folder) {
    std::error_code none;  // a source that is gone is no run of the report
    return std::filesystem::equivalent(folder, row.from, none);
  });
}

void compare_rows(Report& report) {
  for (auto& row : report.rows) {
    if (!row.test.mean) continue;
    row.best = true;
    for (const auto& other : report.rows) {
      if (other.is_float && other.test.mean && other.metric == row.metric && started_from(row, other)) {
        row.difference = *row.test.mean - *other.test.mean;
      }
    }
    for (const auto& other : report.rows) {
      if (!other.test.mean || other.metric != row.metric) continue;
      if (other.is_float && same_but_for_quant(report, row, other)) row.difference = *row.test.mean - *other.test.mean;
      if (dataset_of(report, other) != dataset_of(report, row)) continue;
      const bool beaten =
          larger_is_better(row.metric) ? *other.test.mean > *row.test.mean : *other.test.mean < *row.test.mean;
      if (beaten) row.best = false;
    }
  }
}

}  // namespace

Statistic statistic(const std::vector<double>& values) {
  Statistic result;
  result.n = values.size();
  if (values.empty()) return result;
  const auto n = static_cast<double>(values.size());
  double sum = 0.0;
  for (const double value : values) sum += value;
  result.mean = sum / n;
  if (values.size() < 2) return result;
  double squares = 0.0;
  for (const double value : values) squares += (value - *result.mean) * (value - *result.mean);
  result.deviation = std::sqrt(squares / (n - 1.0));
  return result;
}

bool larger_is_better(std::string_view metric) { return metric == "accuracy"; }

bool Report::has_a_widths() const {
  std::set<double> widths;
  for (const auto& row : rows) {
    if (row.a_width) widths.insert(*row.a_width);
  }
  return widths.size() > 1;
}

std::vector<std::string> Report::axis(std::size_t column) const {
  std::vector<std::string> values;
  for (const auto& row : rows) values.push_back(row.values[column]);
  std::sort(values.begin(), values.end(), value_before);
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

const ReportRow* Report::at(std::string_view row_value, std::string_view column_value) const {
  for (const auto& row : rows) {
    if (row.values[0] == row_value && row.values[1] == column_value) return &row;
  }
  return nullptr;
}

Report make_report(const std::vector<RunRecord>& runs) {
  Report report;
  report.columns = varying_settings(runs);
  std::set<std::string> datasets;
  std::map<std::vector<std::string>, std::vector<const RunRecord*>> groups;
  for (const auto& run : runs) {
    datasets.insert(run.setting("dataset"));
    std::vector<std::string> values;
    for (const auto& column : report.columns) values.push_back(run.setting(column));
    groups[values].push_back(&run);
    if (run.status == RunRecord::Status::diverged) report.diverged.push_back(run);
    if (run.status == RunRecord::Status::missing) report.missing.push_back(run);
  }
  for (const auto& [values, members] : groups) report.rows.push_back(make_row(values, members));
  std::sort(report.rows.begin(), report.rows.end(), row_before);
  compare_rows(report);
  for (const auto& [name, value] : runs.front().settings) {
    const bool varies = std::find(report.columns.begin(), report.columns.end(), name) != report.columns.end();
    if (name != "seed" && !varies) report.common.emplace_back(name, value);
  }
  report.title = fmt::format("{}", fmt::join(datasets, ", "));
  return report;
}

Report write_report(const std::filesystem::path& dir) {
  Report report = make_report(read_runs(dir));
  write_file_atomically(dir / "table.md", report_markdown(report));
  write_file_atomically(dir / "table.csv", report_csv(report));
  write_file_atomically(dir / "index.html", report_html(report));
  return report;
}

}  // namespace bitstate::experiments
