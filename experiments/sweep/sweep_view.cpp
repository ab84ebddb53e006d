#include "experiments/sweep/sweep_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace bitstate::experiments {
namespace {

/// The seconds that the whole training takes, by what it took so far.
std::optional<double> whole_seconds(const RunView& run) {
  if (run.curves.points.empty()) return {};
  const CurvePoint& last = run.curves.points.back();
  return last.seconds / last.epoch * static_cast<double>(run.work.epochs);
}

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }

/// Columns of UTF-8 text.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_character));
}

/// The first `columns` of `text`.
std::string beginning_of(const std::string& text, std::size_t columns) {
  std::size_t end = 0;
  for (std::size_t left = columns; end < text.size(); ++end) {
    if (begins_character(text[end]) && left-- == 0) break;
  }
  return text.substr(0, end);
}

/// `text` in at most `columns`, cut at its end.
std::string fitted(const std::string& text, std::size_t columns) {
  if (width_of(text) <= columns) return text;
  return columns == 0 ? "" : beginning_of(text, columns - 1) + "…";
}

/// A label in exactly `columns`, cut in its middle; its last word is the seed, which is kept where there is room.
std::string fitted_label(const std::string& label, std::size_t columns) {
  const std::size_t width = width_of(label);
  if (width <= columns) return label + std::string(columns - width, ' ');
  const std::size_t room = columns - std::min<std::size_t>(columns, 1);
  const std::size_t last_word = width_of(label.substr(label.rfind(' ') + 1));
  const std::size_t tail = last_word <= room ? std::max(last_word, room / 2) : room / 2;
  const std::string begin = beginning_of(label, width - tail);
  return beginning_of(label, room - tail) + "…" + label.substr(begin.size());
}

}  // namespace

std::optional<double> seconds_left(const SweepView& sweep) {
  EpochCosts costs = sweep.costs;
  for (const RunView& run : sweep.running) {
    if (const auto whole = whole_seconds(run)) costs.add(run.work, *whole);
  }
  double work = 0.0;
  double longest = 0.0;
  for (const RunView& run : sweep.running) {
    const auto shown = whole_seconds(run);
    const auto whole = shown ? shown : costs.seconds_of(run.work);
    if (!whole) return {};
    const double left = std::max(0.0, *whole - (shown ? run.curves.points.back().seconds : run.seconds));
    work += left;
    longest = std::max(longest, left);
  }
  for (const RunWork& run : sweep.waiting) {
    const auto whole = costs.seconds_of(run);
    if (!whole) return {};
    work += *whole;
    longest = std::max(longest, *whole);
  }
  return std::max(longest, work / static_cast<double>(std::max<std::size_t>(1, sweep.jobs)));
}

std::string runs_text(std::size_t runs) { return fmt::format("{} run{}", runs, runs == 1 ? "" : "s"); }

std::string summary_text(const SweepView& sweep) {
  const auto left = seconds_left(sweep);
  return fmt::format("{}/{} runs{}", sweep.ended, sweep.planned,
                     left ? fmt::format(", about {} left", duration_text(*left)) : std::string());
}

std::string epoch_text(const RunView& run) {
  if (run.work.epochs == 0) return "is quantized";
  if (run.curves.points.empty()) return "starts";
  const auto whole = static_cast<std::size_t>(run.curves.points.back().epoch);
  return fmt::format("epoch {}/{}", std::min(whole + 1, run.work.epochs), run.work.epochs);
}

std::string figures_text(const RunView& run) {
  const auto& points = run.curves.points;
  if (points.empty()) return {};
  std::string text = fmt::format("loss {:.4g}", points.back().loss);
  const auto validated = std::find_if(points.rbegin(), points.rend(), [](const auto& p) { return p.metric; });
  if (validated != points.rend()) text += fmt::format("  {} {:.4g}", run.curves.metric, *validated->metric);
  return text;
}

std::string screen_text(const SweepView& sweep, TerminalSize terminal) {
  const std::size_t columns = std::max<std::size_t>(terminal.columns, 2) - 1;  // the last one would wrap
  const std::size_t rows = std::max<std::size_t>(terminal.rows, 4) - 1;
  constexpr std::size_t bar = 24;
  const std::size_t filled = sweep.planned == 0 ? bar : std::min(sweep.ended, sweep.planned) * bar / sweep.planned;
  std::string text = fitted(
      fmt::format("[{}{}] {}", std::string(filled, '='), std::string(bar - filled, ' '), summary_text(sweep)), columns);
  const std::size_t shown = sweep.running.size() < rows ? sweep.running.size() : rows - 2;
  std::vector<std::string> states;
  std::size_t label_width = 0;
  std::size_t state_width = 0;
  for (std::size_t i = 0; i < shown; ++i) {
    const RunView& run = sweep.running[i];
    states.push_back(fmt::format("{:<12}  {:>6}  {}", epoch_text(run), duration_text(run.seconds), figures_text(run)));
    label_width = std::max(label_width, width_of(run.label));
    state_width = std::max(state_width, width_of(states.back()));
  }
  const std::size_t least = std::min<std::size_t>(12, columns);
  label_width = std::min(label_width, std::max(least, columns > state_width + 4 ? columns - state_width - 4 : least));
  for (std::size_t i = 0; i < shown; ++i) {
    const RunView& run = sweep.running[i];
    const std::string who = run.who.empty() ? "" : "  run by " + run.who;
    text += "\n" + fitted(fmt::format("  {}  {}{}", fitted_label(run.label, label_width), states[i], who), columns);
  }
  if (shown < sweep.running.size()) {
    text += "\n" + fitted(fmt::format("  and {} more", sweep.running.size() - shown), columns);
  }
  return text;
}

}  // namespace bitstate::experiments
