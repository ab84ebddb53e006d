#include "datasets/own/own_arrays_part.h"

#include "core/error.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <memory>
#include <optional>
#include <span>
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

/// The label that a number is, if it is one.
std::optional<std::string> label_of(double number) { return label_in(fmt::format("{}", number)); }

/// The labels of an array, of whatever type, by their places in `labels`.
std::vector<std::size_t> read_labels(const ArrayFile& file, const std::string& name, Labels& labels) {
  const bool texts = file.stored(name) == Stored::texts;
  const std::vector<std::string> names = texts ? file.texts(name) : std::vector<std::string>();
  const std::vector<double> numbers = texts ? std::vector<double>() : file.numbers(name);
  std::vector<std::size_t> places;
  for (std::size_t n = 0; n < names.size() + numbers.size(); ++n) {
    const std::optional<std::string> label = texts ? label_in(names[n]) : label_of(numbers[n]);
    require(label.has_value(), fmt::format("{}: {}", file.path().string(), name), "element {}: expected {}, got \"{}\"",
            n, label_expected, texts ? names[n].substr(0, 40) : fmt::format("{}", numbers[n]));
    places.push_back(labels.add(*label));
  }
  return places;
}

/// Reads x, y and length of one part.
class PartReader {
 public:
  PartReader(const ArrayFile& file, const ArrayNames& names, std::string task, Labels& labels)
      : file_(file), labels_(labels), names_(names), task_(std::move(task)) {}

  Part read() {
    read_x();
    read_cuts();
    check_x();
    read_y();
    return {where(names_.x), std::make_shared<Steps>(std::move(steps_)), std::make_shared<Numbers>(std::move(numbers_)),
            std::move(cuts_), read_text_};
  }

 private:
  [[nodiscard]] std::string where(const std::string& name) const {
    return fmt::format("{}: {}", file_.path().string(), name);
  }

  void read_x() {
    const std::vector<std::size_t> shape = file_.shape(names_.x);
    const bool fits = (shape.size() == 2 || shape.size() == 3) &&
                      std::find(shape.begin(), shape.end(), std::size_t{0}) == shape.end();
    require(fits, where(names_.x), "expected the shape [sequences, steps, columns] or [sequences, steps], got [{}]",
            fmt::join(shape, ", "));
    sequences_ = shape[0];
    length_ = shape[1];
    require(sequences_ <= max_sequences, where(names_.x), "there are {} sequences, but at most {} are allowed",
            sequences_, max_sequences);
    steps_.d_input = shape.size() == 3 ? shape[2] : 1;
    const bool tokens = steps_.d_input == 1 && is_discrete(names_.x);
    require<UsageError>(
        !tokens || (shape.size() == 2 && file_.stored(names_.x) != Stored::booleans), where(names_.x),
        "{} of the shape [{}] may be token ids or numbers: store token ids as integers [{}, {}], numbers "
        "as floating-point numbers",
        file_.stored(names_.x) == Stored::booleans ? "booleans" : "integers", fmt::join(shape, ", "), sequences_,
        length_);
    read_text_ = fmt::format("x [{}] of {}", fmt::join(shape, ", "), tokens ? "tokens" : "numbers");
    if (tokens) {
      read_tokens();
    } else {
      numbers_.x = file_.numbers(names_.x);
    }
  }

  [[nodiscard]] bool is_discrete(const std::string& name) const {
    const Stored stored = file_.stored(name);
    return stored == Stored::integers || stored == Stored::booleans;
  }

  void read_cuts() {
    const auto lengths = read_lengths(file_, names_.length, sequences_, length_);
    cuts_.reserve(sequences_);
    for (std::size_t n = 0; n < sequences_; ++n) cuts_.push_back({n * length_, lengths[n], n});
  }

  /// True steps only: what stands behind a sequence's end is never used.
  void check_x() const {
    for (const Cut& cut : cuts_) {
      if (steps_.tokens.empty()) {
        check_finite(names_.x, numbers_.x, input_range(steps_, cut), cut.answer);
        continue;
      }
      for (std::size_t t = 0; t < cut.length; ++t) {
        const std::int32_t token = steps_.tokens[cut.first + t];
        require(token >= 0 && token <= max_id, where(names_.x),
                "sequence {0}, step {1}: expected a token from 0 to {3}, got {2}", cut.answer, t, token, max_id);
      }
    }
  }

  void check_finite(const std::string& name, const std::vector<double>& values, const Range& range,
                    std::size_t sequence) const {
    for (std::size_t i = 0; i < range.count; ++i) {
      require(std::isfinite(values[range.first + i]), where(name),
              "sequence {}: expected finite numbers, but number {} of it is {}", sequence, i, values[range.first + i]);
    }
  }

  /// What y is: as `task` says, else by its type and shape.
  [[nodiscard]] Task task_of(const std::vector<std::size_t>& shape) const {
    if (task_ == "classification") return Task::classification;
    if (task_ == "regression") return Task::regression;
    if (task_ == "value") return Task::value;
    if (shape.size() == 3) return Task::regression;
    require<UsageError>(shape.size() != 2 || shape[1] != length_ || length_ == 1, "task",
                        "{} has the shape [{}], which may be one value per step or {} values per sequence: say "
                        "--task=regression or --task=value",
                        where(names_.y), fmt::join(shape, ", "), length_);
    const bool column = shape.size() == 1 || (shape.size() == 2 && shape[1] == 1);
    if (column && (is_discrete(names_.y) || file_.stored(names_.y) == Stored::texts)) return Task::classification;
    const auto values = file_.numbers(names_.y);
    require<UsageError>(!column || !may_be_classes(values), "task",
                        "{} holds the whole numbers from 0 to {} as floating-point numbers, which may be classes or "
                        "values: say --task=classification or --task=value",
                        where(names_.y), values.empty() ? 0.0 : *std::max_element(values.begin(), values.end()));
    require<UsageError>(column || shape.size() != 2 || !is_one_hot(values, shape[1]), "task",
                        "each row of {} has one 1 among 0, which may be a class or {} values: store the number of the "
                        "class, or say --task=value",
                        where(names_.y), shape.size() == 2 ? shape[1] : 0);
    return Task::value;
  }

  void read_y() {
    const std::vector<std::size_t> shape = file_.shape(names_.y);
    steps_.task = task_of(shape);
    const std::size_t rank = shape.size();
    const bool per_step = steps_.task == Task::regression;
    const bool fits = rank > 0 && shape[0] == sequences_ && shape.back() > 0 &&
                      (per_step ? (rank == 2 || rank == 3) && shape[1] == length_
                                : rank == 1 || (rank == 2 && (shape[1] == 1 || steps_.task == Task::value)));
    require(fits, where(names_.y), "the shape is [{}], which does not fit {} of {} sequences of {} steps",
            fmt::join(shape, ", "), name_of(steps_.task), sequences_, length_);
    read_text_ += fmt::format(", y [{}] of {}", fmt::join(shape, ", "),
                              steps_.task == Task::classification ? "classes"
                              : per_step                          ? "one value per step"
                                                                  : "one value per sequence");
    if (steps_.task == Task::classification) return read_classes();
    steps_.d_output = rank == (per_step ? 3 : 2) ? shape.back() : 1;
    numbers_.target = file_.numbers(names_.y);
    for (const Cut& cut : cuts_) {
      check_finite(names_.y, numbers_.target, target_range(steps_, cut), cut.answer);
    }
  }

  void read_classes() {
    for (const std::size_t place : read_labels(file_, names_.y, labels_)) {
      steps_.classes.push_back(static_cast<std::int32_t>(place));
    }
  }

  /// What stands behind a sequence's end may be anything; check_x() looks at the others.
  void read_tokens() {
    for (const double token : file_.numbers(names_.x)) {
      steps_.tokens.push_back(static_cast<std::int32_t>(std::clamp(token, -1.0, max_id + 1.0)));
    }
  }

  const ArrayFile& file_;
  Labels& labels_;
  ArrayNames names_;
  std::string task_;
  std::size_t sequences_ = 0;
  std::size_t length_ = 0;
  Steps steps_;
  Numbers numbers_;
  std::vector<Cut> cuts_;
  std::string read_text_;
};

}  // namespace

Part read_part(const ArrayFile& file, const ArrayNames& names, const std::string& task, Labels& labels) {
  return PartReader(file, names, task, labels).read();
}

std::vector<std::size_t> read_lengths(const ArrayFile& file, std::string_view length, std::size_t sequences,
                                      std::size_t longest) {
  if (length.empty()) return std::vector<std::size_t>(sequences, longest);
  const std::string where = fmt::format("{}: {}", file.path().string(), length);
  const std::vector<std::size_t> shape = file.shape(length);
  require(shape == std::vector<std::size_t>{sequences}, where, "the shape is [{}], but x has {} sequences",
          fmt::join(shape, ", "), sequences);
  std::vector<std::size_t> lengths;
  for (const double found : file.numbers(length)) {
    require(found >= 1.0 && found <= static_cast<double>(longest) && found == std::floor(found), where,
            "sequence {0}: expected a length from 1 to {2}, got {1}", lengths.size(), found, longest);
    lengths.push_back(static_cast<std::size_t>(found));
  }
  return lengths;
}

ArraySeries read_array_series(const ArrayFile& file, const ArrayNames& names, Task task, Labels& labels) {
  const std::string at_x = fmt::format("{}: {}", file.path().string(), names.x);
  const std::string at_y = fmt::format("{}: {}", file.path().string(), names.y);
  const std::vector<std::size_t> x = file.shape(names.x), y = file.shape(names.y);
  require((x.size() == 1 || x.size() == 2) && x.front() > 0 && x.back() > 0, at_x,
          "expected the shape [steps, columns] or [steps], got [{}]", fmt::join(x, ", "));
  require((y.size() == 1 || y.size() == 2) && y.front() == x.front() && y.back() > 0, at_y,
          "the shape is [{}], which does not fit {} steps of x", fmt::join(y, ", "), x.front());
  ArraySeries read{{"own: " + file.path().string(), x.front(), file.numbers(names.x), {}},
                   x.size() == 2 ? x[1] : 1,
                   y.size() == 2 ? y[1] : 1};
  if (task == Task::classification) {
    require(read.d_output == 1, at_y, "the shape is [{}]; classification needs one label per step", fmt::join(y, ", "));
    const std::vector<std::size_t> places = read_labels(file, names.y, labels);
    read.series.target.assign(places.begin(), places.end());
  } else {
    read.series.target = file.numbers(names.y);
  }
  for (const auto& [where, values] : {std::pair{&at_x, &read.series.x}, {&at_y, &read.series.target}}) {
    const auto bad = std::find_if(values->begin(), values->end(), [](double v) { return !std::isfinite(v); });
    require(bad == values->end(), *where, "expected finite numbers, but number {} of it is {}", bad - values->begin(),
            bad == values->end() ? 0.0 : *bad);
  }
  return read;
}

namespace {

/// A name in small letters without what separates its parts: XTrain and x_train are xtrain.
std::string plain_name(std::string_view name) {
  std::string plain;
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  return plain;
}

/// The array `name` of a part; empty: there is none.
std::string array_of(const ArrayFile& file, std::string_view part, const std::string& name) {
  const std::string path =
      part.empty() && name.starts_with('/') ? name : fmt::format("{}{}/{}", part.empty() ? "" : "/", part, name);
  if (file.exists(path)) return path;
  if (part.empty() && file.exists(name)) return name;
  std::vector<std::string> found;
  const std::string wanted = plain_name(name);
  for (const std::string& other : file.list()) {
    const std::string plain = plain_name(other);
    if (plain == wanted + std::string(part) || plain == std::string(part) + wanted) found.push_back(other);
  }
  require<UsageError>(found.size() <= 1, "data", "{} holds {}, any of which may be {}{}{}: say --x=NAME and --y=NAME",
                      file.path().string(), fmt::join(found, ", "), name, part.empty() ? "" : " of ", part);
  return found.empty() ? std::string() : found.front();
}

}  // namespace

ArrayNames array_names(const ArrayFile& file, std::string_view part, const OwnSettings& own) {
  const std::string x = array_of(file, part, own.x.empty() ? "x" : own.x);
  if (x.empty()) return {};
  const std::string y = own.y.empty() ? "y" : own.y;
  const std::string found = array_of(file, part, y);
  return {x, found.empty() ? y : found, array_of(file, part, "length")};
}

}  // namespace bitstate::datasets
