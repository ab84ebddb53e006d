// The tables of the report in LaTeX.
#include "experiments/host/text_table.h"
#include "experiments/report/pivot.h"
#include "experiments/report/report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <utility>

namespace bitstate::experiments {

namespace {

using Replacement = std::pair<std::string_view, std::string_view>;

constexpr auto replaced = std::to_array<Replacement>({
    {"\\", "\\textbackslash{}"},
    {"&", "\\&"},
    {"%", "\\%"},
    {"$", "$\\$$"},  // outside of mathematics a font of pixels has it
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
    {"×", "$\\times$"},
    {"→", "$\\rightarrow$"},
    {"≤", "$\\leq$"},
    {"≥", "$\\geq$"},
    {"λ", "$\\lambda$"},
    {"Λ", "$\\Lambda$"},
});

/// How long the mathematics is that `text` begins with, both dollars included; 0 where it begins with none. As Pandoc
/// has it, no blank stands behind the first dollar or before the second, and no digit behind that. What would end a
/// cell or begin a comment is no mathematics, nor are braces that do not pair.
std::size_t math_size(std::string_view text) {
  if (text.size() < 3 || text[0] != '$' || text[1] == ' ' || text[1] == '$') return 0;
  int depth = 0;
  for (std::size_t i = 1; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '$') {
      const bool digit = i + 1 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '9';
      return depth == 0 && text[i - 1] != ' ' && !digit ? i + 1 : 0;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == '&' || c == '%' || c == '#') return 0;
    depth += c == '{' ? 1 : c == '}' ? -1 : 0;
    if (depth < 0) return 0;
    if (c != '\\') continue;
    ++i;  // what is escaped means nothing here
    if (i == text.size() || static_cast<unsigned char>(text[i]) < 0x20) return 0;
  }
  return 0;
}

/// Mathematics between dollars stays as it is.
std::string tex_escaped(std::string_view text) {
  std::string escaped;
  while (!text.empty()) {
    if (const std::size_t size = math_size(text); size > 0) {
      escaped += text.substr(0, size);
      text.remove_prefix(size);
      continue;
    }
    const auto found =
        std::find_if(replaced.begin(), replaced.end(), [&](const auto& pair) { return text.starts_with(pair.first); });
    escaped += found == replaced.end() ? text.substr(0, 1) : found->second;
    text.remove_prefix(found == replaced.end() ? 1 : found->first.size());
  }
  return escaped;
}

/// Not the columns that say how the runs went, which no paper prints, unless some of them diverged, and not the names
/// of float rows, for which a page has no room.
bool is_printed(const Report& report, std::string_view title) {
  if (title == "diverged") return !report.diverged.empty();
  return title != "which float" && title != "validation" && title != "running" && title != "missing" &&
         title != "seconds";
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

/// What stands above a table: how to use it, where it is from and what it shows.
std::string comments(const Report& report, const std::string& name, const std::vector<std::string>& notes) {
  std::string text = comment(fmt::format("{}: needs \\usepackage{{booktabs}}, then \\input{{{}}}", report.title, name));
  for (const auto& [what, said] : report.head) text += comment(what + ": " + said);
  for (const auto& note : notes) text += comment(note);
  return text;
}

std::vector<std::string> escaped(const std::vector<std::string>& cells) {
  std::vector<std::string> line;
  for (const auto& cell : cells) line.push_back(tex_escaped(cell));
  return line;
}

/// The first `names` columns are aligned to the left. `above` stands over the header, `below` under the last row.
std::string tabular(const Cells& cells, std::size_t names, const std::string& above = "",
                    const std::string& below = "") {
  std::string text = fmt::format("\\begin{{tabular}}{{{}{}}}\n  \\toprule\n{}", std::string(names, 'l'),
                                 std::string(cells[0].size() - names, 'r'), above);
  for (std::size_t r = 0; r < cells.size(); ++r) text += tex_line(escaped(cells[r])) + (r == 0 ? "  \\midrule\n" : "");
  return text + below + "  \\bottomrule\n\\end{tabular}\n";
}

/// The key across stands over its values, the key down over the first column.
std::string pivot_tabular(const Report& report, PivotTable table) {
  const std::size_t width = table.cells[0].size();
  table.cells[0][0] = report.pivot.rows;
  const std::string above = width < 2
                                ? ""
                                : fmt::format("  & \\multicolumn{{{}}}{{c}}{{{}}} \\\\\n  \\cmidrule(lr){{2-{}}}\n",
                                              width - 1, tex_escaped(report.pivot.columns), width);
  std::string below;
  for (const auto& line : table.beside) {
    below += fmt::format("{}  \\multicolumn{{{}}}{{l}}{{{}}} \\\\\n", below.empty() ? "  \\midrule\n" : "", width,
                         tex_escaped(line));
  }
  return tabular(table.cells, 1, above, below);
}

/// Which float row others are compared with, if there are several.
std::vector<std::string> reference_notes(const Report& report) {
  std::map<std::string, std::vector<std::string>> rows;
  for (const auto& row : report.rows) {
    if (!row.is_float && row.difference.n > 0) rows[row.reference].push_back(row_label(report, row));
  }
  std::vector<std::string> notes;
  for (const auto& [reference, names] : rows) {
    if (rows.size() > 1) notes.push_back(fmt::format("Compared with {}: {}.", reference, fmt::join(names, "; ")));
  }
  return notes;
}

}  // namespace

std::string report_tex(const Report& report) {
  const Cells cells = table_cells(report, " *");
  const std::size_t names = report.titles.size();
  Cells printed(cells.size());
  for (std::size_t i = 0; i < cells[0].size(); ++i) {
    if (i >= names && !is_printed(report, cells[0][i])) continue;
    for (std::size_t r = 0; r < cells.size(); ++r) printed[r].push_back(cells[r][i]);
  }
  std::vector<std::string> notes = table_notes(report);
  for (auto& note : reference_notes(report)) notes.push_back(std::move(note));
  return comments(report, "table", notes) + tabular(printed, names);
}

std::string pivot_tex(const Report& report) {
  const auto tables = pivot_tables(report, " *");
  if (tables.empty()) return {};
  std::string text = comments(report, "pivot", table_notes(report));
  for (std::size_t i = 0; i < tables.size(); ++i) {
    if (i > 0) text += "\\par\\bigskip\n";
    if (!tables[i].title.empty()) text += "\\noindent " + tex_escaped(tables[i].title) + "\\par\\smallskip\n";
    text += (tables.size() > 1 ? "\\noindent" : "") + pivot_tabular(report, tables[i]);
  }
  return text;
}

std::string comparison_tex(const Report& report) {
  return comments(report, "comparison", comparison_notes(*report.comparison)) +
         tabular(comparison_cells(*report.comparison), report.comparison->titles.size());
}

}  // namespace bitstate::experiments
