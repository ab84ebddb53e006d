#include "datasets/registry.h"

#include "core/error.h"
#include "datasets/catalog.h"
#include "datasets/dynamics.h"
#include "datasets/smnist.h"
#include "datasets/splits.h"

#include <fmt/ranges.h>

#include <array>

namespace bitstate::datasets {
namespace {

DynamicsOptions dynamics_options(const DataOptions& options) {
  DynamicsOptions dynamics;
  dynamics.trajectories = options.trajectories;
  dynamics.seed = options.seed;
  dynamics.tau = options.tau;
  if (options.spread >= 0.0) dynamics.spread = options.spread;
  dynamics.cache = options.cache;
  return dynamics;
}

struct Entry {
  std::string_view name;
  std::string_view same_as;  // an alias names the entry it stands for
  Splits (*load)(const DataOptions&);
};

Splits plain(const DataOptions& options) { return smnist(find_data("mnist", options.data), false); }
Splits permuted(const DataOptions& options) { return smnist(find_data("mnist", options.data), true); }

constexpr std::array<Entry, 6> entries = {{
    {"smnist", "", plain},
    {"mnist", "smnist", plain},
    {"mnist-classification", "smnist", plain},
    {"psmnist", "", permuted},
    {"lorenz", "", [](const DataOptions& options) { return lorenz(dynamics_options(options)); }},
    {"mackey-glass", "", [](const DataOptions& options) { return mackey_glass(dynamics_options(options)); }},
}};

}  // namespace

std::vector<std::string> names() {
  std::vector<std::string> found;
  for (const Entry& entry : entries) {
    if (entry.same_as.empty()) found.emplace_back(entry.name);
  }
  return found;
}

Splits load(std::string_view name, const DataOptions& options) {
  for (const Entry& entry : entries) {
    if (entry.name != name) continue;
    Splits splits = entry.load(options);
    if (options.limit_train > 0) splits.train = limit(splits.train, options.limit_train);
    if (options.limit_test > 0) {
      splits.validation = limit(splits.validation, options.limit_test);
      splits.test = limit(splits.test, options.limit_test);
    }
    return splits;
  }
  fail<UsageError>("dataset", "there is no data set {}; there are: {}", name, fmt::join(names(), ", "));
}

}  // namespace bitstate::datasets
