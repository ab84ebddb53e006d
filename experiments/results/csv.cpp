#include "experiments/results/csv.h"

#include <fmt/format.h>

#include <string_view>

namespace bitstate::experiments {

namespace {

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == text.npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

}  // namespace

std::string csv_line(const std::vector<std::string>& fields) {
  std::string line;
  for (std::size_t i = 0; i < fields.size(); ++i) line += (i == 0 ? "" : ",") + csv_field(fields[i]);
  return line + "\n";
}

std::string csv_number(const std::optional<double>& value) {
  return value ? fmt::format("{:.12g}", *value) : std::string();
}

}  // namespace bitstate::experiments
