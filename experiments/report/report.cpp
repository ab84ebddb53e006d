#include "experiments/report/report.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "experiments/report/figures.h"
#include "experiments/report/pivot.h"

#include <system_error>

namespace bitstate::experiments {

namespace {

/// What `bitstate allocate` has measured in `folder`; its fine-tuned runs, which are beside that, say by which metric.
void add_allocation(Report& report, const std::filesystem::path& folder) {
  auto models = read_allocation(folder);
  std::error_code none;
  for (const auto& row : report.rows) {
    for (const auto& run : row.runs) {
      const bool beside = std::filesystem::equivalent(run.folder.parent_path(), folder, none);
      if (models.empty() || !beside || run.metric.empty()) continue;
      report.allocations.push_back({folder, run.metric, std::move(models)});
      return;
    }
  }
}

/// Writes a file, or removes that of an earlier report where there is nothing to say.
void write_or_remove(const std::filesystem::path& file, const std::string& text) {
  if (!text.empty()) return write_file_atomically(file, text);
  std::error_code none;
  std::filesystem::remove(file, none);
}

bool makes_a_table(const Report& report) {
  try {
    (void)pivot_grids(report);
    return true;
  } catch (const UsageError&) {
    return false;
  }
}

}  // namespace

Report read_report(const std::vector<std::filesystem::path>& dirs, const std::filesystem::path& out,
                   const PivotKeys& pivot) {
  Report report = make_report(read_runs(dirs));
  report.folder = out;
  if (!pivot.rows.empty()) {
    report.pivot = pivot;
  } else if (!makes_a_table(report)) {
    report.pivot = {};
  }
  return report;
}

Report write_report(const std::vector<std::filesystem::path>& dirs, const std::filesystem::path& out,
                    const PivotKeys& pivot) {
  Report report = read_report(dirs, out, pivot);
  for (const auto& dir : dirs) add_allocation(report, dir);
  if (dirs.size() == 2) report.comparison = compare_sweeps(dirs[0], dirs[1]);
  const std::string markdown = report_markdown(report);
  std::filesystem::create_directories(out);
  write_file_atomically(out / "table.md", markdown);
  write_file_atomically(out / "table.csv", report_csv(report));
  write_file_atomically(out / "runs.csv", runs_csv(report));
  write_file_atomically(out / "table.tex", report_tex(report));
  write_or_remove(out / "pivot.tex", pivot_tex(report));
  write_or_remove(out / "comparison.csv", report.comparison ? comparison_csv(*report.comparison) : "");
  write_or_remove(out / "comparison.tex", report.comparison ? comparison_tex(report) : "");
  write_plots(report, out / "plots");
  write_file_atomically(out / "index.html", report_html(report));
  return report;
}

}  // namespace bitstate::experiments
