// Widths of all sites together: chosen by what each costs alone, then corrected by what they cost in combination.
#pragma once

#include "experiments/allocation/knapsack.h"
#include "experiments/allocation/measured.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace bitstate::experiments {

/// What each width of each site costs alone.
struct Problem {
  Metric metric = Metric::accuracy;
  std::vector<std::vector<Choice>> sites;  ///< the same widths of each, the widest first
};

/// A width for each site.
struct Combination {
  std::vector<std::size_t> chosen;
  std::uint64_t size = 0;
  Measured measured;
};

/// Measures a width for each site.
using Measure = std::function<Measured(const std::vector<std::size_t>& chosen)>;

/// All sites at the width of this index, measured.
Combination uniform(const Problem& problem, std::size_t width, const Measure& measure);

/// The best selections by additive costs of the sizes of uniform widths, and of the sizes half-way between them,
/// measured; the widest first.
std::vector<Combination> along_front(const Problem& problem, const Measure& measure);

struct Answer {
  Combination allocated;
  std::optional<Combination> uniform;  ///< the best that meets the goal; none may
  bool uniform_wins = false;           ///< the allocated widths are not better
};

/// The widths of the best metric within `size`. From the best selection by additive costs, or a smaller one of
/// along_front() that is measured to be better, up to three rounds try the eight exchanges of widths that promise most
/// and take the best of them that improves what is measured. `size` is at least Knapsack::least().
Answer within_size(const Problem& problem, std::uint64_t size, const Measure& measure);

/// The smallest widths whose metric is as good as `goal`, the smallest selection by additive costs that reaches it,
/// narrowed site by site as long as it does. Nothing where no selection on the front reaches it.
std::optional<Answer> reaching(const Problem& problem, double goal, const Measure& measure);

}  // namespace bitstate::experiments
