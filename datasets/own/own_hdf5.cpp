#include "datasets/own/own_hdf5.h"

#include "core/error.h"
#include "core/io/hdf5.h"
#include "core/io/rehearsal.h"
#include "datasets/own/own_hdf5_part.h"
#include "datasets/splits.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

namespace bitstate::datasets {
namespace {

constexpr std::uint32_t split_seed = 42;
constexpr std::size_t least_to_split = 10;

/// The numbers of a part's sequences.
std::vector<std::span<const double>> blocks_of(const Part& part, const std::vector<double>& numbers,
                                               Range (*range)(const Steps&, const Cut&)) {
  std::vector<std::span<const double>> blocks;
  for (const Cut& cut : part.cuts) {
    const auto [first, count] = range(*part.steps, cut);
    blocks.push_back(std::span(numbers).subspan(first, count));
  }
  return blocks;
}

/// What stands behind a sequence's end stays 0.
void standardise_part(const Part& part, const Reading& reading) {
  Steps& s = *part.steps;
  s.x.resize(part.numbers->x.size());
  s.target.resize(part.numbers->target.size());
  for (const Cut& cut : part.cuts) {
    if (!s.x.empty()) {
      const auto [first, count] = input_range(s, cut);
      standardise_into(reading.input_units, std::span(part.numbers->x).subspan(first, count),
                       std::span(s.x).subspan(first, count), part.where + "x");
    }
    if (!s.target.empty()) {
      const auto [first, count] = target_range(s, cut);
      standardise_into(reading.target_units, std::span(part.numbers->target).subspan(first, count),
                       std::span(s.target).subspan(first, count), part.where + "y");
    }
  }
}

/// The number of ids: that which a model was trained with, or what the attribute says, or one more than the largest.
std::size_t id_count(const Hdf5Reader& file, std::string_view attribute, const Ids& ids, std::size_t known) {
  if (known > 0) {
    ids.check_known(known, attribute == "classes" ? "classes" : "tokens");
    return known;
  }
  const std::int32_t largest = ids.largest();
  if (!file.has_attribute("/", attribute)) return static_cast<std::size_t>(largest) + 1;
  const auto count = file.attribute<std::int64_t>("/", attribute);
  require(count > largest && count <= std::int64_t{max_id} + 1, file.path().string(),
          "expected the attribute {0} to be from {2} (the data hold {3}) to {4}, got {1}", attribute, count,
          std::int64_t{largest} + 1, largest, std::int64_t{max_id} + 1);
  return static_cast<std::size_t>(count);
}

void check_alike(const Part& a, const Part& b) {
  const Steps& s = *a.steps;
  const Steps& t = *b.steps;
  require(s.tokens.empty() == t.tokens.empty() && s.d_input == t.d_input, b.where,
          "x has {} columns of {}, but that of {} has {} of {}", t.d_input, t.tokens.empty() ? "numbers" : "tokens",
          a.where, s.d_input, s.tokens.empty() ? "numbers" : "tokens");
  require(s.task == t.task && s.d_output == t.d_output, b.where,
          "y is for {} of {} columns, but that of {} is for {} of {}", name_of(t.task), t.d_output, a.where,
          name_of(s.task), s.d_output);
}

/// The units of `given`, or those of the training part if the attribute standardize asks for it.
Reading reading_of(const Part& train, const Hdf5Reader& file, const std::optional<Reading>& given) {
  const Steps& steps = *train.steps;
  if (given) {
    const std::size_t columns = given->input_units.mean.size();
    require(columns == 0 || columns == steps.d_input, train.where,
            "x has {} columns, but the model was trained with {}", steps.d_input, columns);
    return *given;
  }
  Reading reading;
  if (!file.has_attribute("/", "standardize") || file.attribute<std::int64_t>("/", "standardize") == 0) return reading;
  const Numbers& numbers = *train.numbers;
  if (steps.tokens.empty()) {
    reading.input_units = units_of(blocks_of(train, numbers.x, input_range), steps.d_input);
  }
  if (steps.task != Task::classification) {
    reading.target_units = units_of(blocks_of(train, numbers.target, target_range), steps.d_output);
  }
  return reading;
}

/// `parts`: training, test and perhaps validation. `file` has the attributes.
Splits splits_of(const std::vector<Part>& parts, const Hdf5Reader& file, const std::optional<Reading>& reading) {
  const Steps& train = *parts[0].steps;
  Ids tokens, classes;
  Splits splits;
  for (const Part& part : parts) {
    check_alike(parts[0], part);
    splits.max_length = std::max(splits.max_length, longest(part.cuts));
    classes.add(part.steps->classes);
    if (!train.tokens.empty()) {
      for (const Cut& cut : part.cuts) tokens.add(std::span(part.steps->tokens).subspan(cut.first, cut.length));
    }
  }
  splits.reading = reading_of(parts[0], file, reading);
  for (const Part& part : parts) standardise_part(part, splits.reading);
  std::size_t steps = 0;
  for (const Part& part : parts) {
    for (const Cut& cut : part.cuts) steps += cut.length;
  }
  const bool standardised = !splits.reading.input_units.mean.empty() || !splits.reading.target_units.mean.empty();
  splits.origin = fmt::format("{} steps of {}: {}, {}standardised", steps, file.path().filename().string(),
                              parts[0].read, standardised ? "" : "not ");
  splits.name = "own";
  splits.task = train.task;
  splits.tokens = !train.tokens.empty();
  const auto [inputs, outputs] = reading ? std::pair(reading->inputs, reading->outputs) : std::pair(0UL, 0UL);
  splits.d_input = splits.tokens ? id_count(file, "vocabulary", tokens, inputs) : train.d_input;
  splits.d_output = train.task == Task::classification ? id_count(file, "classes", classes, outputs) : train.d_output;
  splits.train = in_memory(parts[0].steps, parts[0].cuts);
  splits.test = in_memory(parts[1].steps, parts[1].cuts);
  if (parts.size() > 2) splits.validation = in_memory(parts[2].steps, parts[2].cuts);
  return splits;
}

/// The root's sequences as training, test and validation part.
std::vector<Part> split_root(const Part& all) {
  const std::size_t n = all.cuts.size();
  require(n >= least_to_split, all.where, "there are {} sequences, but splitting them takes at least {}", n,
          least_to_split);
  const std::size_t n_train = n * 8 / 10;
  const std::size_t n_validation = n / 10;
  const auto chosen = random_split({n_train, n_validation, n - n_train - n_validation}, split_seed);
  std::vector<Part> parts;
  for (const std::size_t p : {0, 2, 1}) {
    Part part{all.where, all.steps, all.numbers, {}, all.read};
    for (const std::uint32_t i : chosen[p]) part.cuts.push_back(all.cuts[i]);
    parts.push_back(std::move(part));
  }
  return parts;
}

/// What the training part is for, all others are; it is read as `task` says.
std::string task_of(const std::vector<Part>& parts, const std::string& task) {
  return parts.empty() ? task : std::string(name_of(parts.front().steps->task));
}

Splits read_file_of_parts(const std::filesystem::path& file, const std::string& task,
                          const std::optional<Reading>& reading) {
  const Hdf5Reader reader(file);
  const bool at_root = reader.exists("x");
  require(at_root || (reader.exists("train") && reader.exists("test")), file.string(),
          "there are neither arrays x and y nor groups train and test");
  std::set<std::string> known = {"x", "y", "length"};
  std::vector<Part> parts;
  if (at_root) {
    parts = split_root(read_part(reader, "", task));
  } else {
    std::vector<std::string> groups = {"train", "test"};
    for (const char* const name : validation_names) {
      if (!reader.exists(name)) continue;
      require(groups.size() == 2, file.string(), "the groups {} and {} are the same part", groups.back(), name);
      groups.emplace_back(name);
    }
    for (const std::string& group : groups) parts.push_back(read_part(reader, "/" + group, task_of(parts, task)));
    known = {groups.begin(), groups.end()};
  }
  Splits splits = splits_of(parts, reader, reading);
  std::vector<std::string> ignored = reader.list();
  std::erase_if(ignored, [&](const std::string& name) { return known.contains(name); });
  splits.origin += not_read(ignored);
  return splits;
}

}  // namespace

Splits own_hdf5(const std::filesystem::path& file, const std::string& task, const std::optional<Reading>& reading) {
  return rehearsed(file, [&] { return read_file_of_parts(file, task, reading); });
}

Splits own_hdf5(const OwnFiles& files, const std::string& task, const std::optional<Reading>& reading) {
  std::vector<Part> parts;
  for (const auto& file : {files.train, files.test, files.validation}) {
    if (file.empty()) continue;
    parts.push_back(rehearsed(file, [&] { return read_part(Hdf5Reader(file), "", task_of(parts, task)); }));
  }
  return rehearsed(files.train, [&] { return splits_of(parts, Hdf5Reader(files.train), reading); });
}

}  // namespace bitstate::datasets
