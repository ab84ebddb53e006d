// ListOps data of one's own, from the Long Range Arena's distribution.
#pragma once

#include "core/parallel.h"
#include "datasets/generators/generated.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>

namespace bitstate::datasets {

/// The Long Range Arena's values.
struct ListopsOptions {
  std::uint64_t seed = 0;
  std::size_t train = 96'000, validation = 2'000, test = 2'000;  ///< examples
  std::size_t min_length = 500, max_length = 2'000;  ///< symbols without parentheses; more than min, less than max
  std::size_t max_depth = 10;                        ///< levels; at the last one there are digits only
  std::size_t max_args = 10;                         ///< of an operator, at least 2
};

struct ListopsSummary {
  bool made = false;                     ///< false: the finished files were there, and nothing else below is filled
  std::size_t candidates = 0;            ///< expressions drawn
  std::size_t accepted = 0;              ///< of them, with an allowed length and new
  double mean_length = 0.0;              ///< of the accepted, in symbols
  std::array<std::size_t, 10> labels{};  ///< of the accepted, by value
};

/// Writes out/basic_train.tsv, basic_val.tsv and basic_test.tsv in the format that listops() reads, and
/// out/options.txt. An expression is, by the algorithm of the Long Range Arena's listops.py, a digit with probability
/// 3/4 (at the last level always), otherwise one of MIN, MAX, MED, SM, with 2 to max_args expressions of the next
/// level; uniform draws throughout. Candidate i is drawn from (seed, i); the first of allowed length are taken, each
/// once: train, then validation, then test. The files do not depend on `workers`. Finished files of the same options
/// are left alone. Throws UsageError for impossible options and a folder of other data.
ListopsSummary make_listops(const ListopsOptions& options, const std::filesystem::path& out, Workers& workers,
                            const Progress& progress);

}  // namespace bitstate::datasets
