// The report as CSV.
#include "experiments/report/report.h"
#include "experiments/results/csv.h"

#include <fmt/format.h>

namespace bitstate::experiments {

namespace {

/// All digits: what result.json says.
std::string exact(const RunRecord& run, const std::string& name) {
  const auto found = run.figures.find(name);
  return found != run.figures.end() ? fmt::format("{}", found->second) : std::string();
}

std::string csv_count(std::size_t count) { return fmt::format("{}", count); }

/// "stage" and "label" where rows are called by them, then the settings that vary.
std::vector<std::string> setting_titles(const Report& report) {
  std::vector<std::string> titles;
  if (report.labelled()) titles = {"stage", "label"};
  titles.insert(titles.end(), report.columns.begin(), report.columns.end());
  return titles;
}

std::vector<std::string> setting_fields(const Report& report, const RunRecord& run) {
  std::vector<std::string> fields;
  if (report.labelled()) fields = {run.stage, run.label};
  for (const auto& column : report.columns) fields.push_back(run.setting(column));
  return fields;
}

std::vector<std::string> run_fields(const Report& report, const RunRecord& run, std::string_view status) {
  std::vector<std::string> fields = setting_fields(report, run);
  for (const auto& text : {run.setting("seed"), std::string(status), run.metric, exact(run, "test_" + run.metric),
                           exact(run, "val_" + run.metric), exact(run, "test_loss"), exact(run, "size_bits"),
                           exact(run, "epochs"), exact(run, "seconds"), run.program, run.date, run.machine, run.reason,
                           std::filesystem::proximate(run.folder, report.folder).string()}) {
    fields.push_back(text);
  }
  return fields;
}

}  // namespace

std::string report_csv(const Report& report) {
  std::vector<std::string> titles = setting_titles(report);
  for (const char* title : {"metric",
                            "test_mean",
                            "test_std",
                            "difference_to_float",
                            "val_mean",
                            "val_std",
                            "n",
                            "diverged",
                            "missing",
                            "seconds_mean",
                            "size_kib",
                            "a_multiplier_bits",
                            "running",
                            "a_products",
                            "a_stored_bits",
                            "best",
                            "difference_low",
                            "difference_high",
                            "difference_std",
                            "difference_n",
                            "one_source",
                            "qs5",
                            "cortex_m4_instructions"}) {
    titles.emplace_back(title);
  }
  const bool any_given_up = !report.given_up.empty();
  if (any_given_up) titles.emplace_back("given_up");
  std::string text = csv_line(titles);
  for (const auto& row : report.rows) {
    std::vector<std::string> fields = setting_fields(report, row.runs.front());
    const auto add = [&](const std::string& field) { fields.push_back(field); };
    const auto interval = interval_95(row.difference);
    add(row.metric);
    for (const auto& value :
         {row.test.mean, row.test.deviation, row.difference.mean, row.validation.mean, row.validation.deviation})
      add(csv_number(value));
    for (const std::size_t count : {row.test.n, row.diverged, row.missing}) add(csv_count(count));
    for (const auto& value : {row.seconds.mean, row.size_kib, row.multiplier_bits}) add(csv_number(value));
    add(csv_count(row.running));
    for (const auto& value : {row.a_products, row.a_stored_bits}) add(csv_number(value));
    add(row.best ? "1" : "0");
    add(interval ? csv_number(interval->low) : "");
    add(interval ? csv_number(interval->high) : "");
    add(csv_number(row.difference.deviation));
    add(csv_count(row.difference.n));
    add(row.one_source ? "1" : "0");
    add(row.qs5);
    add(csv_number(row.instructions));
    if (any_given_up) add(csv_count(row.given_up));
    text += csv_line(fields);
  }
  return text;
}

std::string runs_csv(const Report& report) {
  std::vector<std::string> titles = setting_titles(report);
  for (const char* title : {"seed", "status", "metric", "test", "validation", "test_loss", "size_bits", "epochs_done",
                            "seconds", "program", "date", "machine", "reason", "folder"}) {
    titles.emplace_back(title);
  }
  std::string text = csv_line(titles);
  for (const auto& row : report.rows) {
    for (const auto& run : row.runs) text += csv_line(run_fields(report, run, run.status_text()));
  }
  for (const auto& run : report.repeated) text += csv_line(run_fields(report, run, "repeated"));
  return text;
}

}  // namespace bitstate::experiments
