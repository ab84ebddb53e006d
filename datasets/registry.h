// The data sets by name.
#pragma once

#include "datasets/dataset.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate {
template <class S>
class OptionTable;
}

namespace bitstate::datasets {

struct DataSettings;  // datasets/data_settings.h

/// The options of all data sets. Those that not every data set has name the ones that have them as their subjects.
const OptionTable<DataSettings>& data_options();

/// The names load() knows, one for each data set.
std::vector<std::string> names();

/// The name among names() that `name` means: Q-S5's "imdb-classification" is imdb, mnist is smnist; "" if it means
/// none.
std::string canonical_name(std::string_view name);

/// Whether the data set is generated when it is loaded, so that it has no files; false for a name that means none.
bool is_generated(std::string_view name);

/// The data set `name`. UsageError for an unknown name, Error for missing or damaged files.
Splits load(std::string_view name, const DataSettings& settings);

/// What the official data set is like, without its files: for sizes of models and durations of steps.
struct Shape {
  Splits splits;             ///< without the parts
  double mean_length = 0.0;  ///< of a training sequence (of both documents together), without padding
};

/// UsageError for an unknown name and for the user's own data, which have no official shape.
Shape shape(std::string_view name);

/// Training examples of the official data set, or how many the settings ask to generate; limits and val_split are not
/// counted. Throws as shape() does.
std::size_t train_size(std::string_view name, const DataSettings& settings);

}  // namespace bitstate::datasets
