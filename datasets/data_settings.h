// What a run says of its data, and what data sets say with it.
#pragma once

#include "datasets/dataset.h"
#include "datasets/generators/dynamics.h"
#include "datasets/generators/token_tasks.h"
#include "datasets/own/own.h"
#include "datasets/sequences.h"
#include "datasets/sets/imdb_bytes.h"
#include "datasets/sets/pathfinder.h"
#include "datasets/windows.h"

#include <cstddef>
#include <filesystem>
#include <optional>

namespace bitstate::datasets {

/// A data set reads what its entry in the registry has options for.
struct DataSettings {
  std::filesystem::path path{};  ///< folder or file of the data; empty: $BITSTATE_DATA (see find_source)
  std::size_t limit_train = 0;   ///< use only the first n training examples; 0: all
  std::size_t limit_test = 0;    ///< likewise for validation and test
  double val_split = 0.0;        ///< share of the training part held out where a data set has no validation part
  DynamicsSettings dynamics{};
  ContourSettings pathfinder{};
  SeriesSettings series{};
  OwnSettings own{};
  TokenTaskSettings token_task{};
  ByteSettings bytes{};
  StreamSettings stream{};
  // where data are read, and for whom
  std::filesystem::path cache{};     ///< folder for tokenised and generated data; empty: made anew each time
  std::optional<Reading> reading{};  ///< of a trained model: values get its units, other ids than its are an Error
};

}  // namespace bitstate::datasets
