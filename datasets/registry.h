// The data sets by name.
#pragma once

#include "core/options.h"
#include "datasets/dataset.h"
#include "datasets/generators/dynamics.h"
#include "datasets/own/own.h"
#include "datasets/sequences.h"
#include "datasets/sets/pathfinder.h"

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::datasets {

/// What a run says of its data, and what data sets say with it. A data set reads what its entry has options for.
struct DataSettings {
  std::filesystem::path path{};  ///< folder or file of the data; empty: $BITSTATE_DATA (see find_source)
  std::size_t limit_train = 0;   ///< use only the first n training examples; 0: all
  std::size_t limit_test = 0;    ///< likewise for validation and test
  double val_split = 0.0;        ///< share of the training part held out where a data set has no validation part
  DynamicsSettings dynamics{};
  ContourSettings pathfinder{};
  SeriesSettings series{};
  OwnSettings own{};
  // where data are read, and for whom
  std::filesystem::path cache{};     ///< folder for tokenised and generated data; empty: made anew each time
  std::optional<Reading> reading{};  ///< of a trained model: values get its units, other ids than its are an Error
};

/// The options of all data sets. Those that not every data set has name the ones that have them as their subjects.
const OptionTable<DataSettings>& data_options();

/// The names load() knows, one for each data set.
std::vector<std::string> names();

/// The name among names() that `name` means: Q-S5's "imdb-classification" is imdb, mnist is smnist; "" if it means
/// none.
std::string canonical_name(std::string_view name);

/// The data set `name`. UsageError for an unknown name, Error for missing or damaged files.
Splits load(std::string_view name, const DataSettings& settings);

/// What the official data set is like, without its files: for sizes of models and durations of runs.
struct Shape {
  Splits splits;               ///< without the parts
  std::size_t train_size = 0;  ///< training examples
  double mean_length = 0.0;    ///< of a training sequence (of both documents together), without padding
};

/// UsageError for an unknown name and for the user's own data, which have no official shape.
Shape shape(std::string_view name);

}  // namespace bitstate::datasets
