// The report as Markdown and for a terminal.
#include "experiments/host/text_table.h"
#include "experiments/report/pivot.h"
#include "experiments/report/report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string_view>
#include <vector>

namespace bitstate::experiments {

namespace {

/// The first `names` columns are aligned to the left.
std::string markdown(const Cells& cells, std::size_t names) {
  std::string text;
  for (std::size_t r = 0; r < cells.size(); ++r) {
    for (std::string cell : cells[r]) {
      for (std::size_t bar = cell.find('|'); bar != cell.npos; bar = cell.find('|', bar + 2)) cell.insert(bar, 1, '\\');
      text += "| " + cell + " ";
    }
    text += "|\n";
    for (std::size_t i = 0; r == 0 && i < cells[r].size(); ++i) text += i < names ? "|---" : "|---:";
    if (r == 0) text += "|\n";
  }
  return text;
}

std::string uncounted(const Report& report) {
  std::string text;
  for (const auto& [title, runs] : report.uncounted()) {
    if (runs->empty()) continue;
    text += fmt::format("\n{} ({}), in none of the figures above:\n\n", title, runs->size());
    for (const auto& run : *runs) {
      text += fmt::format("- {} ({}): {}\n", run_label(report, run), run.folder.filename().string(), run.reason);
    }
  }
  return text;
}

/// Whether aligned lines, of which the second is a rule as wide as all, are not wider than `width`, if that is not 0.
bool fits(std::string_view lines, std::size_t width) {
  const std::size_t rule = lines.find('\n') + 1;
  return width == 0 || lines.find('\n', rule) - rule <= width;
}

std::string table_file(const Report& report) { return (report.folder / "table.md").string(); }

std::string main_table(const Report& report, std::size_t width) {
  const std::string sides(report.titles.size(), 'l');
  Cells cells = table_cells(report, " *");
  std::vector<std::string> left_out;
  std::string text = aligned(cells, sides);
  while (!fits(text, width) && cells[0].size() > sides.size() + 1) {
    left_out.insert(left_out.begin(), cells[0].back());
    for (auto& line : cells) line.pop_back();
    text = aligned(cells, sides);
  }
  if (left_out.empty()) return text;
  return text + fmt::format("\nNot shown, for they do not fit here: {} (see {})\n", fmt::join(left_out, ", "),
                            table_file(report));
}

}  // namespace

std::string report_markdown(const Report& report) {
  std::string text = fmt::format("# {}\n\n", report.title);
  for (const auto& [name, said] : report.head) {
    const char* const quote = name == "command" ? "`" : "";
    text += fmt::format("- {}: {}{}{}\n", name, quote, said, quote);
  }
  if (!report.head.empty()) text += "\n";
  if (report.comparison) {
    text += fmt::format("## B against A\n\n{}\n\n{}\n## All rows\n\n",
                        fmt::join(comparison_notes(*report.comparison), "\n"),
                        markdown(comparison_cells(*report.comparison), report.comparison->titles.size()));
  }
  text += fmt::format("{}\n\n", fmt::join(table_notes(report), "\n"));
  text += markdown(table_cells(report, " *"), report.titles.size());
  for (const auto& table : pivot_tables(report, " *")) {
    text += fmt::format("\n{}{}{}", table.title, table.title.empty() ? "" : "\n\n", markdown(table.cells, 1));
    if (!table.beside.empty()) text += fmt::format("\n{}\n", fmt::join(table.beside, "; "));
  }
  return text + uncounted(report);
}

std::string report_terminal(const Report& report, std::size_t width) {
  std::string text = fmt::format("{}\n\n", report.title);
  if (report.comparison) {
    text += fmt::format(
        "{}\n{}\n\n", aligned(comparison_cells(*report.comparison), std::string(report.comparison->titles.size(), 'l')),
        fmt::join(comparison_notes(*report.comparison), "\n"));
  }
  text += main_table(report, width);
  for (const auto& table : pivot_tables(report, " *")) {
    const std::string lines = aligned(table.cells, "l");
    text += fmt::format("\n{}{}", table.title, table.title.empty() ? "" : "\n");
    text += fits(lines, width) ? lines
                               : fmt::format("{} by {} does not fit here: see {}\n", report.pivot.rows,
                                             report.pivot.columns, table_file(report));
    if (!table.beside.empty()) text += fmt::format("{}\n", fmt::join(table.beside, "; "));
  }
  return text + fmt::format("\n{}\n", fmt::join(table_notes(report), "\n")) + uncounted(report);
}

}  // namespace bitstate::experiments
