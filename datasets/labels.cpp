#include "datasets/labels.h"

#include "core/error.h"
#include "core/text.h"
#include "datasets/formats/csv_numbers.h"
#include "datasets/formats/csv_text.h"
#include "datasets/sequences.h"
#include "datasets/splits.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

namespace bitstate::datasets {
namespace {

constexpr std::size_t max_label_bytes = 100;
constexpr double largest_whole = 0x1.0p53;

/// The number that a label is.
std::optional<std::int64_t> number_of(std::string_view label) {
  std::int64_t number = 0;
  const char* const last = label.data() + label.size();
  const auto [end, error] = std::from_chars(label.data(), last, number);
  if (error != std::errc() || end != last) return std::nullopt;
  return number;
}

/// The numbers of labels that are all below `count`; nothing where one is not.
std::optional<std::vector<std::int32_t>> as_numbers(const std::vector<std::string>& labels, std::size_t count) {
  std::vector<std::int32_t> numbers;
  for (const std::string& label : labels) {
    const auto number = number_of(label);
    if (!number || *number < 0 || static_cast<std::uint64_t>(*number) >= count) return std::nullopt;
    numbers.push_back(static_cast<std::int32_t>(*number));
  }
  return numbers;
}

/// The classes of a model that is trained, or what a file says.
std::vector<std::int32_t> known_numbers(const std::vector<std::string>& labels, std::size_t count,
                                        std::string_view who) {
  std::vector<std::string> others;
  for (const std::string& label : labels) {
    if (!as_numbers({label}, count)) others.push_back(label);
  }
  require(others.empty(), "data", "{} the classes 0 to {}; these data also hold {}", who, count - 1,
          class_list(others));
  return *as_numbers(labels, count);
}

std::vector<std::int32_t> known_names(const std::vector<std::string>& labels, const std::vector<std::string>& names) {
  std::vector<std::int32_t> of;
  std::vector<std::string> others;
  for (const std::string& label : labels) {
    const auto found = std::find(names.begin(), names.end(), label);
    if (found == names.end()) others.push_back(label);
    of.push_back(static_cast<std::int32_t>(found - names.begin()));
  }
  require(others.empty(), "data", "the model was trained with the classes {}; these data also hold {}",
          class_list(names), class_list(others));
  return of;
}

/// The places of the labels in their order.
std::vector<std::size_t> in_order(const Labels& labels) {
  const std::vector<std::string>& texts = labels.texts();
  std::vector<std::size_t> order(texts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (labels.declared()) return order;
  const bool numbers = std::all_of(texts.begin(), texts.end(), [](const auto& label) { return number_of(label); });
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return numbers ? *number_of(texts[a]) < *number_of(texts[b]) : texts[a] < texts[b];
  });
  return order;
}

}  // namespace

bool is_missing_label(std::string_view cell) {
  const std::string text = unquoted(cell);
  const auto number = number_in(text);
  return text.empty() || text == "?" || (number && std::isnan(*number));
}

std::optional<std::string> label_in(std::string_view text) {
  if (is_missing_label(text)) return std::nullopt;
  if (const auto number = number_in(text)) {
    if (!(std::fabs(*number) < largest_whole) || *number != std::floor(*number)) return std::nullopt;
    return std::to_string(static_cast<std::int64_t>(*number));
  }
  std::string label = unquoted(text);
  const bool fits = label.size() <= max_label_bytes && printable(label) == label;
  return fits ? std::optional(std::move(label)) : std::nullopt;
}

std::size_t Labels::add(const std::string& label) {
  const auto found = numbers_.find(label);
  if (found != numbers_.end()) return found->second;
  require(texts_.size() <= max_id, "data", "there are more than {} different labels, the most that are read as classes",
          max_id + 1);
  numbers_.emplace(label, texts_.size());
  texts_.push_back(label);
  return texts_.size() - 1;
}

void Labels::declare(const std::vector<std::string>& labels, std::string_view where) {
  require(
      texts_.empty() || labels == std::vector(texts_.begin(), texts_.begin() + static_cast<std::ptrdiff_t>(declared_)),
      where, "declares the classes {}, but a file before it has {}", class_list(labels), class_list(texts_));
  for (const std::string& label : labels) add(label);
  declared_ = texts_.size();
}

Classes classes_of(const Labels& labels, const std::optional<Reading>& reading, std::size_t count) {
  const std::vector<std::string>& texts = labels.texts();
  if (reading && !reading->classes.empty()) {
    return {known_names(texts, reading->classes), reading->classes, reading->classes.size()};
  }
  if (reading && reading->outputs > 0) {
    return {known_numbers(texts, reading->outputs, "the model was trained with"), {}, reading->outputs};
  }
  if (count > 0) return {known_numbers(texts, count, "the file states"), {}, count};
  if (auto numbers = as_numbers(texts, texts.size())) return {std::move(*numbers), {}, texts.size()};
  Classes classes{std::vector<std::int32_t>(texts.size()), {}, texts.size()};
  for (const std::size_t at : in_order(labels)) {
    classes.of[at] = static_cast<std::int32_t>(classes.names.size());
    classes.names.push_back(texts[at]);
  }
  return classes;
}

}  // namespace bitstate::datasets
