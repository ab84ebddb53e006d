// When the C of a program computes each value: in one pass over the steps, or, with backward scans, in several.
#pragma once

#include "core/program/program.h"

#include <cstddef>
#include <vector>

namespace bitstate::program {

/// Even passes run from the first step to the last, odd ones from the last to the first.
struct CSchedule {
  bool streams = true;            ///< one pass, so the steps may come one at a time
  std::size_t passes = 1;         ///< over the steps; what follows the pools comes after them
  std::size_t max_steps = 1;      ///< of a sequence, padding included
  std::vector<std::size_t> pass;  ///< of each value; of a pool the pass in which it gathers; else `passes`
  std::vector<bool> stored;       ///< read in a later pass: kept for all steps

  /// Orders computations: a pool's value comes after the passes.
  [[nodiscard]] std::size_t computed(std::size_t value, bool per_step) const {
    return (per_step ? pass[value] : passes) * pass.size() + value;
  }
};

/// `max_steps` is that of sequences; it is raised to the program's padded length.
[[nodiscard]] CSchedule schedule_of(const Program& program, const std::vector<ValueInfo>& infos, std::size_t max_steps);

}  // namespace bitstate::program
