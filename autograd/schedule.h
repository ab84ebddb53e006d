// S5's learning-rate schedule: linear warm-up, then half a cosine.
#pragma once

#include <cstddef>

namespace bitstate {

/// The rates of a run by training step. S5 sets a rate after the update, as a function of the step just done, so step 0
/// runs at the full base rate, and the cosine is entered at step = steps_per_epoch · warmup_end of its own
/// steps_per_epoch · (epochs - warmup_end), which leaves the last warmup_end epochs at lr_min.
struct Schedule {
  std::size_t steps_per_epoch = 1;
  std::size_t epochs = 1;
  std::size_t warmup_end = 1;  ///< epochs of warm-up
  bool cosine = true;          ///< false: the base rate after the warm-up
  double lr_min = 0.0;
  std::size_t warmup_steps = 0;  ///< step i of the first ones has (i + 1) / warmup_steps of its rate

  /// The rate that training step `step` (from 0) uses, for a group whose base rate is `base`.
  [[nodiscard]] double rate(double base, std::size_t step) const;
};

}  // namespace bitstate
