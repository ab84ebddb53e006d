#include "experiments/host/text_table.h"

#include <algorithm>
#include <cstddef>

namespace bitstate::experiments {

namespace {

/// Columns on a terminal: code points, since every character used here is one column wide.
std::size_t columns_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

std::string aligned(const Cells& cells, std::string_view sides) {
  std::vector<std::size_t> widths(cells.front().size(), 0);
  for (const auto& row : cells) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], columns_of(row[i]));
  }
  std::string text;
  for (std::size_t r = 0; r < cells.size(); ++r) {
    std::string line;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      const std::string space(widths[i] - columns_of(cells[r][i]), ' ');
      const bool left = i < sides.size() && sides[i] == 'l';
      line += (i == 0 ? "" : "  ") + (left ? cells[r][i] + space : space + cells[r][i]);
    }
    const std::size_t full = columns_of(line);
    line.resize(line.find_last_not_of(' ') + 1);
    text += line + "\n";
    if (r == 0) text += std::string(full, '-') + "\n";
  }
  return text;
}

}  // namespace bitstate::experiments
