#include "experiments/sweep/live_page.h"

#include "core/io/atomic_file.h"
#include "core/io/folder_lock.h"
#include "experiments/plots/page_text.h"
#include "experiments/report/report.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <exception>
#include <utility>

namespace bitstate::experiments {
namespace {

constexpr std::chrono::seconds least_pause{10};

constexpr std::string_view style = R"css(
.live { margin-bottom: 2.5rem; } .live h2 { margin-top: 0; }
.live .bar { height: .7rem; background: var(--rule); border-radius: .35rem; overflow: hidden; margin: .75rem 0; }
.live .bar div { height: 100%; background: var(--best); }
.live svg { width: 9rem; height: 1.6rem; } .live td, .live th { text-align: left; }
.live path { fill: none; stroke: var(--s0); stroke-width: 1.5; vector-effect: non-scaling-stroke; }
)css";

/// Says of a page that nobody writes any more that it is old, with the time at which it was written for {}.
constexpr std::string_view age_script =
    "<script>{{ const minutes = Math.floor((Date.now() / 1000 - {}) / 60); if (minutes >= 2) "
    "document.getElementById('age').textContent = 'This page is ' + minutes + ' minutes old: the sweep was killed, or "
    "its page takes long to write.'; }}</script>\n";

/// The loss by epochs, from the first to the last that the run shall have, on a logarithmic scale where it can be.
std::string loss_curve(const RunView& run) {
  const auto& points = run.curves.points;
  if (points.size() < 2) return {};
  const bool log = std::all_of(points.begin(), points.end(), [](const auto& p) { return p.loss > 0.0; });
  const auto height_of = [log](const CurvePoint& p) { return log ? std::log(p.loss) : p.loss; };
  double low = height_of(points.front());
  double high = low;
  for (const auto& point : points) {
    low = std::min(low, height_of(point));
    high = std::max(high, height_of(point));
  }
  std::string path;
  for (const auto& point : points) {
    path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L",
                        100.0 * point.epoch / static_cast<double>(std::max<std::size_t>(1, run.work.epochs)),
                        high > low ? 22.0 - 20.0 * (height_of(point) - low) / (high - low) : 12.0);
  }
  return fmt::format(
      "<svg viewBox=\"0 0 100 24\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"loss\"><path "
      "d=\"{}\"/></svg>",
      path);
}

std::string running_table(const SweepView& sweep) {
  if (sweep.running.empty()) return {};
  std::string html =
      "<div class=\"scroll\"><table><thead><tr><th>in progress</th><th>epoch</th><th>time</th><th>newest</th>"
      "<th>loss</th></tr></thead><tbody>\n";
  for (const RunView& run : sweep.running) {
    const std::string label = run.who.empty() ? run.label : fmt::format("{}, run by {}", run.label, run.who);
    html += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n", html_escaped(label),
                        epoch_text(run), duration_text(run.seconds), html_escaped(figures_text(run)), loss_curve(run));
  }
  return html + "</tbody></table></div>\n";
}

/// Puts `text` behind `mark`.
void insert_behind(std::string& page, std::string_view mark, const std::string& text) {
  const std::size_t place = page.find(mark);
  if (place != page.npos) page.insert(place + mark.size(), text);
}

}  // namespace

std::string live_page(const std::string& report, const SweepView& sweep, std::time_t time) {
  std::string html = fmt::format(
      "\n<section class=\"live\">\n<h2>{}</h2>\n<div class=\"bar\"><div style=\"width:{:.1f}%\">"
      "</div></div>\n<p class=\"note\" id=\"age\">The sweep runs, as of {:%Y-%m-%d %H:%M:%S} UTC. This page loads "
      "itself "
      "again every {} seconds.</p>\n",
      summary_text(sweep),
      100.0 * static_cast<double>(sweep.ended) / static_cast<double>(std::max<std::size_t>(1, sweep.planned)),
      fmt::gmtime(time), least_pause.count());
  html += fmt::format(age_script, time);
  html += running_table(sweep);
  if (!sweep.failures.empty()) html += "<ul>\n";
  for (const std::string& failure : sweep.failures) {
    html += fmt::format("<li class=\"warn\">{}</li>\n", html_escaped(failure));
  }
  if (!sweep.failures.empty()) html += "</ul>\n";
  std::string page = report;
  insert_behind(page, "<body>", html + "</section>\n");
  insert_behind(
      page, "<head>",
      fmt::format("<meta http-equiv=\"refresh\" content=\"{}\">\n<style>{}</style>\n", least_pause.count(), style));
  return page;
}

void LivePage::update(const SweepView& sweep) {
  const auto began = Clock::now();
  if (began < due_) return;
  try {
    const Report report = read_report({out_}, out_);
    write_file_atomically(out_ / "index.html", live_page(report_html(report), sweep, std::time(nullptr)));
  } catch (const std::exception& error) {
    if (!std::exchange(warned_, true))
      warn_(fmt::format("warning: {}; the sweep goes on without its page", error.what()));
  }
  const auto now = Clock::now();
  due_ = now + std::max<Clock::duration>(least_pause, 20 * (now - began));
}

void LivePage::finish() {
  const FolderLock lock(out_, std::chrono::minutes(5));  // other processes may end at the same time
  (void)write_report({out_}, out_);
}

}  // namespace bitstate::experiments
