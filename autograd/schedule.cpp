#include "autograd/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace bitstate {

double Schedule::rate(double base, std::size_t step) const {
  if (step < warmup_steps) base *= static_cast<double>(step + 1) / static_cast<double>(warmup_steps);
  if (step == 0) return base;
  const std::size_t done = step - 1;
  const std::size_t warmup = steps_per_epoch * warmup_end;
  if (done < warmup) return base * static_cast<double>(done + 1) / static_cast<double>(warmup);
  if (!cosine) return base;
  const std::size_t total = steps_per_epoch * epochs;
  if (total <= warmup) return lr_min;
  const auto end = static_cast<double>(total - warmup);
  const double phase = std::min(static_cast<double>(done), end) / end;
  return (base - lr_min) * 0.5 * (1.0 + std::cos(std::numbers::pi * phase)) + lr_min;
}

}  // namespace bitstate
