// Two sweeps side by side.
#pragma once

#include "experiments/results/statistics.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace bitstate::experiments {

struct Report;
struct RunRecord;

/// A row that both sweeps have.
struct MatchedRow {
  std::vector<std::string> names;  ///< of Comparison::titles
  std::string metric;
  Statistic a;
  Statistic b;
  Statistic difference;  ///< b - a, over the seeds that both have
};

struct Comparison {
  std::string a;                            ///< the folder of the first sweep
  std::string b;                            ///< of the second one
  std::vector<std::string> titles;          ///< what rows are called by
  std::vector<MatchedRow> rows;             ///< in the order of the first sweep, not empty
  std::vector<std::string> only_a, only_b;  ///< rows of one sweep alone
  std::vector<std::string> settings;        ///< "epochs 2 and 4 (stage qaft)": settings of all runs of a
                                            ///< stage that differ
};

/// The rows of two sweeps that are called alike and were tested on the same data: those with the same stage and label
/// where all runs of both have labels, else those with the same settings, as far as these vary within a sweep. Nothing
/// where there are none.
std::optional<Comparison> compare_sweeps(const std::filesystem::path& a, const std::filesystem::path& b);

}  // namespace bitstate::experiments
