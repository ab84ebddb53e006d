#include "experiments/data/show_data.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/text.h"
#include "datasets/own/own_content.h"
#include "datasets/registry.h"
#include "datasets/splits.h"
#include "experiments/data/column_plots.h"
#include "experiments/host/console.h"
#include "experiments/host/text_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

namespace bitstate::experiments {
namespace {

using datasets::ColumnContent;

constexpr std::size_t most_table_rows = 100;  // of a table on the terminal
constexpr std::size_t most_plots = 8;         // on the terminal
constexpr std::size_t most_panels = 64;       // of an SVG file
constexpr std::size_t longest_text = 40;

/// A text of the data, not too long, as a terminal may have it.
std::string shortened(const std::string& text) {
  const std::string whole = printable(text);
  std::size_t characters = 0;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    const bool begins = (static_cast<unsigned char>(whole[i]) & 0xC0U) != 0x80U;
    if (begins && ++characters > longest_text) return whole.substr(0, i) + "…";
  }
  return whole;
}

/// "up 12, down 3 and 4 more"
std::string values_text(const ColumnContent& column) {
  std::string text;
  for (const auto& [value, count] : column.values) {
    text += fmt::format("{}{} × {}", text.empty() ? "" : ", ", shortened(value), count);
  }
  if (column.distinct > column.values.size())
    text += fmt::format(" and {} more", column.distinct - column.values.size());
  if (column.distinct == 0 && !column.values.empty()) text += " and more";
  return text;
}

std::vector<std::string> cells_of(const ColumnContent& column) {
  const auto number = [&](double datasets::NumberSummary::*value) {
    return column.numbers ? fmt::format("{:.6g}", *column.numbers.*value) : std::string();
  };
  using N = datasets::NumberSummary;
  const std::string values = values_text(column);
  const std::string note = printable(column.note) + (column.note.empty() || values.empty() ? "" : "; ") + values;
  return {shortened(column.name),
          column.kind,
          column.role,
          std::to_string(column.filled),
          std::to_string(column.missing),
          number(&N::low),
          number(&N::mean),
          number(&N::high),
          number(&N::deviation),
          note};
}

void print_table(const std::vector<ColumnContent>& columns) {
  Cells rows{{"column", "type", "role", "values", "missing", "min", "mean", "max", "std", ""}};
  for (const ColumnContent& column : columns) {
    if (rows.size() > most_table_rows) break;
    rows.push_back(cells_of(column));
  }
  fmt::print("{}", aligned(rows, "lll      l"));
  if (columns.size() > most_table_rows) fmt::print("and {} more columns\n", columns.size() - most_table_rows);
}

/// The columns to draw: inputs and targets, if they are named, else all with numbers that change, but for the time.
std::vector<ColumnContent> columns_to_draw(const std::vector<ColumnContent>& columns) {
  std::vector<ColumnContent> all, chosen;
  for (const ColumnContent& column : columns) {
    if (!column.numbers) continue;
    const bool changes = column.numbers->low < column.numbers->high;
    if (changes && column.role != "time") all.push_back(column);
    if (column.role.starts_with("input") || column.role.starts_with("target")) chosen.push_back(column);
  }
  return chosen.empty() ? all : chosen;
}

void print_plots(const std::vector<ColumnContent>& columns) {
  constexpr std::size_t margin = 4, widest = 72, height = 4;
  const std::size_t width = std::clamp<std::size_t>(terminal_size().columns, 2 * margin, widest + margin) - margin;
  for (std::size_t i = 0; i < std::min(columns.size(), most_plots); ++i) {
    const ColumnContent& column = columns[i];
    fmt::print("\n{}{}, {:.6g} to {:.6g}\n", shortened(column.name),
               column.role.empty() ? "" : " (" + column.role + ")", column.numbers->low, column.numbers->high);
    for (const std::string& line : braille_plot(*column.numbers, width, height)) fmt::print("{}\n", line);
  }
  if (columns.size() > most_plots) fmt::print("\n{} more columns are not drawn\n", columns.size() - most_plots);
}

/// What a training would read, of folds the first one, or why it would read nothing.
std::string training_text(datasets::DataSettings settings) {
  settings.limit_train = settings.limit_test = 0;
  if (settings.own.folding.all()) settings.own.folding.fold = 0;
  try {
    datasets::Splits splits = datasets::load("own", settings);
    splits.name = "train own reads";
    return datasets::summary(splits);
  } catch (const Error& error) {
    return fmt::format("train own reads nothing yet: {}", error.what());
  }
}

}  // namespace

void show_own_data(const datasets::DataSettings& settings, const std::filesystem::path& svg) {
  const auto parts = datasets::own_content(settings.path, settings.own);
  const std::string data = settings.path.filename().string();
  std::vector<ColumnContent> panels;
  for (const datasets::PartContent& part : parts) {
    fmt::print("{}{}{}\n\n", part.name, part.name.empty() ? "" : ": ", printable(part.what));
    print_table(part.columns);
    const auto columns = columns_to_draw(part.columns);
    print_plots(columns);
    fmt::print("\n");
    for (ColumnContent column : columns) {
      if (panels.size() == most_panels) break;
      if (!part.name.empty()) column.name = part.name + ": " + column.name;
      panels.push_back(std::move(column));
    }
  }
  fmt::print("{}\n", printable(training_text(settings)));
  if (svg.empty()) return;
  write_file_atomically(svg, svg_of_columns(panels, data.empty() ? "data" : data));
  fmt::print("{} is written\n", printable(svg.string()));
}

}  // namespace bitstate::experiments
