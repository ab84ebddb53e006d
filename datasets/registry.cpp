#include "datasets/registry.h"

#include "core/error.h"
#include "core/suggest.h"
#include "datasets/catalog.h"
#include "datasets/find.h"
#include "datasets/own/own.h"
#include "datasets/sets/cifar.h"
#include "datasets/sets/dynamics.h"
#include "datasets/sets/imdb.h"
#include "datasets/sets/listops.h"
#include "datasets/sets/pathfinder.h"
#include "datasets/sets/retrieval.h"
#include "datasets/sets/smnist.h"
#include "datasets/sets/speech.h"
#include "datasets/sets/system_identification.h"
#include "datasets/splits.h"

#include <fmt/ranges.h>

#include <algorithm>
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

const Signs cifar_signs = {"cifar",
                           {"cifar10", "cifar-10-batches-bin", "cifar"},
                           {"test_batch.bin", "cifar-10-batches-bin"},
                           {"cifar-10*.tar*", "cifar-10*.tgz"}};
const Signs imdb_signs = {"imdb", {"imdb", "aclImdb"}, {"aclImdb", "train"}, {"aclImdb*.tar*", "aclImdb*.tgz"}};

SystemOptions system_options(const DataOptions& options) {
  require<UsageError>(options.horizon <= 1, "horizon", "expected 0 (simulation) or 1 (one step ahead), got \"{}\"",
                      options.horizon);
  return {options.horizon == 1, options.window, options.stride, options.reading};
}

/// The folder that the user named, in which a data set looks for its files itself.
std::filesystem::path folder_of(std::string_view name, const DataOptions& options) {
  return data_folder(name, options.data);
}

Splits pathfinder_of(std::string_view name, const DataOptions& options, std::size_t size) {
  // of the catalogue are the hard images
  const bool official = options.contour_length == DataOptions{}.contour_length;
  const std::string advice = official ? std::string() : pathfinder_advice(size, options.contour_length);
  return pathfinder(data_folder(name, options.data, advice), size, options.contour_length);
}

Splits own(const DataOptions& options) {
  require<UsageError>(!options.data.empty(), "data",
                      "own data need a file or a folder: --data=FILE.csv, FILE.h5 or DIR");
  return own_data(options.data, {options.input, options.target, options.window, options.stride, options.horizon,
                                 options.task, options.reading});
}

struct Entry {
  std::string_view name;
  Task task;
  bool tokens, pairs;
  std::size_t d_input, d_output, max_length;
  std::size_t train_size;
  double mean_length;
  Splits (*load)(const DataOptions&);
};

constexpr Task classification = Task::classification;
constexpr Task regression = Task::regression;

// Sizes of the official data sets (S5 and LRA); vocabularies and mean lengths measured where the data are at hand.
constexpr std::array entries = {
    Entry{"smnist", classification, false, false, 1, 10, 784, 54'000, 784,
          [](const DataOptions& o) { return smnist(find_data("mnist", o.data), false); }},
    Entry{"psmnist", classification, false, false, 1, 10, 784, 54'000, 784,
          [](const DataOptions& o) { return smnist(find_data("mnist", o.data), true); }},
    Entry{"listops", classification, true, false, 18, 10, 2048, 96'000, 1038,
          [](const DataOptions& o) { return listops(folder_of("listops", o), o.cache); }},
    Entry{"imdb", classification, true, false, 134, 2, 4096, 25'000, 1299.4,
          [](const DataOptions& o) { return imdb(find_source(imdb_signs, o.data), o.cache); }},
    Entry{"aan", classification, true, true, 98, 2, 4000, 147'086, 8000,
          [](const DataOptions& o) { return aan(folder_of("aan", o), o.cache); }},
    Entry{"lra-cifar", classification, false, false, 1, 10, 1024, 45'000, 1024,
          [](const DataOptions& o) { return cifar(find_source(cifar_signs, o.data), true); }},
    Entry{"cifar", classification, false, false, 3, 10, 1024, 45'000, 1024,
          [](const DataOptions& o) { return cifar(find_source(cifar_signs, o.data), false); }},
    Entry{"pathfinder", classification, false, false, 1, 2, 1024, 160'000, 1024,
          [](const DataOptions& o) { return pathfinder_of("pathfinder", o, 32); }},
    Entry{"pathx", classification, false, false, 1, 2, 16'384, 160'000, 16'384,
          [](const DataOptions& o) { return pathfinder_of("pathx", o, 128); }},
    Entry{"speech35", classification, false, false, 1, 35, 16'000, 84'843, 16'000,
          [](const DataOptions& o) { return speech35(folder_of("speech35", o), o.cache); }},
    Entry{"speech35-8k", classification, false, false, 1, 35, 8'000, 84'843, 8'000,
          [](const DataOptions& o) { return speech35(folder_of("speech35", o), o.cache, 2); }},
    Entry{"lorenz", regression, false, false, 3, 3, 512, 819, 512,
          [](const DataOptions& o) { return lorenz(dynamics_options(o)); }},
    Entry{"mackey-glass", regression, false, false, 10, 10, 512, 204, 512,
          [](const DataOptions& o) { return mackey_glass(dynamics_options(o)); }},
    Entry{"silverbox", regression, false, false, 1, 1, 1024, 113, 1024,
          [](const DataOptions& o) { return silverbox(folder_of("silverbox", o), system_options(o)); }},
    Entry{"silverbox-arrow", regression, false, false, 1, 1, 1024, 113, 1024,
          [](const DataOptions&
                 o) { return silverbox(folder_of("silverbox", o), system_options(o), SilverboxTest::arrow); }},
    Entry{"cascaded-tanks", regression, false, false, 1, 1, 256, 5, 256,
          [](const DataOptions& o) { return cascaded_tanks(folder_of("cascaded-tanks", o), system_options(o)); }},
    Entry{"own", regression, false, false, 0, 0, 0, 0, 0, own},
};

const Entry& entry(std::string_view name) {
  const std::string known = canonical_name(name);
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.name == known; });
  if (found == entries.end()) {
    fail<UsageError>("dataset", "there is no data set \"{}\"{}", name, suggestion(name, names()));
  }
  return *found;
}

/// A model that has learnt other ids or units cannot read these data.
void check_reading(const Splits& splits, const Reading& learnt) {
  require(splits.reading.vocabulary == learnt.vocabulary, "data",
          "the ids of {} stand for other symbols than those that the model was trained with: they are numbered by the "
          "training part, which must be the same",
          splits.name);
  const auto check_size = [&](std::size_t here, std::size_t there, std::string_view what) {
    require(there == 0 || here == there, "data", "{} has {} {}, the model was trained with {}", splits.name, here, what,
            there);
  };
  check_size(splits.d_input, learnt.inputs, splits.tokens ? "tokens" : "input columns");
  check_size(splits.d_output, learnt.outputs, splits.task == classification ? "classes" : "target columns");
  require(splits.reading.input_units == learnt.input_units && splits.reading.target_units == learnt.target_units,
          "data", "{} does not have the units of the data that the model was trained with", splits.name);
}

/// Holds a share of the training part out for validation, by random_split of seed 42.
void hold_out(Splits& splits, double share) {
  const std::size_t n = splits.train->size();
  const auto held = static_cast<std::size_t>(share * static_cast<double>(n));
  require<UsageError>(held > 0 && held < n, "val_split", "a share of {} of {} training examples leaves a part empty",
                      share, n);
  constexpr std::uint32_t seed = 42;
  auto parts = random_split({n - held, held}, seed);
  splits.validation = subset(splits.train, std::move(parts[1]));
  splits.train = subset(splits.train, std::move(parts[0]));
}

}  // namespace

std::vector<std::string> names() {
  std::vector<std::string> found;
  found.reserve(entries.size());
  for (const Entry& e : entries) found.emplace_back(e.name);
  return found;
}

std::string canonical_name(std::string_view name) {
  constexpr std::string_view suffix = "-classification";
  if (name.ends_with(suffix)) name.remove_suffix(suffix.size());
  if (name == "mnist") name = "smnist";
  const bool known = std::any_of(entries.begin(), entries.end(), [&](const Entry& e) { return e.name == name; });
  return known ? std::string(name) : std::string();
}

Splits load(std::string_view name, const DataOptions& options) {
  Splits splits = entry(name).load(options);
  if (options.reading) check_reading(splits, *options.reading);
  splits.reading.inputs = splits.d_input;
  splits.reading.outputs = splits.d_output;
  if (splits.validation == nullptr && options.val_split > 0.0) {
    require<UsageError>(
        options.stride == 0 || options.stride >= options.window, "val_split",
        "windows of {} steps that begin every {} overlap, so that those held out would be known from the "
        "training: give a validation part, or a stride of at least {}",
        options.window, options.stride, options.window);
    hold_out(splits, options.val_split);
  }
  if (options.limit_train > 0) splits.train = limit(splits.train, options.limit_train);
  if (options.limit_test > 0) {
    splits.validation = limit(splits.validation, options.limit_test);
    splits.test = limit(splits.test, options.limit_test);
  }
  return splits;
}

Shape shape(std::string_view name) {
  const Entry& e = entry(name);
  require<UsageError>(e.d_input > 0, "dataset", "own data have no official shape");
  Shape found;
  found.splits.name = e.name;
  found.splits.task = e.task;
  found.splits.tokens = e.tokens;
  found.splits.pairs = e.pairs;
  found.splits.d_input = e.d_input;
  found.splits.d_output = e.d_output;
  found.splits.max_length = e.max_length;
  found.train_size = e.train_size;
  found.mean_length = e.mean_length;
  return found;
}

}  // namespace bitstate::datasets
