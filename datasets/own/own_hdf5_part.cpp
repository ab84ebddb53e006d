#include "datasets/own/own_hdf5_part.h"

#include "core/error.h"
#include "datasets/own/own_hdf5.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace bitstate::datasets {
namespace {

constexpr std::size_t max_sequences = std::size_t{1} << 22;

/// Whether these are the whole numbers from 0 to some other, each of which is there twice on average.
bool may_be_classes(const std::vector<double>& values) {
  std::vector<bool> there;
  for (const double v : values) {
    if (!(v >= 0.0 && v <= max_id && v == std::floor(v))) return false;
    const auto i = static_cast<std::size_t>(v);
    if (there.size() <= i) there.resize(i + 1);
    there[i] = true;
  }
  return there.size() > 1 && 2 * there.size() <= values.size() &&
         std::find(there.begin(), there.end(), false) == there.end();
}

/// Whether each row has one 1 and else 0.
bool is_one_hot(const std::vector<double>& values, std::size_t columns) {
  for (std::size_t first = 0; first < values.size(); first += columns) {
    const auto row = std::span(values).subspan(first, columns);
    const auto ones = std::count(row.begin(), row.end(), 1.0);
    const auto zeros = std::count(row.begin(), row.end(), 0.0);
    if (ones != 1 || static_cast<std::size_t>(ones + zeros) != columns) return false;
  }
  return !values.empty() && columns > 1;
}

/// Reads x, y and length of one group.
class PartReader {
 public:
  PartReader(const Hdf5Reader& file, std::string group, std::string task)
      : file_(file), group_(std::move(group)), task_(std::move(task)), max_elements_(file.plausible_elements()) {}

  Part read() {
    read_x();
    read_cuts();
    check_x();
    read_y();
    return {where(""), std::make_shared<Steps>(std::move(steps_)), std::make_shared<Numbers>(std::move(numbers_)),
            std::move(cuts_), read_text_};
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
    const bool tokens = steps_.d_input == 1 && is_discrete("x");
    require<UsageError>(
        !tokens || (shape.size() == 2 && !file_.is_enum(at("x"))), where("x"),
        "{} of the shape [{}] may be token ids or numbers: store token ids as integers [{}, {}], numbers "
        "as floating-point numbers",
        file_.is_enum(at("x")) ? "booleans" : "integers", fmt::join(shape, ", "), sequences_, length_);
    read_text_ = fmt::format("x [{}] of {}", fmt::join(shape, ", "), tokens ? "tokens" : "numbers");
    if (tokens) {
      steps_.tokens = file_.read<std::int32_t>(at("x"), max_elements_).values;
    } else {
      numbers_.x = file_.read<double>(at("x"), max_elements_).values;
    }
  }

  [[nodiscard]] bool is_discrete(std::string_view name) const {
    return file_.is_integer(at(name)) || file_.is_enum(at(name));
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
        check_finite("x", numbers_.x, input_range(steps_, cut), cut.answer);
        continue;
      }
      for (std::size_t t = 0; t < cut.length; ++t) {
        const std::int32_t token = steps_.tokens[cut.first + t];
        require(token >= 0 && token <= max_id, where("x"),
                "sequence {0}, step {1}: expected a token from 0 to {3}, got {2}", cut.answer, t, token, max_id);
      }
    }
  }

  void check_finite(std::string_view name, const std::vector<double>& values, const Range& range,
                    std::size_t sequence) const {
    for (std::size_t i = 0; i < range.count; ++i) {
      require(std::isfinite(values[range.first + i]), where(name),
              "sequence {}: expected finite numbers, but number {} of it is {}", sequence, i, values[range.first + i]);
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
    const bool column = shape.size() == 1 || (shape.size() == 2 && shape[1] == 1);
    if (column && is_discrete("y")) return Task::classification;
    const auto values = file_.read<double>(at("y"), max_elements_).values;
    require<UsageError>(!column || !may_be_classes(values), "task",
                        "{} holds the whole numbers from 0 to {} as floating-point numbers, which may be classes or "
                        "values: say --task=classification or --task=value",
                        where("y"), values.empty() ? 0.0 : *std::max_element(values.begin(), values.end()));
    require<UsageError>(column || shape.size() != 2 || !is_one_hot(values, shape[1]), "task",
                        "each row of {} has one 1 among 0, which may be a class or {} values: store the number of the "
                        "class, or say --task=value",
                        where("y"), shape.size() == 2 ? shape[1] : 0);
    return Task::value;
  }

  void read_y() {
    const Hdf5Shape shape = file_.shape(at("y"));
    steps_.task = task_of(shape);
    const std::size_t rank = shape.size();
    const bool per_step = steps_.task == Task::regression;
    const bool fits = rank > 0 && shape[0] == sequences_ && shape.back() > 0 &&
                      (per_step ? (rank == 2 || rank == 3) && shape[1] == length_
                                : rank == 1 || (rank == 2 && (shape[1] == 1 || steps_.task == Task::value)));
    require(fits, where("y"), "the shape is [{}], which does not fit {} of {} sequences of {} steps",
            fmt::join(shape, ", "), name_of(steps_.task), sequences_, length_);
    read_text_ += fmt::format(", y [{}] of {}", fmt::join(shape, ", "),
                              steps_.task == Task::classification ? "classes"
                              : per_step                          ? "one value per step"
                                                                  : "one value per sequence");
    if (steps_.task == Task::classification) return read_classes();
    steps_.d_output = rank == (per_step ? 3 : 2) ? shape.back() : 1;
    numbers_.target = file_.read<double>(at("y"), max_elements_).values;
    for (const Cut& cut : cuts_) {
      check_finite("y", numbers_.target, target_range(steps_, cut), cut.answer);
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
  std::string task_;
  std::size_t max_elements_;
  std::size_t sequences_ = 0;
  std::size_t length_ = 0;
  Steps steps_;
  Numbers numbers_;
  std::vector<Cut> cuts_;
  std::string read_text_;
};

}  // namespace

std::string_view name_of(Task task) {
  constexpr std::array<std::string_view, 3> names = {"classification", "regression", "value"};
  return names.at(static_cast<std::size_t>(task));
}

Range input_range(const Steps& s, const Cut& cut) { return {cut.first * s.d_input, cut.length * s.d_input}; }

Range target_range(const Steps& s, const Cut& cut) {
  const bool per_step = s.task == Task::regression;
  return {(per_step ? cut.first : cut.answer) * s.d_output, (per_step ? cut.length : 1) * s.d_output};
}

Part read_part(const Hdf5Reader& file, const std::string& group, const std::string& task) {
  return PartReader(file, group, task).read();
}

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

}  // namespace bitstate::datasets
