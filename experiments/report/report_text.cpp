// The report as Markdown, as CSV and for a terminal.
#include "experiments/host/text_table.h"
#include "experiments/report/report.h"
#include "experiments/settings/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace bitstate::experiments {

namespace {

std::string metric_title(std::string_view metric) {
  if (metric == "accuracy") return "test accuracy, %";
  if (metric == "mse") return "test MSE";
  if (metric == "rmse") return "test RMSE";
  if (metric == "smape") return "test sMAPE";
  return "test";
}

/// The one metric of all rows, or "" if they differ.
std::string common_metric(const Report& report) {
  std::string metric;
  for (const auto& row : report.rows) {
    if (!row.metric.empty() && !metric.empty() && row.metric != metric) return {};
    if (!row.metric.empty()) metric = row.metric;
  }
  return metric;
}

std::string markdown(const Cells& cells) {
  std::string text;
  for (std::size_t r = 0; r < cells.size(); ++r) {
    for (std::string cell : cells[r]) {
      for (std::size_t bar = cell.find('|'); bar != cell.npos; bar = cell.find('|', bar + 2)) cell.insert(bar, 1, '\\');
      text += "| " + cell + " ";
    }
    text += "|\n";
    for (std::size_t i = 0; r == 0 && i < cells[r].size(); ++i) text += "|---:";
    if (r == 0) text += "|\n";
  }
  return text;
}

Cells matrix_cells(const Report& report, std::string_view best_mark) {
  Cells cells;
  cells.push_back({fmt::format("{} \\ {}", report.columns[0], report.columns[1])});
  for (const auto& value : report.axis(1)) cells[0].push_back(value_text(report.columns[1], value));
  for (const auto& row_value : report.axis(0)) {
    auto& line = cells.emplace_back();
    line.push_back(value_text(report.columns[0], row_value));
    for (const auto& column_value : report.axis(1)) {
      const ReportRow* row = report.at(row_value, column_value);
      std::string cell(no_value);
      if (row != nullptr && row->test.mean) {
        cell = metric_text(row->metric, *row->test.mean) + std::string(row->best ? best_mark : "");
      } else if (row != nullptr && row->running > 0) {
        cell = "running";
      } else if (row != nullptr && row->diverged > 0) {
        cell = "diverged";
      }
      line.push_back(cell);
    }
  }
  return cells;
}

std::string uncounted(const Report& report) {
  std::string text;
  for (const auto& [title, runs] : report.uncounted()) {
    if (runs->empty()) continue;
    text += fmt::format("\n{} ({}), in none of the figures above:\n\n", title, runs->size());
    for (const auto& run : *runs) {
      text += fmt::format("- {} ({}): {}\n", run_label(report, run), run.folder.filename().string(), run.reason);
    }
  }
  return text;
}

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == text.npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string csv_number(const std::optional<double>& value) { return value ? fmt::format("{}", *value) : std::string(); }

/// The columns that are there only where rows differ in them, or have something to say.
struct Shown {
  bool stored_bits, products, running;

  explicit Shown(const Report& report)
      : stored_bits(report.differ(&ReportRow::a_stored_bits)),
        products(report.differ(&ReportRow::a_products) || report.differ(&ReportRow::multiplier_bits)),
        running(!report.running.empty()) {}
};

std::vector<std::string> figure_titles(std::string_view metric, const Shown& shown) {
  std::vector<std::string> titles{metric_title(metric), "difference to float", "size (KiB)"};
  if (shown.stored_bits) titles.emplace_back("A stored bits");
  if (shown.products) titles.emplace_back("A products");
  titles.insert(titles.end(), {"validation", "n", "diverged"});
  if (shown.running) titles.emplace_back("running");
  titles.insert(titles.end(), {"missing", "seconds"});
  return titles;
}

/// "4 x 16": number and bits of the products of the recurrence; "16 bits" where an older version did not count them.
std::string products_text(const ReportRow& row) {
  if (!row.multiplier_bits) return std::string(no_value);
  if (!row.a_products) return fmt::format("{} bits", *row.multiplier_bits);
  return fmt::format("{} x {}", *row.a_products, *row.multiplier_bits);
}

}  // namespace

std::string metric_text(std::string_view metric, double value, bool with_sign) {
  const std::string sign = with_sign && value >= 0.0 ? "+" : "";
  if (metric == "accuracy") return sign + fmt::format("{:.2f}", 100.0 * value);
  return sign + fmt::format("{:#.4g}", value);
}

std::string statistic_text(std::string_view metric, const Statistic& s) {
  if (!s.mean) return std::string(no_value);
  std::string mean = metric_text(metric, *s.mean);
  if (!s.deviation) return mean;
  if (metric == "accuracy") return mean + " ± " + metric_text(metric, *s.deviation);
  if (mean.find('e') != mean.npos) return mean + fmt::format(" ± {:.1e}", *s.deviation);
  return mean +
         fmt::format(" ± {:.{}f}", *s.deviation, mean.size() - mean.find('.') - 1);  // as many decimals as the mean
}

std::string value_text(std::string_view column, std::string_view value) {
  if (is_quant_setting(column) && (value == "none" || value.empty())) return column == "bits" ? "" : "float";
  return std::string(value);
}

std::string run_label(const Report& report, const RunRecord& run) {
  std::string label = "seed " + run.setting("seed");
  for (const auto& column : report.columns)
    label += fmt::format(", {} {}", column, value_text(column, run.setting(column)));
  return label;
}

Cells table_cells(const Report& report, std::string_view best_mark) {
  const std::string metric = common_metric(report);
  const Shown shown(report);
  Cells cells(1, report.columns);
  for (std::string& title : figure_titles(metric, shown)) cells[0].push_back(std::move(title));
  for (const auto& row : report.rows) {
    auto& line = cells.emplace_back();
    for (std::size_t i = 0; i < report.columns.size(); ++i)
      line.push_back(value_text(report.columns[i], row.values[i]));
    const std::string name = metric.empty() && !row.metric.empty() ? row.metric + " " : "";
    line.push_back(name + statistic_text(row.metric, row.test) + std::string(row.best ? best_mark : ""));
    line.push_back(row.is_float     ? "reference"
                   : row.difference ? metric_text(row.metric, *row.difference, true)
                                    : std::string(no_value));
    line.push_back(row.size_kib ? fmt::format("{:.2f}", *row.size_kib) : std::string(no_value));
    if (shown.stored_bits)
      line.push_back(row.a_stored_bits ? fmt::format("{}", *row.a_stored_bits) : std::string(no_value));
    if (shown.products) line.push_back(products_text(row));
    line.push_back(statistic_text(row.metric, row.validation));
    for (const std::size_t count : {row.test.n, row.diverged}) line.push_back(fmt::format("{}", count));
    if (shown.running) line.push_back(fmt::format("{}", row.running));
    line.push_back(fmt::format("{}", row.missing));
    line.push_back(row.seconds.mean ? fmt::format("{:.1f}", *row.seconds.mean) : std::string(no_value));
  }
  return cells;
}

std::string best_text(const Report& report) {
  const auto other = [&](const ReportRow& row) {
    return row.test.mean && std::any_of(report.rows.begin(), report.rows.end(), [&](const ReportRow& second) {
             return second.test.mean && !report.comparable(row, second);
           });
  };
  const bool several = std::any_of(report.rows.begin(), report.rows.end(), other);
  return several ? "the best of those tested on the same data" : "the best";
}

std::string report_markdown(const Report& report) {
  std::string text = fmt::format("# {}\n\nMean ± sample standard deviation over n seeds; * marks {}.\n\n", report.title,
                                 best_text(report));
  text += markdown(table_cells(report, " *"));
  if (report.has_matrix()) text += "\n" + markdown(matrix_cells(report, " *"));
  return text + uncounted(report);
}

std::string report_csv(const Report& report) {
  std::string text;
  for (const auto& column : report.columns) text += csv_field(column) + ",";
  text +=
      "metric,test_mean,test_std,difference_to_float,val_mean,val_std,n,diverged,missing,seconds_mean,size_kib,a_"
      "multiplier_bits,running,a_products,a_stored_bits\n";
  for (const auto& row : report.rows) {
    for (const auto& value : row.values) text += csv_field(value) + ",";
    text +=
        fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", csv_field(row.metric), csv_number(row.test.mean),
                    csv_number(row.test.deviation), csv_number(row.difference), csv_number(row.validation.mean),
                    csv_number(row.validation.deviation), row.test.n, row.diverged, row.missing,
                    csv_number(row.seconds.mean), csv_number(row.size_kib), csv_number(row.multiplier_bits),
                    row.running, csv_number(row.a_products), csv_number(row.a_stored_bits));
  }
  return text;
}

std::string report_terminal(const Report& report) {
  std::string text =
      fmt::format("{}: mean ± standard deviation over n seeds, * marks {}\n\n", report.title, best_text(report));
  text += aligned(table_cells(report, " *"));
  if (report.has_matrix()) text += "\n" + aligned(matrix_cells(report, " *"));
  return text + uncounted(report);
}

}  // namespace bitstate::experiments
