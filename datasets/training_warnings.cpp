#include "datasets/training_warnings.h"

#include "datasets/splits.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace bitstate::datasets {
namespace {

/// Which columns of rows of numbers have one value.
class ConstantColumns {
 public:
  void add(const std::vector<float>& rows, std::size_t columns) {
    if (rows.empty()) return;
    if (first_.empty()) first_.assign(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(columns));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      std::optional<float>& first = first_[i % columns];
      if (first && *first != rows[i]) first.reset();
    }
  }
  [[nodiscard]] std::vector<std::size_t> found() const {
    std::vector<std::size_t> columns;
    for (std::size_t c = 0; c < first_.size(); ++c) {
      if (first_[c]) columns.push_back(c);
    }
    return columns;
  }

 private:
  std::vector<std::optional<float>> first_;  // of each column; nothing: it has other values, too
};

struct Seen {
  std::vector<std::size_t> sequences;  // of each class
  ConstantColumns inputs, targets;
};

Seen seen_in(const Splits& splits, const std::shared_ptr<const Dataset>& part) {
  Seen seen;
  const bool classes = splits.task == Task::classification;
  if (classes) seen.sequences.resize(splits.d_output);
  Example example;
  for (std::size_t i = 0; part != nullptr && i < part->size(); ++i) {
    example.clear();
    part->read(i, example);
    seen.inputs.add(example.x, splits.d_input);
    seen.targets.add(example.target, splits.d_output);
    if (classes) ++seen.sequences[static_cast<std::size_t>(example.label)];
  }
  return seen;
}

std::string class_name(const Splits& splits, std::size_t number) {
  return splits.reading.classes.empty() ? std::to_string(number) : splits.reading.classes[number];
}

/// Of the classes that no training sequence has, how many sequences of the other parts have them.
std::string missing_classes(const Splits& splits, const std::vector<std::size_t>& trained) {
  const std::vector<std::size_t> validation = seen_in(splits, splits.validation).sequences;
  const std::vector<std::size_t> test = seen_in(splits, splits.test).sequences;
  std::vector<std::string> missing;
  for (std::size_t c = 0; c < trained.size(); ++c) {
    if (trained[c] > 0) continue;
    std::vector<std::string> elsewhere;
    for (const auto& [part, count] : {std::pair{"validation", validation[c]}, {"test", test[c]}}) {
      if (count > 0) elsewhere.push_back(fmt::format("{} in the {} part", count, part));
    }
    missing.push_back(elsewhere.empty() ? class_name(splits, c)
                                        : fmt::format("{} ({})", class_name(splits, c), fmt::join(elsewhere, ", ")));
  }
  if (missing.empty()) return "";
  return fmt::format("{} of the {} classes {} no training sequence and cannot be learnt: {}", missing.size(),
                     trained.size(), missing.size() == 1 ? "has" : "have", class_list(missing));
}

void warn_of_classes(const Splits& splits, const std::vector<std::size_t>& trained,
                     std::vector<std::string>& warnings) {
  const auto there = [](std::size_t count) { return count > 0; };
  if (std::count_if(trained.begin(), trained.end(), there) == 1) {
    const auto only = std::find_if(trained.begin(), trained.end(), there) - trained.begin();
    warnings.push_back(fmt::format("all training sequences are of the class {}: there is nothing to tell apart",
                                   class_name(splits, static_cast<std::size_t>(only))));
  }
  if (std::string missing = missing_classes(splits, trained); !missing.empty()) warnings.push_back(std::move(missing));
}

void warn_of_columns(std::string_view side, const std::vector<std::size_t>& constant,
                     const std::vector<std::string>& names, std::string_view consequence,
                     std::vector<std::string>& warnings) {
  if (constant.empty()) return;
  std::vector<std::string> found;
  for (const std::size_t c : constant) found.push_back(names.empty() ? std::to_string(c) : names[c]);
  const bool one = found.size() == 1;
  warnings.push_back(fmt::format("the {} column{} {} {} one value in the whole training part: {}", side, one ? "" : "s",
                                 class_list(found), one ? "has" : "each have", consequence));
}

}  // namespace

std::vector<std::string> training_warnings(const Splits& splits) {
  std::vector<std::string> warnings;
  const Seen seen = seen_in(splits, splits.train);
  if (splits.task == Task::classification) warn_of_classes(splits, seen.sequences, warnings);
  warn_of_columns("target", seen.targets.found(), splits.target_names, "there is nothing to learn", warnings);
  warn_of_columns("input", seen.inputs.found(), splits.input_names, "this tells a model nothing", warnings);
  return warnings;
}

}  // namespace bitstate::datasets
