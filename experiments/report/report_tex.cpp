// The report as a table in LaTeX.
#include "experiments/host/text_table.h"
#include "experiments/report/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace bitstate::experiments {

namespace {

using Replacement = std::pair<std::string_view, std::string_view>;

constexpr auto replaced = std::to_array<Replacement>({
    {"\\", "\\textbackslash{}"},
    {"&", "\\&"},
    {"%", "\\%"},
    {"$", "\\$"},
    {"#", "\\#"},
    {"_", "\\_"},
    {"{", "\\{"},
    {"}", "\\}"},
    {"~", "\\textasciitilde{}"},
    {"^", "\\textasciicircum{}"},
    {"<", "$<$"},
    {">", "$>$"},
    {"|", "$|$"},
    {"\n", " "},
    {"±", "$\\pm$"},
    {"−", "$-$"},
    {"†", "$^\\dagger$"},
    {"–", "--"},
    {"≈", "$\\approx$"},
});

std::string tex_escaped(std::string_view text) {
  std::string escaped;
  while (!text.empty()) {
    const auto found =
        std::find_if(replaced.begin(), replaced.end(), [&](const auto& pair) { return text.starts_with(pair.first); });
    escaped += found == replaced.end() ? text.substr(0, 1) : found->second;
    text.remove_prefix(found == replaced.end() ? 1 : found->first.size());
  }
  return escaped;
}

/// Columns that say how the runs went, which no paper prints, unless some of them diverged.
bool is_printed(const Report& report, std::string_view title) {
  if (title == "diverged") return !report.diverged.empty();
  return title != "validation" && title != "running" && title != "missing" && title != "seconds";
}

std::string tex_line(const std::vector<std::string>& cells) {
  // behind \\, a bracket or a star in the first cell would be an argument
  const bool argument = !cells.empty() && (cells.front().starts_with('[') || cells.front().starts_with('*'));
  return fmt::format("  {}{} \\\\\n", argument ? "{}" : "", fmt::join(cells, " & "));
}

std::string comment(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return "% " + text + "\n";
}

}  // namespace

std::string report_tex(const Report& report) {
  Cells cells = table_cells(report, " *");
  const std::size_t names = report.titles.size();
  std::vector<std::size_t> printed;
  for (std::size_t i = 0; i < cells[0].size(); ++i) {
    if (i < names || is_printed(report, cells[0][i])) printed.push_back(i);
  }
  std::string text = comment(report.title + ": needs \\usepackage{booktabs}, then \\input{table}");
  for (const auto& [name, said] : report.head) text += comment(name + ": " + said);
  for (const auto& note : table_notes(report)) text += comment(note);
  text += fmt::format("\\begin{{tabular}}{{{}{}}}\n  \\toprule\n", std::string(names, 'l'),
                      std::string(printed.size() - names, 'r'));
  for (std::size_t r = 0; r < cells.size(); ++r) {
    std::vector<std::string> line;
    for (const std::size_t i : printed) line.push_back(tex_escaped(cells[r][i]));
    text += tex_line(line) + (r == 0 ? "  \\midrule\n" : "");
  }
  return text + "  \\bottomrule\n\\end{tabular}\n";
}

}  // namespace bitstate::experiments
