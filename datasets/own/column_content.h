// What a column of numbers or texts holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace bitstate::datasets {

/// The smallest and the largest number of some neighbours; NaN where all are missing.
struct Extremes {
  double low, high;
};

struct NumberSummary {
  double low = 0.0, mean = 0.0, high = 0.0,
         deviation = 0.0;             ///< of finite numbers; the deviation is that of all of them
  std::vector<Extremes> stretches{};  ///< in order, of up to 512 equal stretches
};

/// A column of a table or of the steps of sequences, or an array.
struct ColumnContent {
  std::string name;
  std::string kind = "numbers";            ///< or texts, dates, ...; of arrays with their shape
  std::string role{};                      ///< input, target, time, or nothing
  std::size_t filled = 0;                  ///< cells that hold something
  std::size_t missing = 0;                 ///< and those that do not, or no finite number
  std::optional<NumberSummary> numbers{};  ///< where there are any
  std::size_t distinct = 0;                ///< values; 0: not counted
  /// Values and how often they occur, at most 12 of them: the most frequent texts, or, of at most 20 distinct whole
  /// numbers, the smallest.
  std::vector<std::pair<std::string, std::size_t>> values{};
  std::string note{};  ///< what else is to be said
};

/// A column of these numbers, of which those that are not finite are missing.
ColumnContent column_of_numbers(std::string name, std::span<const double> numbers);
ColumnContent column_of_numbers(std::string name, std::span<const std::uint16_t> numbers);

/// A column of texts, by how often each occurs.
ColumnContent column_of_texts(std::string name, const std::map<std::string, std::size_t>& counts);

}  // namespace bitstate::datasets
