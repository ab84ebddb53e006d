// A trained model as a change of it sees it.
#pragma once

#include "experiments/training/calibration.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace bitstate {

/// What whoever applies a change that takes long offers it. Each may be empty.
struct TransformHost {
  const Model* source = nullptr;      ///< the model before all changes, with the weights of its source
  std::filesystem::path folder = {};  ///< for tables, and for what an interrupted change goes on from
  std::string identity = {};          ///< of what is changed how: what is kept in the folder says whose it is
  bool resume = false;                ///< go on from what the folder keeps
  std::function<bool()> stop = {};    ///< asked now and then; true: throw TransformStopped
  std::function<void(std::string_view)> say = {};  ///< a line that stays
  std::function<void(std::size_t done, std::size_t total, std::string_view note)> progress = {};
};

/// A change was stopped. What it keeps in the folder is enough to go on.
struct TransformStopped {};

/// A model with the weights of its source. The sites have the rules of the run. They have no ranges but those that
/// earlier changes have stored, or all of them, for a Transform that comes after calibration.
struct TransformTarget {
  Model& model;
  Inventory& inventory;
  LaneRunner& runner;           ///< of this model
  const CalibrationData& data;  ///< training sequences
  Workers& workers;
  std::size_t padded_length = 0;  ///< shorter sequences are padded to so many steps
  std::uint64_t seed = 0;
  TransformHost host = {};
};

}  // namespace bitstate
