// The data sets by name.
#pragma once

#include "datasets/dataset.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::datasets {

/// What a run says about its data. A data set uses what concerns it and ignores the rest.
struct DataOptions {
  std::filesystem::path data{};   ///< folder of the files; empty: $BITSTATE_DATA (see find_data)
  std::filesystem::path cache{};  ///< folder for generated data; empty: generate anew each time
  std::uint64_t seed = 0;         ///< of generated data
  std::size_t trajectories = 0;   ///< of generated data, train and test together; 0: as many as Q-S5 (see dynamics.h)
  double tau = 17.0;              ///< delay of mackey-glass
  double spread = -1.0;           ///< of lorenz's starting points; negative: the default of DynamicsOptions
  std::size_t limit_train = 0;    ///< use only the first n training examples; 0: all
  std::size_t limit_test = 0;     ///< likewise for validation and test
};

/// The names load() knows, one for each data set.
std::vector<std::string> names();

/// The data set `name`: smnist (also mnist, mnist-classification), psmnist, lorenz, mackey-glass.
/// UsageError for an unknown name, Error for missing or damaged files.
Splits load(std::string_view name, const DataOptions& options);

}  // namespace bitstate::datasets
