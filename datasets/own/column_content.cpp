#include "datasets/own/column_content.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace bitstate::datasets {
namespace {

constexpr std::size_t most_stretches = 512;
constexpr std::size_t most_values = 12;
constexpr std::size_t few_numbers = 20;

template <class T>
std::vector<Extremes> stretches_of(std::span<const T> numbers) {
  const std::size_t count = std::min(numbers.size(), most_stretches);
  std::vector<Extremes> stretches(count, {std::nan(""), std::nan("")});
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const double number = numbers[i];
    if (!std::isfinite(number)) continue;
    Extremes& at = stretches[i * count / numbers.size()];
    at.low = std::fmin(at.low, number);
    at.high = std::fmax(at.high, number);
  }
  return stretches;
}

/// Mean and deviation as units_of() has them, of numbers that may be as large as a double is.
template <class T>
NumberSummary summary_of(std::span<const T> numbers, std::size_t finite) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  NumberSummary summary{infinity, 0.0, -infinity, 0.0};
  const auto count = static_cast<double>(finite);
  for (const double number : numbers) {
    if (!std::isfinite(number)) continue;
    summary.low = std::min(summary.low, number);
    summary.high = std::max(summary.high, number);
    summary.mean += number / count;
  }
  for (const double number : numbers) {
    const double distance = number - summary.mean;
    if (std::isfinite(number)) summary.deviation = std::hypot(summary.deviation, distance / std::sqrt(count));
  }
  summary.mean = std::clamp(summary.mean, summary.low, summary.high);
  if (summary.low == summary.high) summary.deviation = 0.0;
  summary.stretches = stretches_of(numbers);
  return summary;
}

/// How often each number occurs; nothing where they are not whole, or more than a few.
template <class T>
std::map<double, std::size_t> whole_numbers(std::span<const T> numbers) {
  std::map<double, std::size_t> counts;
  for (const double number : numbers) {
    if (!std::isfinite(number)) continue;
    if (number != std::floor(number)) return {};
    ++counts[number];
    if (counts.size() > few_numbers) return {};
  }
  return counts;
}

template <class T>
ColumnContent column_of(std::string name, std::span<const T> numbers) {
  ColumnContent column{std::move(name)};
  column.filled = static_cast<std::size_t>(
      std::count_if(numbers.begin(), numbers.end(), [](double x) { return std::isfinite(x); }));
  column.missing = numbers.size() - column.filled;
  if (column.filled == 0) return column;
  column.numbers = summary_of(numbers, column.filled);
  if (column.numbers->low == column.numbers->high) {
    column.note = "constant";
    return column;
  }
  const auto counts = whole_numbers(numbers);
  column.distinct = counts.size();
  for (const auto& [number, count] : counts) {
    if (column.values.size() < most_values) column.values.emplace_back(fmt::format("{}", number), count);
  }
  return column;
}

}  // namespace

ColumnContent column_of_numbers(std::string name, std::span<const double> numbers) {
  return column_of(std::move(name), numbers);
}

ColumnContent column_of_numbers(std::string name, std::span<const std::uint16_t> numbers) {
  return column_of(std::move(name), numbers);
}

ColumnContent column_of_texts(std::string name, const std::map<std::string, std::size_t>& counts) {
  ColumnContent column{std::move(name), "texts"};
  column.distinct = counts.size();
  std::vector<std::pair<std::string, std::size_t>> values(counts.begin(), counts.end());
  for (const auto& [text, count] : values) column.filled += count;
  const auto more_frequent = [](const auto& a, const auto& b) { return a.second > b.second; };
  std::stable_sort(values.begin(), values.end(), more_frequent);
  values.resize(std::min(values.size(), most_values));
  column.values = std::move(values);
  return column;
}

}  // namespace bitstate::datasets
