#include "datasets/formats/labelled_sequences.h"

#include "core/error.h"
#include "core/text.h"
#include "datasets/formats/csv_numbers.h"
#include "datasets/formats/csv_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace bitstate::datasets {

double sequence_value(std::string_view cell, std::string_view where) {
  if (is_missing(cell)) return std::numeric_limits<double>::quiet_NaN();
  const std::optional<double> number = number_in(cell);
  require(number && std::isfinite(*number), where, "expected a number, or ? for a missing one, got \"{}\"",
          cell.substr(0, shown_bytes));
  return *number;
}

std::string LabelledSequences::place(std::string_view file, std::size_t sequence) const {
  return lines.empty() ? fmt::format("{}: sequence {}", file, sequence)
                       : fmt::format("{}, line {}", file, lines[sequence]);
}

void append_sequence(LabelledSequences& to, const std::vector<std::vector<double>>& dimensions, std::size_t line,
                     std::string_view where) {
  const std::size_t columns = dimensions.size();
  require(columns > 0 && (to.columns == 0 || to.columns == columns), where,
          "the sequence has {} dimensions, but those before have {}", columns, to.columns);
  const std::size_t padded = dimensions.front().size();
  for (std::size_t c = 0; c < columns; ++c) {
    require(dimensions[c].size() == padded, where, "dimension {} has {} steps, but dimension 1 has {}", c + 1,
            dimensions[c].size(), padded);
  }
  const auto missing = [&](std::size_t step) {
    return std::all_of(dimensions.begin(), dimensions.end(), [&](const auto& d) { return std::isnan(d[step]); });
  };
  std::size_t length = padded;
  while (length > 0 && missing(length - 1)) --length;
  require(length > 0, where, "the sequence has no step");
  for (std::size_t step = 0; step < length; ++step) {
    for (std::size_t c = 0; c < columns; ++c) {
      require(!std::isnan(dimensions[c][step]), where, "step {} of dimension {} is missing; only ends may be", step + 1,
              c + 1);
      to.x.push_back(dimensions[c][step]);
    }
  }
  to.columns = columns;
  to.lengths.push_back(length);
  to.lines.push_back(line);
}

}  // namespace bitstate::datasets
