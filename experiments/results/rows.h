// What the runs of a folder say together: one row per configuration, statistics over its seeds.
#pragma once

#include "experiments/results/comparison.h"
#include "experiments/results/plan_file.h"
#include "experiments/results/run_files.h"
#include "experiments/results/run_record.h"
#include "experiments/results/statistics.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bitstate::experiments {

/// Curves by their name: (epoch, value).
using Curves = std::map<std::string, std::vector<std::pair<double, double>>>;

/// The runs that differ in nothing but the seed: n are done, the others diverged, were given up, run or are missing.
struct ReportRow {
  std::vector<std::string> values;  ///< of Report::columns
  std::vector<std::string> names;   ///< of Report::titles
  std::string metric;               ///< as metric_name() has it, or "" while no run is done
  Statistic test;                   ///< of the runs that are done
  Statistic perplexity;             ///< on the test part, where the metric is in bits
  Statistic validation;
  Statistic seconds;
  // of PoleCost and of the size, absent in results of older versions
  std::optional<double> size_kib;         ///< of the stored weights and biases
  std::optional<double> a_stored_bits;    ///< per eigenvalue
  std::optional<double> a_products;       ///< multiplications of the recurrence per state and step
  std::optional<double> multiplier_bits;  ///< bits of the numbers that the state is multiplied by there
  std::optional<double> instructions;     ///< of a streaming step on a Cortex-M4, estimated
  std::size_t diverged = 0;
  std::size_t given_up = 0;
  std::size_t running = 0;
  std::size_t missing = 0;
  bool is_float = false;          ///< nothing is quantized
  bool best = false;              ///< better than every comparable row: see compare_rows.h
  Statistic difference;           ///< to float, over pairs of runs; n = 0 without a pair
  std::string reference;          ///< the names of the float row that has the other runs of the pairs
  std::string qs5;                ///< published_by_qs5(), or empty
  std::vector<double> published;  ///< the same as numbers; accuracies in per cent
  bool one_source = false;        ///< all its runs, more than one, started from one and the same run
  std::vector<RunRecord> runs;    ///< that count, in whatever state
  Curves curves;                  ///< mean over the runs that are done
  std::vector<std::pair<std::string, Curves>> curves_so_far;  ///< of each run that runs, by its seed

  /// Of its runs, and of those of its sweep's plan that have not begun.
  [[nodiscard]] std::size_t seeds() const { return std::max(runs.size(), runs.front().planned); }

  /// The test figures of the runs that are done.
  [[nodiscard]] BySeed results() const;
};

struct Report {
  std::string title;                 ///< the data sets
  std::filesystem::path folder;      ///< that it is written to
  std::vector<std::string> columns;  ///< settings that vary, without the seed
  std::vector<std::string> titles;  ///< what tables call a row by: the columns; where all runs have labels, "stage" (if
                                    ///< there are any), "configuration", the data sets if there are several, and the
                                    ///< columns in which rows of one label differ
  std::vector<std::pair<std::string, std::string>> head;  ///< report_head()
  std::vector<ReportRow> rows;
  Settings common;  ///< settings that all runs share
  std::vector<RunRecord> diverged;
  std::vector<RunRecord> given_up;
  std::vector<RunRecord> running;
  std::vector<RunRecord> missing;
  std::vector<RunRecord> repeated;  ///< of the same settings and seed as another run, which counts; in no row

  /// What `bitstate allocate` measured in a folder of the report, and the metric of that.
  struct Allocation {
    std::filesystem::path folder;
    std::string metric;
    std::vector<AllocatedModel> models;
  };
  std::vector<Allocation> allocations;

  PivotKeys pivot;  ///< of make_report(): the keys of the plans, else the two settings that vary, if there are two on
                    ///< one data set
  std::optional<Comparison> comparison;  ///< of the two sweeps that it is made of, where they have rows in common

  /// The five lists with their titles.
  [[nodiscard]] std::vector<std::pair<std::string_view, const std::vector<RunRecord>*>> uncounted() const;

  /// Whether two rows are tested on the same data; comparable: by the same metric, too.
  [[nodiscard]] bool same_data(const ReportRow& a, const ReportRow& b) const;
  [[nodiscard]] bool comparable(const ReportRow& a, const ReportRow& b) const;

  /// Whether rows that have this figure differ in it.
  [[nodiscard]] bool differ(std::optional<double> ReportRow::*figure) const;

  /// Whether rows are called by their labels, and stand in the order of the plan.
  [[nodiscard]] bool labelled() const { return titles != columns; }
};

/// Groups the runs, and reads the plans of their sweeps. Those that diverged, run or are missing enter no statistic, a
/// repeated one nothing at all.
Report make_report(std::vector<RunRecord> runs);

/// The order of values in a column: "none" first, numbers by size, then words. Words are ordered backwards, which puts
/// Q-S5's configurations in the order of its tables: w8a8, w4a8-ssm8, w4a8-a8, w4a8, w2a8-ssm8, ...
bool value_before(const std::string& a, const std::string& b);

/// "a_bits 2" or its label: what tells a row from the others.
std::string row_label(const Report& report, const ReportRow& row);

/// "seed 3, a_bits 2": what tells a run from the others.
std::string run_label(const Report& report, const RunRecord& run);

}  // namespace bitstate::experiments
