#include "datasets/formats/sequence_rows.h"

#include "core/error.h"
#include "datasets/formats/csv_numbers.h"
#include "datasets/formats/csv_text.h"
#include "datasets/formats/text_file.h"

#include <fmt/format.h>

#include <string>
#include <vector>

namespace bitstate::datasets {
namespace {

/// Whether the row is one of names.
bool names_steps(const std::vector<std::string_view>& cells) {
  return cells.size() > 1 && !cells[1].empty() && cells[1] != "?" && !number_in(cells[1]);
}

}  // namespace

LabelledSequences read_sequence_rows(const std::filesystem::path& file, std::size_t max_bytes) {
  const TextFile text = read_text(file, max_bytes);
  CsvRows rows(file.string(), text.text, {});
  LabelledSequences read;
  std::vector<std::vector<double>> steps(1);
  std::size_t count = 0;  // of cells
  for (bool first = true; rows.next(); first = false) {
    const std::vector<std::string_view>& cells = rows.cells();
    if (first && names_steps(cells)) {
      read.named = true;
      continue;
    }
    const std::string where = fmt::format("{}, line {}", file.string(), rows.line());
    if (count == 0) count = cells.size();
    require(cells.size() == count, where,
            "the row has {} cells, but line {} has {}; shorter sequences end with empty cells or NaN", cells.size(),
            read.lines.empty() ? rows.line() : read.lines.front(), count);
    steps.front().clear();
    for (std::size_t i = 1; i < cells.size(); ++i) steps.front().push_back(sequence_value(cells[i], where));
    append_sequence(read, steps, rows.line(), where);
    read.labels.push_back(unquoted(cells.front()));
  }
  require(!read.lengths.empty(), file.string(), "holds no sequence");
  return read;
}

}  // namespace bitstate::datasets
