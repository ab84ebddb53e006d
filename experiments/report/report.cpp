#include "experiments/report/report.h"

#include "core/io/atomic_file.h"
#include "experiments/report/figures.h"

#include <system_error>

namespace bitstate::experiments {

Report write_report(const std::vector<std::filesystem::path>& dirs, const std::filesystem::path& out) {
  Report report = make_report(read_runs(dirs));
  report.folder = out;
  if (dirs.size() == 2) report.comparison = compare_sweeps(dirs[0], dirs[1]);
  std::filesystem::create_directories(out);
  write_file_atomically(out / "table.md", report_markdown(report));
  write_file_atomically(out / "table.csv", report_csv(report));
  write_file_atomically(out / "runs.csv", runs_csv(report));
  write_file_atomically(out / "table.tex", report_tex(report));
  if (report.comparison) {
    write_file_atomically(out / "comparison.csv", comparison_csv(*report.comparison));
  } else {
    std::error_code none;
    std::filesystem::remove(out / "comparison.csv", none);  // of an earlier report
  }
  write_plots(report, out / "plots");
  write_file_atomically(out / "index.html", report_html(report));
  return report;
}

}  // namespace bitstate::experiments
