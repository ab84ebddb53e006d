// A trained model as a change of it sees it, before the sites get their ranges.
#pragma once

#include "experiments/training/calibration.h"

namespace bitstate {

/// A model with the weights of its source. The sites have the rules of the run, and no ranges but those that earlier
/// changes have stored.
struct TransformTarget {
  Model& model;
  Inventory& inventory;
  LaneRunner& runner;           ///< of this model
  const CalibrationData& data;  ///< training sequences
};

}  // namespace bitstate
