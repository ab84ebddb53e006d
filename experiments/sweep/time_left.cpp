#include "experiments/sweep/time_left.h"

#include <algorithm>

namespace bitstate::experiments {
namespace {

double epochs_or_one(const RunWork& work) { return static_cast<double>(std::max<std::size_t>(1, work.epochs)); }

}  // namespace

void EpochCosts::add(const RunWork& work, double seconds) {
  for (Mean* const mean : {&kinds_[work.kind], work.epochs > 0 ? &trained_ : &untrained_}) {
    mean->seconds += seconds;
    mean->epochs += epochs_or_one(work);
  }
}

std::optional<double> EpochCosts::seconds_of(const RunWork& work) const {
  const auto kind = kinds_.find(work.kind);
  const Mean none;
  const Mean& own = kind == kinds_.end() ? none : kind->second;
  for (const Mean* const mean :
       {&own, work.epochs > 0 ? &trained_ : &untrained_, work.epochs > 0 ? &none : &trained_}) {
    if (mean->epochs > 0.0) return mean->seconds / mean->epochs * epochs_or_one(work);
  }
  return {};
}

}  // namespace bitstate::experiments
