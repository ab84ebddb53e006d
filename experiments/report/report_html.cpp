// The report as one page that needs no network: tables, plots as SVG, light and dark.
#include "experiments/plots/page_text.h"
#include "experiments/report/figures.h"
#include "experiments/report/pivot.h"
#include "experiments/report/report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace bitstate::experiments {

namespace {

/// A path as a link from the page: relative, with %-escapes for what means something in a URL.
std::string link_to(const std::filesystem::path& to, const std::filesystem::path& page_folder) {
  std::error_code none;
  std::filesystem::path path = std::filesystem::proximate(to, page_folder, none);
  if (none || path.empty()) path = to;
  std::string url;
  for (const char c : path.generic_string()) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("/-._~+=,").find(c) != std::string_view::npos;
    url += plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  return url;
}

std::string runs_html(const Report& report, const ReportRow& row) {
  std::string html = fmt::format("<details><summary>{}</summary><ul>", row.runs.size());
  for (const auto& run : row.runs) {
    html += fmt::format("<li><a href=\"{}/\">{}</a></li>", link_to(run.folder, report.folder),
                        html_escaped(run.folder.filename().string()));
  }
  return html + "</ul></details>";
}

/// Attributes of the cells of a column: how its text stands. Columns that say of every row that no run diverged or is
/// missing are hidden, for their room is needed for figures.
std::string column_kind(const Cells& cells, std::size_t column, bool is_setting) {
  const auto any = [&](const auto& test) {
    return std::any_of(cells.begin() + 1, cells.end(), [&](const auto& line) { return test(line[column]); });
  };
  const std::string& title = cells[0][column];
  if (is_setting) {
    const bool is_long = any([](const auto& cell) { return cell.size() > 24; }) || title.size() > 24;
    return is_long ? " class=\"words long\"" : " class=\"words\"";
  }
  if (title == "which float") return " class=\"words aside\"";
  const bool counts = title == "diverged" || title == "missing";
  return counts && !any([](const auto& cell) { return cell != "0"; }) ? " hidden" : "";
}

std::string table_html(const Report& report) {
  const auto cells = table_cells(report, " *");
  const std::size_t settings = report.titles.size();
  std::string html =
      "<input id=\"filter\" type=\"search\" placeholder=\"Filter rows\" aria-label=\"Filter rows\" hidden>\n"
      "<div class=\"scroll\"><table id=\"rows\"><thead><tr><th>runs</th>";
  std::vector<std::string> kinds;
  for (std::size_t i = 0; i < cells[0].size(); ++i) {
    kinds.push_back(column_kind(cells, i, i < settings));
    html += fmt::format("<th{}>{}</th>", kinds[i], html_escaped(cells[0][i]));
  }
  html += "</tr></thead><tbody>\n";
  for (std::size_t r = 1; r < cells.size(); ++r) {
    const ReportRow& row = report.rows[r - 1];
    html += "<tr><td>" + runs_html(report, row) + "</td>";
    for (std::size_t i = 0; i < cells[r].size(); ++i) {
      const std::string& title = cells[0][i];
      const bool warn =
          i >= settings && ((title == "diverged" && row.diverged > 0) || (title == "missing" && row.missing > 0));
      const std::string kind = row.best && i == settings ? " class=\"best\"" : warn ? " class=\"warn\"" : kinds[i];
      html += fmt::format("<td{}>{}</td>", kind, html_escaped(cells[r][i]));
    }
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

/// A table whose first line is its header.
std::string cells_html(const Cells& cells) {
  std::string html = "<div class=\"scroll\"><table>";
  for (std::size_t r = 0; r < cells.size(); ++r) {
    html += "<tr>";
    for (std::size_t i = 0; i < cells[r].size(); ++i) {
      const char* const tag = r == 0 ? "th" : "td";
      html += fmt::format("<{0}{1}>{2}</{0}>", tag, i == 0 ? " class=\"words\"" : "", html_escaped(cells[r][i]));
    }
    html += "</tr>\n";
  }
  return html + "</table></div>\n";
}

std::string pivot_html(const Report& report) {
  std::string html;
  for (const auto& table : pivot_tables(report, " *")) {
    if (!table.title.empty()) html += fmt::format("<h3>{}</h3>\n", html_escaped(table.title));
    html += cells_html(table.cells);
    const std::string beside = fmt::format("{}", fmt::join(table.beside, "; "));
    if (!beside.empty()) html += fmt::format("<p class=\"note\">{}</p>\n", html_escaped(beside));
  }
  if (html.empty()) return html;
  return fmt::format("<section><h2>{} by {}</h2>\n{}</section>\n", html_escaped(report.pivot.rows),
                     html_escaped(report.pivot.columns), html);
}

std::string comparison_html(const Comparison& comparison) {
  return fmt::format("<section><h2>B against A</h2>\n<p class=\"note\">{}</p>\n{}</section>\n",
                     html_escaped(fmt::format("{}", fmt::join(comparison_notes(comparison), " "))),
                     cells_html(comparison_cells(comparison)));
}

/// With links to the files of each figure that are there: a page of a sweep in progress has none yet.
std::string figures_html(const Report& report, const std::vector<Figure>& figures) {
  std::string html = "<div class=\"plots\">\n";
  for (const auto& figure : figures) {
    html += fmt::format("<figure id=\"{}\"><figcaption>{}</figcaption>\n{}", html_escaped(figure.name),
                        html_escaped(figure.title), figure_svg(figure, false));
    html += fmt::format("<p class=\"note\">{}</p>\n<p class=\"files\">", html_escaped(figure.note));
    for (const auto& [extension, word] :
         {std::pair("svg", "SVG"), {"pdf", "PDF"}, {"csv", "data"}, {"gnuplot", "gnuplot"}}) {
      const std::filesystem::path file = report.folder / "plots" / (figure.name + "." + extension);
      std::error_code none;
      if (!std::filesystem::exists(file, none)) continue;
      html += fmt::format("<a href=\"{}\">{}</a> ", link_to(file, report.folder), word);
    }
    html += "</p></figure>\n";
  }
  return html + "</div>\n";
}

std::string row_sections(const Report& report) {
  std::string html;
  for (const auto& row : report.rows) {
    const auto figures = row_figures(report, row);
    if (figures.empty()) continue;
    html += fmt::format("<details><summary>{}</summary>\n{}</details>\n", html_escaped(row_label(report, row)),
                        figures_html(report, figures));
  }
  if (html.empty()) return html;
  return "<section><h2>Sites, eigenvalues and classes, row by row</h2>\n" + html + "</section>\n";
}

std::string uncounted_html(const Report& report) {
  std::string html;
  for (const auto& [title, runs] : report.uncounted()) {
    if (runs->empty()) continue;
    html += fmt::format("<h2>{} ({})</h2>\n<p class=\"note\">In none of the figures above.</p>\n<ul>\n", title,
                        runs->size());
    for (const auto& run : *runs) {
      html += fmt::format("<li>{} (<a href=\"{}/\">{}</a>): {}</li>\n", html_escaped(run_label(report, run)),
                          link_to(run.folder, report.folder), html_escaped(run.folder.filename().string()),
                          html_escaped(run.reason));
    }
    html += "</ul>\n";
  }
  return html;
}

std::string settings_html(const Report& report) {
  std::string html = "<section><h2>Settings of all runs</h2>\n<details><summary>show</summary><table><tbody>\n";
  for (const auto& [name, value] : report.common) {
    html += fmt::format("<tr><th class=\"words\">{}</th><td class=\"words\">{}</td></tr>\n", html_escaped(name),
                        html_escaped(value));
  }
  return html + "</tbody></table></details></section>\n";
}

}  // namespace

std::string report_html(const Report& report) {
  std::string html =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  html += fmt::format("<title>bitstate: {}</title>\n<style>{}</style></head>\n<body>\n", html_escaped(report.title),
                      page_style());
  html += fmt::format("<h1>{}</h1>\n<dl>", html_escaped(report.title));
  for (const auto& [what, text] : report.head) {
    html += fmt::format("<dt>{}</dt><dd>{}</dd>", html_escaped(what), html_escaped(text));
  }
  html += "</dl>\n";
  if (report.comparison) html += comparison_html(*report.comparison);
  html += fmt::format("<h2>{}</h2>\n<p class=\"note\">{}</p>\n", report.comparison ? "All rows" : "Configurations",
                      html_escaped(fmt::format("{}", fmt::join(table_notes(report), " "))));
  html += table_html(report);
  html += pivot_html(report);
  const auto figures = report_figures(report);
  if (!figures.empty()) html += "<section><h2>Plots</h2>\n" + figures_html(report, figures) + "</section>\n";
  html += row_sections(report);
  html += uncounted_html(report);
  html += settings_html(report);
  return html + fmt::format("<script>{}</script>\n</body></html>\n", page_script());
}

}  // namespace bitstate::experiments
