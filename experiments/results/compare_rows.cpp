#include "experiments/results/compare_rows.h"

#include "core/error.h"
#include "experiments/results/rows.h"
#include "experiments/results/texts.h"
#include "experiments/run_folder/source.h"
#include "experiments/settings/options.h"

#include <algorithm>

namespace bitstate::experiments {

namespace {

/// A float run that is done, its row, and the digest of its weights, empty where it is not known.
struct FloatRun {
  const RunRecord* run;
  const ReportRow* row;
  std::string weights;
};

std::vector<FloatRun> float_runs(const Report& report) {
  std::vector<FloatRun> found;
  for (const auto& row : report.rows) {
    for (const auto& run : row.runs) {
      if (!row.is_float || !run.test()) continue;
      found.push_back({&run, &row, ""});
      try {
        found.back().weights = source_digest(run.folder);
      } catch (const Error&) {  // damaged: no run starts from it
      }
    }
  }
  return found;
}

/// Whether `run` started from the weights of `source`, known by their digest or else by their folder.
bool started_from(const RunRecord& run, const FloatRun& source) {
  if (run.from.empty() || run.metric != source.run->metric) return false;
  if (!run.source.empty() && !source.weights.empty()) return run.source == source.weights;
  std::error_code none;  // a source that is gone is no run of the report
  return std::filesystem::equivalent(source.run->folder, run.from, none);
}

/// Whether two rows have the same values in every column that does not quantize.
bool same_but_for_quant(const Report& report, const ReportRow& a, const ReportRow& b) {
  for (std::size_t i = 0; i < report.columns.size(); ++i) {
    if (!is_quant_setting(report.columns[i]) && a.values[i] != b.values[i]) return false;
  }
  return a.metric == b.metric;
}

void compare_with_sources(const Report& report, ReportRow& row, const std::vector<FloatRun>& sources) {
  BySeed of_sources;
  for (const auto& run : row.runs) {
    const auto source =
        std::find_if(sources.begin(), sources.end(), [&](const FloatRun& other) { return started_from(run, other); });
    if (source == sources.end()) continue;
    of_sources[run.setting("seed")] = *source->run->test();
    row.reference = row_label(report, *source->row);
  }
  row.difference = paired_difference(row.results(), of_sources);
}

void compare_with_float(const Report& report, ReportRow& row, const std::vector<FloatRun>& sources) {
  for (const auto& other : report.rows) {
    if (!other.is_float || !same_but_for_quant(report, row, other)) continue;
    row.difference = paired_difference(row.results(), other.results());
    row.reference = row_label(report, other);
    if (row.difference.n > 0) return;
  }
  compare_with_sources(report, row, sources);
}

bool has_one_source(const ReportRow& row) {
  const auto same = [&](const RunRecord& run) {
    const RunRecord& first = row.runs.front();
    return !run.from.empty() && (run.source.empty() ? run.from == first.from : run.source == first.source);
  };
  return row.test.n > 1 && std::all_of(row.runs.begin(), row.runs.end(), same);
}

/// Whether each of the row's seeds has a result, also those that are planned and have not begun.
bool is_complete(const ReportRow& row) {
  return std::all_of(row.runs.begin(), row.runs.end(), [&](const RunRecord& run) {
    return run.status == RunRecord::Status::done && run.planned <= row.runs.size();
  });
}

bool is_best(const Report& report, const ReportRow& row) {
  if (!is_complete(row)) return false;  // the seeds that have a result may be the lucky ones
  bool alone = true;
  for (const auto& other : report.rows) {
    const bool alike = other.is_float == row.is_float && other.runs.front().stage == row.runs.front().stage;
    if (&other == &row || !alike || !other.test.mean || !report.comparable(row, other)) continue;
    alone = false;
    const bool larger = larger_is_better(row.metric);
    const auto interval = interval_95(paired_difference(row.results(), other.results()));
    if (!interval || (larger ? interval->low <= 0.0 : interval->high >= 0.0)) return false;
    if (larger ? *row.test.mean <= *other.test.mean : *row.test.mean >= *other.test.mean) return false;
  }
  return !alone;
}

}  // namespace

void compare_rows(Report& report) {
  const auto sources = float_runs(report);
  for (auto& row : report.rows) {
    if (!row.test.mean) continue;
    compare_with_float(report, row, sources);
    row.one_source = has_one_source(row);
    row.best = is_best(report, row);
  }
}

}  // namespace bitstate::experiments
