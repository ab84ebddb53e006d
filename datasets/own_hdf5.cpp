#include "datasets/own_hdf5.h"

#include "core/error.h"
#include "core/hdf5.h"
#include "core/rehearsal.h"
#include "datasets/sequences.h"
#include "datasets/splits.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

namespace bitstate::datasets {
namespace {

constexpr std::size_t max_sequences = std::size_t{1} << 22;
constexpr std::uint32_t split_seed = 42;
constexpr std::size_t least_to_split = 10;

std::string_view name_of(Task task) {
  constexpr std::array<std::string_view, 3> names = {"classification", "regression", "value"};
  return names.at(static_cast<std::size_t>(task));
}

struct Part {
  std::string where;  ///< file and group
  std::shared_ptr<Steps> steps;
  std::vector<Cut> cuts;  ///< they do not overlap
};

/// Reads x, y and length of one group.
class PartReader {
 public:
  PartReader(const Hdf5Reader& file, std::string group, const std::string& task)
      : file_(file), group_(std::move(group)), task_(task), max_elements_(file.plausible_elements()) {}

  Part read() {
    read_x();
    read_cuts();
    check_x();
    read_y();
    return {where(""), std::make_shared<Steps>(std::move(steps_)), std::move(cuts_)};
  }

 private:
  [[nodiscard]] std::string at(std::string_view name) const { return fmt::format("{}/{}", group_, name); }
  [[nodiscard]] std::string where(std::string_view name) const {
    return fmt::format("{}: {}", file_.path().string(), at(name));
  }

  void read_x() {
    const Hdf5Shape shape = file_.shape(at("x"));
    const bool fits = (shape.size() == 2 || shape.size() == 3) &&
                      std::find(shape.begin(), shape.end(), std::size_t{0}) == shape.end();
    require(fits, where("x"), "expected the shape [sequences, steps, columns] or [sequences, steps], got [{}]",
            fmt::join(shape, ", "));
    sequences_ = shape[0];
    length_ = shape[1];
    require(sequences_ <= max_sequences, where("x"), "there are {} sequences, but at most {} are allowed", sequences_,
            max_sequences);
    steps_.d_input = shape.size() == 3 ? shape[2] : 1;
    if (shape.size() == 2 && file_.is_integer(at("x"))) {
      steps_.tokens = file_.read<std::int32_t>(at("x"), max_elements_).values;
    } else {
      steps_.x = file_.read<float>(at("x"), max_elements_).values;
    }
  }

  void read_cuts() {
    const auto lengths = read_lengths(file_, at("length"), sequences_, length_);
    cuts_.reserve(sequences_);
    for (std::size_t n = 0; n < sequences_; ++n) cuts_.push_back({n * length_, lengths[n], n});
  }

  /// True steps only: what stands behind a sequence's end is never used.
  void check_x() const {
    for (const Cut& cut : cuts_) {
      if (steps_.tokens.empty()) {
        check_finite("x", steps_.x, cut.first * steps_.d_input, cut.length * steps_.d_input, cut.answer);
        continue;
      }
      for (std::size_t t = 0; t < cut.length; ++t) {
        const std::int32_t token = steps_.tokens[cut.first + t];
        require(token >= 0 && token <= max_id, where("x"),
                "sequence {0}, step {1}: expected a token from 0 to {3}, got {2}", cut.answer, t, token, max_id);
      }
    }
  }

  void check_finite(std::string_view name, const std::vector<float>& values, std::size_t first, std::size_t count,
                    std::size_t sequence) const {
    for (std::size_t i = 0; i < count; ++i) {
      require(std::isfinite(values[first + i]), where(name),
              "sequence {}: expected finite numbers, but number {} of it is {}", sequence, i, values[first + i]);
    }
  }

  /// What y is: as `task` says, else by its type and shape.
  [[nodiscard]] Task task_of(const Hdf5Shape& shape) const {
    if (task_ == "classification") return Task::classification;
    if (task_ == "regression") return Task::regression;
    if (task_ == "value") return Task::value;
    if (shape.size() == 3) return Task::regression;
    require<UsageError>(shape.size() != 2 || shape[1] != length_ || length_ == 1, "task",
                        "{} has the shape [{}], which may be one value per step or {} values per sequence: say "
                        "--task=regression or --task=value",
                        where("y"), fmt::join(shape, ", "), length_);
    return shape.size() == 1 && file_.is_integer(at("y")) ? Task::classification : Task::value;
  }

  void read_y() {
    const Hdf5Shape shape = file_.shape(at("y"));
    steps_.task = task_of(shape);
    const std::size_t rank = shape.size();
    const bool per_step = steps_.task == Task::regression;
    const bool fits = rank > 0 && shape[0] == sequences_ && shape.back() > 0 &&
                      (per_step ? (rank == 2 || rank == 3) && shape[1] == length_
                                : rank == 1 || (rank == 2 && steps_.task == Task::value));
    require(fits, where("y"), "the shape is [{}], which does not fit {} of {} sequences of {} steps",
            fmt::join(shape, ", "), name_of(steps_.task), sequences_, length_);
    if (steps_.task == Task::classification) return read_classes();
    steps_.d_output = rank == (per_step ? 3 : 2) ? shape.back() : 1;
    steps_.target = file_.read<float>(at("y"), max_elements_).values;
    for (const Cut& cut : cuts_) {
      const std::size_t first = (per_step ? cut.first : cut.answer) * steps_.d_output;
      check_finite("y", steps_.target, first, (per_step ? cut.length : 1) * steps_.d_output, cut.answer);
    }
  }

  void read_classes() {
    steps_.classes = file_.read<std::int32_t>(at("y"), sequences_).values;
    for (std::size_t n = 0; n < sequences_; ++n) {
      require(steps_.classes[n] >= 0 && steps_.classes[n] <= max_id, where("y"),
              "sequence {0}: expected a class from 0 to {2}, got {1}", n, steps_.classes[n], max_id);
    }
  }

  const Hdf5Reader& file_;
  std::string group_;
  const std::string& task_;
  std::size_t max_elements_;
  std::size_t sequences_ = 0;
  std::size_t length_ = 0;
  Steps steps_;
  std::vector<Cut> cuts_;
};

/// The rows of x of a part's sequences.
std::vector<std::span<float>> input_blocks(const Part& part) {
  std::vector<std::span<float>> blocks;
  Steps& s = *part.steps;
  for (const Cut& cut : part.cuts) {
    blocks.push_back(std::span(s.x).subspan(cut.first * s.d_input, cut.length * s.d_input));
  }
  return blocks;
}

/// Likewise of the targets.
std::vector<std::span<float>> target_blocks(const Part& part) {
  std::vector<std::span<float>> blocks;
  Steps& s = *part.steps;
  const bool per_step = s.task == Task::regression;
  for (const Cut& cut : part.cuts) {
    blocks.push_back(std::span(s.target).subspan((per_step ? cut.first : cut.answer) * s.d_output,
                                                 (per_step ? cut.length : 1) * s.d_output));
  }
  return blocks;
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
  if (steps.tokens.empty()) reading.input_units = units_of(input_blocks(train), steps.d_input);
  if (steps.task != Task::classification) reading.target_units = units_of(target_blocks(train), steps.d_output);
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
  for (const Part& part : parts) {
    const Units& inputs = splits.reading.input_units;
    const Units& targets = splits.reading.target_units;
    if (!inputs.mean.empty()) standardise_blocks(inputs, input_blocks(part), part.where + "x");
    if (!targets.mean.empty()) standardise_blocks(targets, target_blocks(part), part.where + "y");
  }
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
    Part part{all.where, all.steps, {}};
    for (const std::uint32_t i : chosen[p]) part.cuts.push_back(all.cuts[i]);
    parts.push_back(std::move(part));
  }
  return parts;
}

Splits read_file_of_parts(const std::filesystem::path& file, const std::string& task,
                          const std::optional<Reading>& reading) {
  const Hdf5Reader reader(file);
  if (reader.exists("x")) return splits_of(split_root(PartReader(reader, "", task).read()), reader, reading);
  require(reader.exists("train") && reader.exists("test"), file.string(),
          "there are neither arrays x and y nor groups train and test");
  require(!reader.exists("validation") || !reader.exists("val"), file.string(),
          "the groups validation and val are the same part");
  std::vector<Part> parts;
  for (const char* group : {"/train", "/test", "/validation", "/val"}) {
    if (reader.exists(group)) parts.push_back(PartReader(reader, group, task).read());
  }
  return splits_of(parts, reader, reading);
}

}  // namespace

std::vector<std::size_t> read_lengths(const Hdf5Reader& file, std::string_view path, std::size_t sequences,
                                      std::size_t longest) {
  if (!file.exists(path)) return std::vector<std::size_t>(sequences, longest);
  const std::string where = fmt::format("{}: {}", file.path().string(), path);
  const Hdf5Shape shape = file.shape(path);
  require(shape == Hdf5Shape{sequences}, where, "the shape is [{}], but x has {} sequences", fmt::join(shape, ", "),
          sequences);
  const auto stored = file.read<std::int64_t>(path, sequences).values;
  for (std::size_t n = 0; n < sequences; ++n) {
    require(stored[n] >= 1 && stored[n] <= static_cast<std::int64_t>(longest), where,
            "sequence {0}: expected a length from 1 to {2}, got {1}", n, stored[n], longest);
  }
  return {stored.begin(), stored.end()};
}

Splits own_hdf5(const std::filesystem::path& file, const std::string& task, const std::optional<Reading>& reading) {
  return rehearsed(file, [&] { return read_file_of_parts(file, task, reading); });
}

Splits own_hdf5(const OwnFiles& files, const std::string& task, const std::optional<Reading>& reading) {
  std::vector<Part> parts;
  for (const auto& file : {files.train, files.test, files.validation}) {
    if (file.empty()) continue;
    parts.push_back(rehearsed(file, [&] { return PartReader(Hdf5Reader(file), "", task).read(); }));
  }
  return rehearsed(files.train, [&] { return splits_of(parts, Hdf5Reader(files.train), reading); });
}

}  // namespace bitstate::datasets
