// The report as one page that needs no network: inline style, inline SVG, light and dark.
#include "experiments/report/chart.h"
#include "experiments/report/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace bitstate::experiments {

namespace {

constexpr std::string_view style = R"css(
:root { color-scheme: light dark; --paper: #fdfdfc; --ink: #1c2024; --soft: #63707a; --rule: #dfe3e6; --band: #f4f6f7;
  --heat: 22 122 110; --best: #0b6e5f;
  --s0: #0072b2; --s1: #d55e00; --s2: #009e73; --s3: #b0509a; --s4: #8a6d00; --s5: #3a9fd8; --s6: #5b3fa0;
  --s7: #555; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181b; --ink: #e6eaec; --soft: #98a4ad; --rule: #30383e;
  --band: #1b2125; --heat: 45 190 165; --best: #5fd9c4;
  --s0: #56b4e9; --s1: #ff8a3d; --s2: #2ecc9a; --s3: #e08bc8; --s4: #e6c229; --s5: #9ad1f5; --s6: #b59cf2;
  --s7: #bbb; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 70rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2.5rem 0 .75rem; }
p, li, summary { color: var(--soft); } .note { margin: .25rem 0 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .8rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--rule); }
th { color: var(--soft); font-weight: 600; font-size: .85rem; } tbody tr:hover { background: var(--band); }
.best { color: var(--best); font-weight: 700; } .warn { color: var(--s1); }
.matrix td { border: 2px solid var(--paper); text-align: center; min-width: 5.5rem;
  background: rgb(var(--heat) / calc(.05 + .5 * var(--v, 0))); }
.matrix thead th { text-align: center; }
.matrix td.best { color: inherit; outline: 2px solid var(--best); outline-offset: -2px; }
.matrix td.empty { background: var(--band); color: var(--soft); } .matrix tbody tr:hover { background: none; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(28rem, 100%), 1fr)); gap: 1.5rem; }
figure { margin: 0; } figcaption { font-weight: 600; font-size: .9rem; }
svg { width: 100%; height: auto; display: block; }
.grid { stroke: var(--rule); } .axis { stroke: var(--soft); } .tick { fill: var(--soft); font-size: 12px; }
.line { stroke: var(--c); } .line polyline { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.line circle { fill: var(--c); stroke: none; } .line:hover polyline { stroke-width: 4; }
.s0 { --c: var(--s0); } .s1 { --c: var(--s1); } .s2 { --c: var(--s2); } .s3 { --c: var(--s3); }
.s4 { --c: var(--s4); } .s5 { --c: var(--s5); } .s6 { --c: var(--s6); } .s7 { --c: var(--s7); }
.dash1 { stroke-dasharray: 7 4; } .dash2 { stroke-dasharray: 2 3; } .dash3 { stroke-dasharray: 9 3 2 3; }
.so-far { stroke-dasharray: 1 3; opacity: .75; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .3rem 1.25rem; padding: 0; margin: 1rem 0;
  font-size: .9rem; }
.legend svg { width: 1.8rem; height: .6rem; display: inline-block; margin-right: .4rem; stroke-width: 2.5; }
)css";

std::string table_html(const Report& report) {
  const auto cells = table_cells(report, " *");
  const auto column = [&](std::string_view title) {  // of a figure, which stand behind the settings
    const auto begin = cells.front().begin();
    return static_cast<std::size_t>(
        std::find(begin + static_cast<std::ptrdiff_t>(report.titles.size()), cells.front().end(), title) - begin);
  };
  const std::size_t diverged = column("diverged");
  const std::size_t missing = column("missing");
  std::string html = "<div class=\"scroll\"><table><thead><tr>";
  for (const auto& title : cells.front()) html += "<th>" + html_escaped(title) + "</th>";
  html += "</tr></thead><tbody>\n";
  for (std::size_t r = 1; r < cells.size(); ++r) {
    const ReportRow& row = report.rows[r - 1];
    html += "<tr>";
    for (std::size_t i = 0; i < cells[r].size(); ++i) {
      const bool best = row.best && i == report.titles.size();
      const bool warn = (row.diverged > 0 && i == diverged) || (row.missing > 0 && i == missing);
      html += fmt::format("<td{}>{}</td>",
                          best   ? " class=\"best\""
                          : warn ? " class=\"warn\""
                                 : "",
                          html_escaped(cells[r][i]));
    }
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

std::string comparison_html(const Comparison& comparison) {
  std::string html = fmt::format("<h2>B against A</h2>\n<p class=\"note\">{}</p>\n<div class=\"scroll\"><table>",
                                 html_escaped(fmt::format("{}", fmt::join(comparison_notes(comparison), " "))));
  for (const auto& line : comparison_cells(comparison)) {
    html += "<tr>";
    for (const auto& cell : line) html += "<td>" + html_escaped(cell) + "</td>";
    html += "</tr>\n";
  }
  return html + "</table></div>\n";
}

/// Goodness in [0, 1] of a row's mean among those of the rows that are comparable with it: by its logarithm where they
/// span more than a factor of 20.
double goodness(const Report& report, const ReportRow& row) {
  double low = *row.test.mean;
  double high = low;
  for (const auto& other : report.rows) {
    if (!other.test.mean || !report.comparable(row, other)) continue;
    low = std::min(low, *other.test.mean);
    high = std::max(high, *other.test.mean);
  }
  if (high <= low) return 1.0;
  const bool log = low > 0.0 && high > 20.0 * low;
  const auto place = [log](double value) { return log ? std::log(value) : value; };
  const double share = (place(*row.test.mean) - place(low)) / (place(high) - place(low));
  return larger_is_better(row.metric) ? share : 1.0 - share;
}

std::string matrix_html(const Report& report) {
  std::string html =
      fmt::format("<h2>{} by {}</h2>\n<div class=\"scroll\"><table class=\"matrix\"><thead><tr><th>{} \\ {}</th>",
                  html_escaped(report.columns[0]), html_escaped(report.columns[1]), html_escaped(report.columns[0]),
                  html_escaped(report.columns[1]));
  for (const auto& value : report.axis(1)) {
    html += "<th>" + html_escaped(value_text(report.columns[1], value)) + "</th>";
  }
  html += "</tr></thead><tbody>\n";
  for (const auto& row_value : report.axis(0)) {
    html += "<tr><th>" + html_escaped(value_text(report.columns[0], row_value)) + "</th>";
    for (const auto& column_value : report.axis(1)) {
      const ReportRow* row = report.at(row_value, column_value);
      if (row == nullptr || !row->test.mean) {
        html += fmt::format("<td class=\"empty\">{}</td>", row == nullptr      ? "–"
                                                           : row->running > 0  ? "running"
                                                           : row->diverged > 0 ? "diverged"
                                                                               : "–");
        continue;
      }
      html += fmt::format("<td style=\"--v:{:.3f}\"{} title=\"{}, n = {}\">{}</td>", goodness(report, *row),
                          row->best ? " class=\"best\"" : "", html_escaped(statistic_text(row->metric, row->test)),
                          row->test.n, html_escaped(metric_text(row->metric, *row->test.mean)));
    }
    html += "</tr>\n";
  }
  return html +
         "</tbody></table></div>\n<p class=\"note\">The deeper the colour, the better the mean over the seeds.</p>\n";
}

/// One colour in all charts: the mean over a row's runs, or what a run that is not at its end shows so far.
struct RowLine {
  std::string label;
  std::size_t style;
  const Curves& curves;
  bool so_far;
};

std::vector<RowLine> row_lines(const Report& report) {
  std::vector<RowLine> lines;
  for (std::size_t i = 0; i < report.rows.size(); ++i) {
    const ReportRow& row = report.rows[i];
    if (!row.curves.empty()) lines.push_back({row_label(report, row), i, row.curves, false});
    for (const auto& [seed, curves] : row.curves_so_far) {
      if (curves.empty()) continue;
      lines.push_back({fmt::format("{}, seed {}, running", row_label(report, row), seed), i, curves, true});
    }
  }
  return lines;
}

std::string charts_html(const Report& report) {
  const auto rows = row_lines(report);
  std::set<std::string> names;
  for (const auto& row : rows) {
    for (const auto& [name, curve] : row.curves) {
      if (curve.size() > 1 || row.so_far) names.insert(name);
    }
  }
  std::string charts;
  for (const auto& name : names) {
    const bool metric = name.find("loss") != name.npos || name.find("accuracy") != name.npos ||
                        name.find("mse") != name.npos || name.find("smape") != name.npos;
    if (!metric) continue;  // seconds, learning rates
    std::vector<ChartLine> lines;
    for (const auto& row : rows) {
      const auto found = row.curves.find(name);
      if (found != row.curves.end()) lines.push_back({row.label, row.style, found->second, row.so_far});
    }
    charts += line_chart(name, "epoch", lines);
  }
  if (charts.empty()) return {};
  std::string legend = "<ul class=\"legend\">";
  for (const auto& row : rows) {
    legend += fmt::format("<li><svg viewBox=\"0 0 30 10\"><g class=\"line {}\"><path d=\"M0 5H30\"/></g></svg>{}</li>",
                          style_classes(row.style, row.so_far), html_escaped(row.label));
  }
  return "<h2>Curves, mean over the seeds</h2>\n" + legend + "</ul>\n<div class=\"charts\">\n" + charts + "</div>\n";
}

std::string uncounted_html(const Report& report) {
  std::string html;
  for (const auto& [title, runs] : report.uncounted()) {
    if (runs->empty()) continue;
    html += fmt::format("<h2>{} ({})</h2>\n<p class=\"note\">In none of the figures above.</p>\n<ul>\n", title,
                        runs->size());
    for (const auto& run : *runs) {
      html += fmt::format("<li>{} ({}): {}</li>\n", html_escaped(run_label(report, run)),
                          html_escaped(run.folder.filename().string()), html_escaped(run.reason));
    }
    html += "</ul>\n";
  }
  return html;
}

}  // namespace

std::string html_escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string report_html(const Report& report) {
  std::string html =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  html +=
      fmt::format("<title>bitstate: {}</title>\n<style>{}</style></head>\n<body>\n", html_escaped(report.title), style);
  html += fmt::format("<h1>{}</h1>\n<p class=\"note\">{}</p>\n<h2>Configurations</h2>\n", html_escaped(report.title),
                      html_escaped(fmt::format("{}", fmt::join(table_notes(report), " "))));
  html += table_html(report);
  if (report.comparison) html += comparison_html(*report.comparison);
  if (report.has_matrix()) html += matrix_html(report);
  html += charts_html(report);
  html += uncounted_html(report);
  html += "<h2>Settings of all runs</h2>\n<details><summary>show</summary><table><tbody>\n";
  for (const auto& [name, value] : report.common) {
    html += fmt::format("<tr><th>{}</th><td>{}</td></tr>\n", html_escaped(name), html_escaped(value));
  }
  return html + "</tbody></table></details>\n</body></html>\n";
}

}  // namespace bitstate::experiments
