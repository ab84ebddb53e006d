#include "datasets/registry.h"

#include "core/error.h"
#include "core/options.h"
#include "core/suggest.h"
#include "core/text.h"
#include "datasets/catalog.h"
#include "datasets/data_settings.h"
#include "datasets/find.h"
#include "datasets/sets/cifar.h"
#include "datasets/sets/imdb.h"
#include "datasets/sets/listops.h"
#include "datasets/sets/retrieval.h"
#include "datasets/sets/smnist.h"
#include "datasets/sets/speech.h"
#include "datasets/sets/system_identification.h"
#include "datasets/splits.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace bitstate::datasets {
namespace {

const SourceNames cifar_names = {"cifar",
                                 {"cifar10", "cifar-10-batches-bin", "cifar"},
                                 {"test_batch.bin", "cifar-10-batches-bin"},
                                 {"cifar-10*.tar*", "cifar-10*.tgz"}};
const SourceNames imdb_names = {"imdb", {"imdb", "aclImdb"}, {"aclImdb", "train"}, {"aclImdb*.tar*", "aclImdb*.tgz"}};

/// The folder that the user named, in which a data set looks for its files itself.
std::filesystem::path folder_of(std::string_view name, const DataSettings& settings) {
  return data_folder(name, settings.path);
}

Splits pathfinder_of(std::string_view name, const DataSettings& settings, std::size_t size) {
  const std::size_t length = settings.pathfinder.contour_length;
  const bool official = length == ContourSettings{}.contour_length;  // of the catalogue are the hard images
  const std::string advice = official ? std::string() : pathfinder_advice(size, length);
  return pathfinder(data_folder(name, settings.path, advice), size, length);
}

Splits silverbox_of(const DataSettings& settings, SilverboxTest test) {
  check_horizon(settings.series);  // a mistake in an option is named before a file that is absent
  return silverbox(folder_of("silverbox", settings), settings.series, test, settings.reading);
}

Splits cascaded_tanks_of(const DataSettings& settings) {
  check_horizon(settings.series);
  return cascaded_tanks(folder_of("cascaded-tanks", settings), settings.series, settings.reading);
}

Splits own(const DataSettings& settings) {
  require<UsageError>(settings.val_split == 0.0 || settings.own.folding.folds == 0, "val_split",
                      "cannot be given together with folds, of which each is the validation part");
  return own_data(settings.path, settings.own, settings.series, settings.reading, settings.stream);
}

using DataTable = OptionTable<DataSettings>;

/// The options that every data set has.
DataTable common_options() {
  using S = DataSettings;
  constexpr std::size_t many = 1000000000;
  DataTable table("data");
  table.whole("limit_train", "SEQUENCES", &S::limit_train, 0, many, "use only so many for training; 0: all");
  auto& limit = table.whole("limit_test", "SEQUENCES", &S::limit_test, 0, many,
                            "use only so many for validation and test; 0: all");
  limit.decides_test = true;
  limit.of_evaluation = true;
  table.real("val_split", "SHARE", &S::val_split, {0.0, 0.9},
             "of the training part, for validation where there is none");
  table.begin_group("run");
  auto& data = table.path("data", "PATH", &S::path, "folder or file of the data; else $BITSTATE_DATA");
  data.set = [](S& s, std::string_view value) {  // what is said last counts
    s.path = value;
    if (!value.empty()) s.own.parts = {};
  };
  data.affects_result = false;
  data.decides_test = true;
  return table;
}

// the tables of some data sets
void dynamics(DataTable& table) { table.nested(dynamics_options(), &DataSettings::dynamics); }
void delay(DataTable& table) { table.nested(mackey_glass_options(), &DataSettings::dynamics); }
void contours(DataTable& table) { table.nested(contour_options(), &DataSettings::pathfinder); }
void series(DataTable& table) { table.nested(series_options(), &DataSettings::series); }
void lengths(DataTable& table) { table.nested(length_options(), &DataSettings::token_task); }
void token_tasks(DataTable& table) { table.nested(token_task_options(), &DataSettings::token_task); }
void copies(DataTable& table) { table.nested(copying_options(), &DataSettings::token_task); }
void bytes(DataTable& table) { table.nested(byte_options(), &DataSettings::bytes); }
void streams(DataTable& table) { table.nested(stream_options(), &DataSettings::stream); }
void own_columns(DataTable& table) { table.nested(own_options(), &DataSettings::own); }

/// The files of the parts, in place of `data`.
void own_parts(DataTable& table) {
  using S = DataSettings;
  using Path = std::filesystem::path;
  table.begin_group("run");
  const auto add = [&](const char* name, Path OwnFiles::*part, const char* help) -> OptionOf<S>& {
    auto& option = table.add(
        name, "PATH", help,
        [part](S& s, std::string_view value) {
          s.own.parts.*part = Path(value);
          if (!value.empty()) s.path.clear();
        },
        [part](const S& s) { return (s.own.parts.*part).string(); });
    option.verbatim = true;
    option.affects_result = false;
    return option;
  };
  add("train", &OwnFiles::train, "file or folder of the training part, in place of `data`; needs `test`");
  add("val", &OwnFiles::validation, "of the validation part, with `train`");
  add("test", &OwnFiles::test, "of the test part; alone for a model that is trained").decides_test = true;
}

using AddTable = void (*)(DataTable&);
using Tables = std::array<AddTable, 4>;
constexpr Tables none{};

struct Entry {
  std::string_view name;
  Task task;
  bool tokens, pairs;
  std::size_t d_input, d_output, max_length;
  std::size_t train_size;  ///< 0 where the settings say how many are generated
  double mean_length;
  Tables tables;  ///< besides common_options()
  Splits (*load)(const DataSettings&);
  /// Of a data set that is generated: how many training examples; null: there are files.
  std::size_t (*generated)(const DataSettings&) = nullptr;
  std::optional<Metric> metric = {};  ///< as in Splits
};

std::size_t simulated(const DataSettings& settings) { return training_trajectories(settings.dynamics.trajectories); }

std::size_t made_examples(const DataSettings& settings) { return settings.token_task.examples; }

Splits lorenz_of(const DataSettings& settings) { return lorenz(settings.dynamics, settings.cache); }

Splits mackey_glass_of(const DataSettings& settings) { return mackey_glass(settings.dynamics, settings.cache); }

Splits pathfinder_32(const DataSettings& settings) { return pathfinder_of("pathfinder", settings, 32); }

Splits pathfinder_128(const DataSettings& settings) { return pathfinder_of("pathx", settings, 128); }

Splits silverbox_multisine(const DataSettings& settings) { return silverbox_of(settings, SilverboxTest::multisine); }

Splits silverbox_arrow(const DataSettings& settings) { return silverbox_of(settings, SilverboxTest::arrow); }

constexpr Task classification = Task::classification;
constexpr Task regression = Task::regression;
constexpr Task labelling = Task::labelling;

// Metrics are those of Q-S5. Sizes of the official data sets (S5 and LRA); vocabularies and mean lengths measured where
// the data are at hand.
constexpr std::array entries = {
    Entry{"smnist", classification, false, false, 1, 10, 784, 54'000, 784, none,
          [](const DataSettings& s) { return smnist(find_data("mnist", s.path), false); }},
    Entry{"psmnist", classification, false, false, 1, 10, 784, 54'000, 784, none,
          [](const DataSettings& s) { return smnist(find_data("mnist", s.path), true); }},
    Entry{"listops", classification, true, false, 18, 10, 2048, 96'000, 1038, none,
          [](const DataSettings& s) { return listops(folder_of("listops", s), s.cache); }},
    Entry{"imdb", classification, true, false, 134, 2, 4096, 25'000, 1299.4, none,
          [](const DataSettings& s) { return imdb(find_source(imdb_names, s.path), s.cache); }},
    Entry{"aan", classification, true, true, 98, 2, 4000, 147'086, 8000, none,
          [](const DataSettings& s) { return aan(folder_of("aan", s), s.cache); }},
    Entry{"lra-cifar", classification, false, false, 1, 10, 1024, 45'000, 1024, none,
          [](const DataSettings& s) { return cifar(find_source(cifar_names, s.path), true); }},
    Entry{"cifar", classification, false, false, 3, 10, 1024, 45'000, 1024, none,
          [](const DataSettings& s) { return cifar(find_source(cifar_names, s.path), false); }},
    Entry{"pathfinder", classification, false, false, 1, 2, 1024, 160'000, 1024, {contours}, pathfinder_32},
    Entry{"pathx", classification, false, false, 1, 2, 16'384, 160'000, 16'384, {contours}, pathfinder_128},
    Entry{"speech35", classification, false, false, 1, 35, 16'000, 84'843, 16'000, none,
          [](const DataSettings& s) { return speech35(folder_of("speech35", s), s.cache); }},
    Entry{"speech35-8k", classification, false, false, 1, 35, 8'000, 84'843, 8'000, none,
          [](const DataSettings& s) { return speech35(folder_of("speech35", s), s.cache, 2); }},
    Entry{"lorenz", regression, false, false, 3, 3, 512, 0, 512, {dynamics}, lorenz_of, simulated, Metric::mse},
    Entry{"mackey-glass",
          regression,
          false,
          false,
          10,
          10,
          512,
          0,
          512,
          {dynamics, delay},
          mackey_glass_of,
          simulated,
          Metric::smape},
    Entry{"silverbox", regression, false, false, 1, 1, 1024, 113, 1024, {series}, silverbox_multisine},
    Entry{"silverbox-arrow", regression, false, false, 1, 1, 1024, 113, 1024, {series}, silverbox_arrow},
    Entry{"cascaded-tanks", regression, false, false, 1, 1, 256, 5, 256, {series}, cascaded_tanks_of},
    Entry{"induction",
          labelling,
          true,
          false,
          16,
          16,
          64,
          0,
          64,
          {lengths, token_tasks},
          [](const DataSettings& s) { return induction(s.token_task); },
          made_examples},
    Entry{"copying",
          labelling,
          true,
          false,
          16,
          16,
          68,
          0,
          68,
          {lengths, token_tasks, copies},
          [](const DataSettings& s) { return copying(s.token_task); },
          made_examples},
    Entry{"imdb-bytes",
          labelling,
          true,
          false,
          256,
          256,
          256,
          124'000,
          256,
          {lengths, bytes, streams},
          [](const DataSettings& s) {
            return imdb_bytes(find_source(imdb_names, s.path), s.token_task.length, s.bytes, s.stream);
          },
          nullptr,
          Metric::bits_per_byte},
    Entry{"own", regression, false, false, 0, 0, 0, 0, 0, {own_columns, own_parts, series, streams}, own},
};

const Entry& entry(std::string_view name) {
  const std::string known = canonical_name(name);
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.name == known; });
  if (found == entries.end()) {
    fail<UsageError>("dataset", "there is no data set \"{}\"{}", name, suggestion(name, names()));
  }
  return *found;
}

const Entry& official_entry(std::string_view name) {
  const Entry& e = entry(name);
  require<UsageError>(e.d_input > 0, "dataset", "own data have no official shape");
  return e;
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

/// Whether all of up to 64 evenly spaced examples are of one class.
bool has_one_class(const Dataset& part) {
  const std::size_t count = std::min<std::size_t>(part.size(), 64);
  std::optional<std::int32_t> label;
  Example example;
  for (std::size_t i = 0; i < count; ++i) {
    example.clear();
    part.read(i * part.size() / count, example);
    if (label.value_or(example.label) != example.label) return false;
    label = example.label;
  }
  return true;
}

/// The first n examples. Those of a part that is sorted by class may be of one class, which would tell nothing: throws
/// UsageError where n is so large that this is no chance.
std::shared_ptr<const Dataset> limited(const Splits& splits, const std::shared_ptr<const Dataset>& part, std::size_t n,
                                       std::string_view option) {
  constexpr std::size_t no_chance = 32;
  auto first = limit(part, n);
  if (part == nullptr || splits.task != classification || n < no_chance || n >= part->size()) return first;
  require<UsageError>(!has_one_class(*first) || has_one_class(*part), option,
                      "the first {} examples of {} are all of one class, for they are sorted; expected a larger number",
                      n, splits.name);
  return first;
}

/// The classes of the training part.
std::vector<std::int32_t> training_classes(const Splits& splits) {
  std::vector<std::int32_t> classes;
  Example example;
  for (std::size_t i = 0; i < splits.train->size(); ++i) {
    example.clear();
    splits.train->read(i, example);
    classes.push_back(example.label);
  }
  return classes;
}

/// Holds a share of the training part out for validation, by random_split of seed 42, of the user's own classes by
/// stratified_split.
void hold_out(Splits& splits, double share) {
  const std::size_t n = splits.train->size();
  const auto held = static_cast<std::size_t>(share * static_cast<double>(n));
  require<UsageError>(held > 0 && held < n, "val_split", "a share of {} of {} training examples leaves a part empty",
                      share, n);
  constexpr std::uint32_t seed = 42;
  const bool own_classes = splits.name == "own" && splits.task == classification;
  auto parts = own_classes ? stratified_split(training_classes(splits), {n - held, held}, seed)
                           : random_split({n - held, held}, seed);
  splits.validation = subset(splits.train, std::move(parts[1]));
  splits.train = subset(splits.train, std::move(parts[0]));
}

/// The data sets that have this table.
std::vector<std::string> subjects_of(AddTable table) {
  std::vector<std::string> subjects;
  for (const Entry& e : entries) {
    if (std::find(e.tables.begin(), e.tables.end(), table) != e.tables.end()) subjects.emplace_back(e.name);
  }
  return subjects;
}

/// A table that several data sets have stands here once; two tables have no name in common.
DataTable made_data_options() {
  DataTable all = common_options();
  std::vector<AddTable> added{nullptr};
  for (const Entry& e : entries) {
    for (const AddTable add : e.tables) {
      if (std::find(added.begin(), added.end(), add) != added.end()) continue;
      added.push_back(add);
      DataTable table("data");
      add(table);
      for (OptionOf<DataSettings>& row : table.rows()) {
        row.subjects = subjects_of(add);
        all.append(std::move(row));
      }
    }
  }
  return all;
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

const OptionTable<DataSettings>& data_options() {
  static const DataTable table = made_data_options();
  return table;
}

Splits load(std::string_view name, const DataSettings& settings) {
  const Entry& e = entry(name);
  Splits splits = e.load(settings);
  if (e.metric) splits.metric = e.metric;
  if (settings.reading) check_reading(splits, *settings.reading);
  splits.reading.inputs = splits.d_input;
  splits.reading.outputs = splits.d_output;
  splits.reading.max_length = splits.max_length;
  if (splits.validation == nullptr && settings.val_split > 0.0) {
    require<UsageError>(
        settings.series.stride == 0 || settings.series.stride >= settings.series.window, "val_split",
        "windows of {} steps that begin every {} overlap, so that those held out would be known from the "
        "training: give a validation part, or a stride of at least {}",
        settings.series.window, settings.series.stride, settings.series.window);
    hold_out(splits, settings.val_split);
  }
  if (settings.limit_train > 0) splits.train = limited(splits, splits.train, settings.limit_train, "limit_train");
  if (settings.limit_test > 0) {
    splits.validation = limited(splits, splits.validation, settings.limit_test, "limit_test");
    splits.test = limited(splits, splits.test, settings.limit_test, "limit_test");
  }
  return splits;
}

bool is_generated(std::string_view name) { return !canonical_name(name).empty() && entry(name).generated != nullptr; }

Shape shape(std::string_view name) {
  const Entry& e = official_entry(name);
  Shape found;
  found.splits.name = e.name;
  found.splits.task = e.task;
  found.splits.tokens = e.tokens;
  found.splits.pairs = e.pairs;
  found.splits.d_input = e.d_input;
  found.splits.d_output = e.d_output;
  found.splits.max_length = e.max_length;
  found.splits.metric = e.metric;
  found.mean_length = e.mean_length;
  return found;
}

std::size_t train_size(std::string_view name, const DataSettings& settings) {
  const Entry& e = official_entry(name);
  return e.generated == nullptr ? e.train_size : e.generated(settings);
}

}  // namespace bitstate::datasets
