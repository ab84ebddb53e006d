// The data sets by name.
#pragma once

#include "datasets/dataset.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::datasets {

/// What a run says about its data. A data set uses what concerns it and ignores the rest.
struct DataOptions {
  std::filesystem::path data{};     ///< folder of the files; empty: $BITSTATE_DATA (see find_source)
  std::filesystem::path cache{};    ///< folder for tokenised and generated data; empty: made anew each time
  std::uint64_t seed = 0;           ///< of generated data
  std::size_t trajectories = 0;     ///< of generated data, train and test together; 0: as many as Q-S5 (see dynamics.h)
  double tau = 17.0;                ///< delay of mackey-glass
  std::size_t contour_length = 14;  ///< of pathfinder and pathx, in paddles
  double spread = -1.0;             ///< of lorenz's starting points; negative: the default of DynamicsOptions
  /// Own data: columns of a .csv, what is learnt; silverbox and cascaded-tanks, too, have windows, and with horizon 1
  /// are one-step prediction (see own.h, system_identification.h).
  std::vector<std::string> input{}, target{};
  std::size_t window = 0, stride = 0, horizon = 0;
  std::string task = "auto";
  std::optional<Reading> reading{};  ///< of a trained model: values get its units, other ids than its are an Error
  double val_split = 0.0;            ///< share of the training part held out where a data set has no validation part
  std::size_t limit_train = 0;       ///< use only the first n training examples; 0: all
  std::size_t limit_test = 0;        ///< likewise for validation and test
};

/// The names load() knows, one for each data set.
std::vector<std::string> names();

/// The name among names() that `name` means: Q-S5's "imdb-classification" is imdb, mnist is smnist; "" if it means
/// none.
std::string canonical_name(std::string_view name);

/// The data set `name`. UsageError for an unknown name, Error for missing or damaged files.
Splits load(std::string_view name, const DataOptions& options);

/// What the official data set is like, without its files: for sizes of models and durations of runs.
struct Shape {
  Splits splits;               ///< without the parts
  std::size_t train_size = 0;  ///< training examples
  double mean_length = 0.0;    ///< of a training sequence (of both documents together), without padding
};

/// UsageError for an unknown name and for the user's own data, which have no official shape.
Shape shape(std::string_view name);

}  // namespace bitstate::datasets
