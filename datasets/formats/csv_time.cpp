#include "datasets/formats/csv_time.h"

#include "core/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

namespace bitstate::datasets {
namespace {

constexpr double longest_step = 1.5;    // in steps: what is longer is a gap
constexpr double allowed_jitter = 0.1;  // of a step
constexpr double same_time = 1e-6;      // of a step
constexpr std::size_t max_numbers = 100'000'000;
constexpr std::size_t most_between = 1000;  // resampled rows per row

/// Takes parts off a text.
class DateText {
 public:
  explicit DateText(std::string_view text) : text_(text) {}

  [[nodiscard]] bool at_end() const { return text_.empty(); }
  bool take(char c) {
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  /// A whole number of so many digits, from low to high.
  std::optional<int> number(std::size_t digits, int low, int high) {
    int value = 0;
    if (text_.size() < digits || text_.front() < '0') return std::nullopt;
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + digits, value);
    if (error != std::errc() || end != text_.data() + digits || value < low || value > high) return std::nullopt;
    text_.remove_prefix(digits);
    return value;
  }
  /// Digits behind a sign of decimals, or nothing.
  std::optional<double> fraction() {
    if (!take('.') && !take(',')) return 0.0;
    double value = 0.0;
    double digit = 0.1;
    std::size_t digits = 0;
    for (; !text_.empty() && text_.front() >= '0' && text_.front() <= '9'; text_.remove_prefix(1), ++digits) {
      value += digit * (text_.front() - '0');
      digit /= 10.0;
    }
    return digits > 0 ? std::optional(value) : std::nullopt;
  }

 private:
  std::string_view text_;
};

/// Seconds since the day began, and their fraction; nothing if there are none.
std::optional<std::pair<int, double>> time_of_day(DateText& text) {
  const auto hours = text.number(2, 0, 23);
  if (!hours || !text.take(':')) return std::nullopt;
  const auto minutes = text.number(2, 0, 59);
  if (!minutes) return std::nullopt;
  const int so_far = 60 * (60 * *hours + *minutes);
  if (!text.take(':')) return std::pair(so_far, 0.0);
  const auto seconds = text.number(2, 0, 60);  // 60: a leap second
  const auto fraction = seconds ? text.fraction() : std::nullopt;
  if (!fraction) return std::nullopt;
  return std::pair(so_far + *seconds, *fraction);
}

/// Seconds that a zone is ahead of UTC.
std::optional<int> offset_of_zone(DateText& text) {
  if (text.take('Z')) return 0;
  const int sign = text.take('+') ? 1 : -1;
  if (sign < 0 && !text.take('-')) return std::nullopt;
  const auto hours = text.number(2, 0, 23);
  if (!hours) return std::nullopt;
  const bool colon = text.take(':');
  const auto minutes = text.at_end() && !colon ? std::optional(0) : text.number(2, 0, 59);
  if (!minutes) return std::nullopt;
  return sign * 60 * (60 * *hours + *minutes);
}

/// A walk over the sequences of a table.
template <class Visit>
void for_each_sequence(const Csv& table, const Visit& visit) {
  std::size_t begin = 0;
  for (const std::size_t start : table.starts) visit(std::exchange(begin, start), start);
  visit(begin, table.rows);
}

double time_of(const Csv& table, std::size_t row) { return table.values[(row + 1) * table.names.size() - 1]; }

/// The median distance of rows that follow each other; 0: there are none.
double median_step(const Csv& table) {
  std::vector<double> steps;
  for_each_sequence(table, [&](std::size_t begin, std::size_t end) {
    for (std::size_t row = begin + 1; row < end; ++row) steps.push_back(time_of(table, row) - time_of(table, row - 1));
  });
  if (steps.empty()) return 0.0;
  const auto middle = steps.begin() + static_cast<std::ptrdiff_t>((steps.size() - 1) / 2);
  std::nth_element(steps.begin(), middle, steps.end());
  return *middle;
}

std::string step_text(double step, const TimeColumn& time) {
  return fmt::format("{:.6g}{}", step, time.dates ? " s" : "");
}

/// Steps that are neither as long as the others nor gaps.
struct Irregular {
  std::size_t count = 0;
  std::size_t first_row = 0;
  double shortest = std::numeric_limits<double>::infinity(), longest = 0.0;

  void note(std::size_t row, double distance) {
    if (count++ == 0) first_row = row;
    shortest = std::min(shortest, distance);
    longest = std::max(longest, distance);
  }
};

void refuse_irregular(const Irregular& found, const Csv& table, const TimeColumn& time, double step,
                      const CsvRows& rows) {
  if (found.count == 0) return;
  rows.refuse_at(time.lines[found.first_row],
                 "column {}: {} of {} steps are not the {} that half of them are (they take {} to {}): "
                 "--resample=auto or STEP interpolates at equal steps",
                 table.names.back(), found.count, table.rows - 1 - time.restarts, step_text(step, time),
                 step_text(found.shortest, time), step_text(found.longest, time));
}

/// The rows of one sequence at other times.
class Resampler {
 public:
  Resampler(const Csv& table, double step, std::size_t classes)
      : table_(table), step_(step), columns_(table.names.size()), first_class_(columns_ - 1 - classes) {}

  [[nodiscard]] std::size_t rows_of(std::size_t begin, std::size_t end) const {
    const double steps = (time_of(table_, end - 1) - time_of(table_, begin)) / step_ + same_time;
    require(steps < static_cast<double>(max_numbers), "resample",
            "steps of {:.6g} would be {:.3g} rows; at most {} numbers are made", step_, steps, max_numbers);
    return static_cast<std::size_t>(steps) + 1;
  }

  void append(std::size_t begin, std::size_t end, std::vector<double>& to) const {
    const double first = time_of(table_, begin);
    std::size_t row = begin;
    for (std::size_t i = 0, count = rows_of(begin, end); i < count; ++i) {
      const double time = first + static_cast<double>(i) * step_;
      while (row + 1 < end && time_of(table_, row + 1) <= time + same_time * step_) ++row;
      append_row(row, row + 1 < end ? share_behind(row, time) : 0.0, to);
      to.back() = time;
    }
  }

 private:
  /// Where `time` is between a row and the next one, from 0 to 1.
  [[nodiscard]] double share_behind(std::size_t row, double time) const {
    const double before = time_of(table_, row);
    const double share = (time - before) / (time_of(table_, row + 1) - before);
    return share > same_time ? share : 0.0;
  }

  void append_row(std::size_t row, double share, std::vector<double>& to) const {
    const double* const here = table_.values.data() + row * columns_;
    for (std::size_t c = 0; c < columns_; ++c) {
      const bool between = share > 0.0 && c < first_class_;
      to.push_back(between ? (1.0 - share) * here[c] + share * here[columns_ + c] : here[c]);
    }
  }

  const Csv& table_;
  double step_;
  std::size_t columns_, first_class_;
};

}  // namespace

std::optional<Moment> date_in(std::string_view cell) {
  const std::string inside = unquoted(cell);
  DateText text(inside);
  const auto year = text.number(4, 1, 9999);
  if (!year || !text.take('-')) return std::nullopt;
  const auto month = text.number(2, 1, 12);
  if (!month || !text.take('-')) return std::nullopt;
  const auto day = text.number(2, 1, 31);
  if (!day) return std::nullopt;
  namespace chrono = std::chrono;
  const chrono::year_month_day date{chrono::year(*year), chrono::month(static_cast<unsigned>(*month)),
                                    chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  constexpr std::int64_t seconds_of_day = 86400;
  Moment moment{seconds_of_day * chrono::sys_days(date).time_since_epoch().count()};
  if (text.at_end()) return moment;
  if (!text.take('T') && !text.take(' ')) return std::nullopt;
  const auto time = time_of_day(text);
  if (!time) return std::nullopt;
  moment.seconds += time->first;
  moment.fraction = time->second;
  if (text.at_end()) return moment;
  const auto offset = offset_of_zone(text);
  if (!offset || !text.at_end()) return std::nullopt;
  moment.seconds -= *offset;
  moment.zone = true;
  return moment;
}

void check_time_settings(const TableSettings& settings) {
  require<UsageError>(!settings.time.empty() || !settings.is_resampled(), "resample",
                      "is {}, but rows without a time cannot be resampled: --time=COLUMN says which column it is",
                      settings.resample);
  require<UsageError>(settings.is_resampled() || settings.gap == TableSettings{}.gap, "gap",
                      "is {}, but only tables that are resampled have it: --resample=auto or STEP", settings.gap);
}

void split_at_gaps(Csv& table, const TimeColumn& time, const TableSettings& settings, const CsvRows& rows) {
  const double step = median_step(table);
  const double longest = step * (settings.is_resampled() ? settings.gap : longest_step);
  Irregular irregular;
  std::vector<std::size_t> starts;
  std::size_t gaps = 0;
  for_each_sequence(table, [&](std::size_t begin, std::size_t end) {
    if (begin > 0) starts.push_back(begin);
    for (std::size_t row = begin + 1; row < end; ++row) {
      const double distance = time_of(table, row) - time_of(table, row - 1);
      if (distance > longest) {
        starts.push_back(row);
        ++gaps;
      } else if (std::fabs(distance - step) > allowed_jitter * step) {
        irregular.note(row, distance);
      }
    }
  });
  if (!settings.is_resampled()) refuse_irregular(irregular, table, time, step, rows);
  table.starts = std::move(starts);
  const auto several = [&](std::size_t n, std::string_view what, std::string_view fate = "") {
    if (n > 0) table.notes.push_back(fmt::format("{} {}{}{}", n, what, n == 1 ? "" : "s", fate));
  };
  if (step > 0.0) table.notes.push_back(fmt::format("{} in steps of {}", table.names.back(), step_text(step, time)));
  several(gaps, "gap");
  several(time.restarts, "restart");
  several(time.untimed, "row", " without a time left out");
}

void resample(Csv& table, const TimeColumn& time, const TableSettings& settings, std::size_t classes) {
  const double step =
      settings.resample == "auto" ? median_step(table) : options::read_real("resample", settings.resample, {});
  if (step == 0.0) return;  // there are only sequences of one row
  const Resampler resampler(table, step, classes);
  std::size_t rows = 0;
  for_each_sequence(table, [&](std::size_t begin, std::size_t end) { rows += resampler.rows_of(begin, end); });
  require(rows <= max_numbers / table.names.size() && rows / most_between <= table.rows, "resample",
          "steps of {:.6g} would be {} rows of {}; at most {} numbers are made, and {} rows of one", step, rows,
          table.rows, max_numbers, most_between);
  std::vector<double> values;
  values.reserve(rows * table.names.size());
  std::vector<std::size_t> starts;
  for_each_sequence(table, [&](std::size_t begin, std::size_t end) {
    if (begin > 0) starts.push_back(values.size() / table.names.size());
    resampler.append(begin, end, values);
  });
  table.values = std::move(values);
  table.rows = rows;
  table.starts = std::move(starts);
  table.notes.push_back(fmt::format("resampled to steps of {}", step_text(step, time)));
}

}  // namespace bitstate::datasets
