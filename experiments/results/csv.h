// Lines of CSV.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace bitstate::experiments {

/// The fields with commas between them and a line feed at the end; quoted where they need it.
std::string csv_line(const std::vector<std::string>& fields);

/// Twelve digits, since more of a mean would be noise of its sum; empty for nothing.
std::string csv_number(const std::optional<double>& value);

}  // namespace bitstate::experiments
