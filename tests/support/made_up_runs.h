// Folders as runs leave them, with figures that can be averaged in the head.
#pragma once

#include "core/io/hdf5.h"
#include "experiments/report/report.h"
#include "tests/support/temp_folder.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::tests {

class MadeUpRuns {
 public:
  TempFolder folder;

  /// `result` is the text of result.json; empty: there is none. The folder of the run is returned.
  std::filesystem::path add(const std::string& settings, const std::string& result, const std::string& metrics = "") {
    auto run = folder / "runs" / ("run" + std::to_string(count_++));
    std::filesystem::create_directories(run);
    const bool named = settings.find("dataset = ") != std::string::npos;
    write_quickly(run / "settings.ini", (named ? "" : "dataset = smnist\n") + settings);
    if (!result.empty()) write_quickly(run / "result.json", result);
    if (!metrics.empty()) write_quickly(run / "metrics.jsonl", metrics);
    return run;
  }
  std::filesystem::path accuracy(const std::string& settings, double test) {
    return add(settings,
               R"({"status":"done","test_accuracy":)" + std::to_string(test) + R"(,"val_accuracy":0.5,"seconds":2.0})");
  }
  std::filesystem::path mse(const std::string& a, const std::string& x, double test) {
    return add("a_bits = " + a + "\nssm_act_bits = " + x + "\nseed = 1\n",
               R"({"status":"done","test_mse":)" + std::to_string(test) + "}");
  }
  /// What a checkpoint says of a run: its one weight, the digest of the weights that it started from, its rules.
  static void keep_weights(const std::filesystem::path& run, float weight, const std::string& source = "",
                           const std::string& rules = "") {
    Hdf5Writer writer(run / "best.h5");
    writer.write("parameters/weight", std::vector<float>{weight}, {1, 1});
    writer.write_text("source", source);
    writer.write_text("rules", rules);
    writer.commit();
  }
  [[nodiscard]] experiments::Report report() const {
    return experiments::make_report(experiments::read_runs({folder.path()}));
  }

 private:
  int count_ = 0;
};

/// The distinct values of a column of the report, in order.
inline std::vector<std::string> axis_of(const experiments::Report& report, std::size_t column) {
  std::vector<std::string> values;
  for (const auto& row : report.rows) values.push_back(row.values.at(column));
  std::sort(values.begin(), values.end(), experiments::value_before);
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

/// The row with these values of the first two columns, which there must be.
inline const experiments::ReportRow& row_at(const experiments::Report& report, std::string_view first,
                                            std::string_view second) {
  for (const auto& row : report.rows) {
    if (row.values.at(0) == first && row.values.at(1) == second) return row;
  }
  throw std::runtime_error("the report has no such row");
}

}  // namespace bitstate::tests
