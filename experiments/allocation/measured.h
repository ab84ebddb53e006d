// What a measurement gives.
#pragma once

#include "experiments/training/metric.h"

#include <optional>

namespace bitstate::experiments {

/// Mean over the validation part.
struct Figures {
  double loss = 0.0;  ///< what training minimises: cross entropy, squared error, sMAPE
  double metric = 0.0;
  bool operator==(const Figures&) const = default;
};

/// Nothing where the model diverges: it gives a NaN or an infinity.
using Measured = std::optional<Figures>;

/// Whether the metric of `a` is the better one, or as good with less loss.
inline bool is_better(Metric metric, const Measured& a, const Measured& b) {
  if (!a || !b) return a.has_value() && !b.has_value();
  if (a->metric != b->metric) return bitstate::is_better(metric, a->metric, b->metric);
  return a->loss < b->loss;
}

/// Whether the metric is `goal` or better.
inline bool reaches(Metric metric, const Measured& measured, double goal) {
  return measured && !bitstate::is_better(metric, goal, measured->metric);
}

}  // namespace bitstate::experiments
