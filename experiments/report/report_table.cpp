// The cells of the table, as people read them.
#include "experiments/host/text_table.h"
#include "experiments/report/report.h"
#include "experiments/results/texts.h"
#include "experiments/settings/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>
#include <utility>

namespace bitstate::experiments {

namespace {

/// The one metric of all rows, or "" if they differ.
std::string common_metric(const Report& report) {
  std::string metric;
  for (const auto& row : report.rows) {
    if (!row.metric.empty() && !metric.empty() && row.metric != metric) return {};
    if (!row.metric.empty()) metric = row.metric;
  }
  return metric;
}

bool any_row(const Report& report, bool (*has)(const ReportRow&)) {
  return std::any_of(report.rows.begin(), report.rows.end(), has);
}

/// A column behind those of the settings.
struct Column {
  std::string title;
  std::function<std::string(const ReportRow&)> text;
};

std::string number(const std::optional<double>& value, const char* format = "{}") {
  return value ? fmt::format(fmt::runtime(format), *value) : std::string(no_value);
}

/// "4 x 16": number and bits of the products of the recurrence; "16 bits" where an older version did not count them.
std::string products_text(const ReportRow& row) {
  if (!row.multiplier_bits) return std::string(no_value);
  if (!row.a_products) return fmt::format("{} bits", *row.multiplier_bits);
  return fmt::format("{} x {}", *row.a_products, *row.multiplier_bits);
}

std::string difference_cell(const ReportRow& row) {
  if (row.is_float) return "reference";
  std::string text = row.test.mean ? difference_text(row.metric, row.difference, *row.test.mean) : no_value.data();
  if (row.difference.n > 0 && row.difference.n < row.test.n) {
    text += fmt::format(" ({} pair{})", row.difference.n, row.difference.n == 1 ? "" : "s");
  }
  return row.one_source && row.difference.n > 1 ? text + " †" : text;
}

/// Whether rows were compared with more than one float row, as those of stages may be.
bool has_several_references(const Report& report) {
  std::set<std::string> references;
  for (const auto& row : report.rows) {
    if (!row.is_float && row.difference.n > 0) references.insert(row.reference);
  }
  return references.size() > 1;
}

/// Columns of the costs of A are there only where rows differ in them, `running` only where it has something to say.
std::vector<Column> columns_of(const Report& report, std::string_view best_mark) {
  const std::string metric = common_metric(report);
  std::vector<Column> columns;
  columns.push_back({metric_title(metric), [=](const ReportRow& row) {
                       const std::string name = metric.empty() && !row.metric.empty() ? row.metric + " " : "";
                       return name + statistic_text(row.metric, row.test) + std::string(row.best ? best_mark : "");
                     }});
  if (any_row(report, [](const ReportRow& row) { return row.perplexity.n > 0; })) {
    columns.push_back(
        {"perplexity", [](const ReportRow& row) { return statistic_text("perplexity", row.perplexity); }});
  }
  columns.push_back({"difference to float", difference_cell});
  if (has_several_references(report)) {
    columns.push_back({"which float", [](const ReportRow& row) {
                         return row.is_float || row.difference.n == 0 ? std::string(no_value) : row.reference;
                       }});
  }
  if (any_row(report, [](const ReportRow& row) { return !row.qs5.empty(); })) {
    columns.push_back(
        {"Q-S5 (theirs)", [](const ReportRow& row) { return row.qs5.empty() ? std::string(no_value) : row.qs5; }});
  }
  columns.push_back({"size (KiB)", [](const ReportRow& row) { return number(row.size_kib, "{:.2f}"); }});
  if (any_row(report, [](const ReportRow& row) { return row.instructions.has_value(); })) {
    columns.push_back({"instructions/step", [](const ReportRow& row) { return number(row.instructions, "{:.0f}"); }});
  }
  if (report.differ(&ReportRow::a_stored_bits)) {
    columns.push_back({"A stored bits", [](const ReportRow& row) { return number(row.a_stored_bits); }});
  }
  if (report.differ(&ReportRow::a_products) || report.differ(&ReportRow::multiplier_bits)) {
    columns.push_back({"A products", products_text});
  }
  columns.push_back({"validation", [](const ReportRow& row) { return statistic_text(row.metric, row.validation); }});
  columns.push_back({"n", [](const ReportRow& row) { return fmt::format("{}", row.test.n); }});
  columns.push_back({"diverged", [](const ReportRow& row) { return fmt::format("{}", row.diverged); }});
  if (!report.given_up.empty()) {
    columns.push_back({"given up", [](const ReportRow& row) { return fmt::format("{}", row.given_up); }});
  }
  if (!report.running.empty()) {
    columns.push_back({"running", [](const ReportRow& row) { return fmt::format("{}", row.running); }});
  }
  columns.push_back({"missing", [](const ReportRow& row) { return fmt::format("{}", row.missing); }});
  columns.push_back({"seconds", [](const ReportRow& row) { return number(row.seconds.mean, "{:.1f}"); }});
  return columns;
}

std::string better_text(const std::string& metric) {
  if (metric.empty()) return "Higher accuracies and lower errors are better.";
  return larger_is_better(metric) ? "Higher is better." : "Lower is better.";
}

bool all_comparable(const Report& report) {
  const auto differs = [&](const ReportRow& row) {
    return row.test.mean && std::any_of(report.rows.begin(), report.rows.end(), [&](const ReportRow& other) {
             return other.test.mean && !report.comparable(row, other);
           });
  };
  return std::none_of(report.rows.begin(), report.rows.end(), differs);
}

}  // namespace

Cells table_cells(const Report& report, std::string_view best_mark) {
  const auto columns = columns_of(report, best_mark);
  Cells cells(1, report.titles);
  for (const auto& column : columns) cells[0].push_back(column.title);
  for (const auto& row : report.rows) {
    auto& line = cells.emplace_back(row.names);
    for (const auto& column : columns) line.push_back(column.text(row));
  }
  return cells;
}

namespace {

/// Whether all runs were validated on the test part.
bool were_chosen_on_test(const Report& report) {
  const bool has_results = any_row(report, [](const ReportRow& row) { return row.test.mean.has_value(); });
  return has_results && !any_row(report, [](const ReportRow& row) {
           return row.test.mean != row.validation.mean || row.test.deviation != row.validation.deviation;
         });
}

}  // namespace

std::vector<std::string> table_notes(const Report& report) {
  std::vector<std::string> notes{"Mean ± sample standard deviation over n seeds."};
  if (any_row(report, [](const ReportRow& row) { return !row.is_float && row.difference.n > 0; })) {
    notes.emplace_back(
        "The difference to float is the mean over pairs of runs, with its 95 % interval (Student's t): a run and the "
        "float run of its seed, or else the float run that it started from.");
  }
  const std::string stage =
      any_row(report, [](const auto& row) { return !row.runs.front().stage.empty(); }) ? " of its stage" : "";
  const std::string others = fmt::format("every other quantized one{}{}", stage,
                                         all_comparable(report) ? "" : " that is tested on the same data");
  if (any_row(report, [](const ReportRow& row) { return row.best; })) {
    notes.push_back(
        fmt::format("The best quantized row is marked (*) where all its seeds are done and it is better than {}: the "
                    "95 % interval of its paired difference to each of them excludes zero. So is the best of several "
                    "float rows. {}",
                    others, better_text(common_metric(report))));
  } else if (report.rows.size() > 1) {
    notes.push_back(
        fmt::format("No row is marked as the best, since none whose seeds are all done is better than {} by a "
                    "paired difference whose 95 % interval excludes zero. {}",
                    others, better_text(common_metric(report))));
  }
  if (were_chosen_on_test(report)) {
    notes.emplace_back(
        "Validation and test are the same figures, for the data have no validation part: the best epoch was chosen on "
        "the test part, which flatters it. --val_split=0.1 holds back a tenth of the training part instead.");
  }
  if (any_row(report, [](const ReportRow& row) { return row.one_source && row.difference.n > 1; })) {
    notes.emplace_back(
        "† All seeds of the row started from one float run, so the interval does not hold the variance of float "
        "training.");
  }
  if (any_row(report, [](const ReportRow& row) { return !row.qs5.empty(); })) {
    notes.emplace_back(
        "Q-S5 (theirs) is what Q-S5 (arXiv 2406.09477) published for this data set, configuration and size of the "
        "model: "
        "one run at its best epoch, with Q-S5's own operators and quantizers, after its own training (150 epochs on "
        "sMNIST, 1,000 on Lorenz and Mackey-Glass, whose data came from another generator). ≈ was read off a figure.");
  }
  return notes;
}

}  // namespace bitstate::experiments
