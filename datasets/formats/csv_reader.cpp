#include "datasets/formats/csv_reader.h"

#include "core/error.h"
#include "datasets/formats/csv_names.h"
#include "datasets/labels.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

namespace bitstate::datasets {

CsvReader::CsvReader(std::string file, std::string_view text, const TableSettings& settings)
    : file_(std::move(file)), rows_(file_, text, settings), start_(rows_), signs_(settings.decimal) {
  require(rows_.next(), "csv", "{} holds no row", file_);
  count_ = rows_.cells().size();
  first_line_ = rows_.line();
  const auto filled =
      std::count_if(rows_.cells().begin(), rows_.cells().end(), [](auto cell) { return !cell.empty(); });
  if (filled == 1) rows_.keep_blank_lines();
  header_ = names_in(rows_, settings.header);
  if (!header_.empty()) {
    names_line_ = rows_.line();
  } else if (settings.header == "auto") {
    header_ = names_above(rows_);
    names_line_ = header_.empty() ? 0 : rows_.comment().line;
    if (header_.empty()) refuse_numbers_as_names(rows_);
  }
  start_ = rows_;
  start_again();
}

void CsvReader::choose(const std::vector<std::string>& columns, const std::string& time, Labels* labels) {
  time_ = !time.empty();
  const std::size_t time_position = time_ ? position_of(time, header_, count_, file_) : count_;
  for (const std::string& column : columns) positions_.push_back(position_of(column, header_, count_, file_));
  for (std::size_t i = 0; columns.empty() && i < count_; ++i) {
    if (i != time_position) positions_.push_back(i);
  }
  labels_ = labels;
  label_column_ = positions_.size() - 1;
  if (time_) positions_.push_back(time_position);
  for (const std::size_t i : positions_) names_.push_back(header_.empty() ? std::to_string(i) : header_[i]);
  numbers_.resize(positions_.size());
}

void CsvReader::start_again() {
  rows_ = start_;
  ahead_ = names_line_ != first_line_;
  shown_ = false;
  units_line_ = 0;
}

/// Whether the row behind the names has no number, but text where one is asked for.
bool CsvReader::is_of_units() const {
  const auto& cells = rows_.cells();
  const auto is_text = [&](std::size_t i) {
    return !is_missing(cells[i]) && !number_in(cells[i]) && !date_in(cells[i]);
  };
  const auto is_number = [](std::string_view cell) { return !is_missing(cell) && number_in(cell); };
  return cells.size() == count_ && std::none_of(cells.begin(), cells.end(), is_number) &&
         std::any_of(positions_.begin(), positions_.end(), is_text);
}

bool CsvReader::next_cells() {
  if (!std::exchange(ahead_, false) && !rows_.next()) return false;
  if (!shown_ && names_line_ > 0 && units_line_ == 0 && is_of_units()) {
    units_line_ = rows_.line();
    if (!rows_.next()) return false;
  }
  shown_ = true;
  if (rows_.cells().size() != count_) {
    rows_.refuse("there are {} cells, line {} has {}", rows_.cells().size(), first_line_, count_);
  }
  return true;
}

bool CsvReader::next() {
  if (!next_cells()) return false;
  take_numbers();
  return true;
}

void CsvReader::take_numbers() {
  empty_ = true;
  for (std::size_t c = 0; c < positions_.size(); ++c) {
    const std::string_view cell = rows_.cells()[positions_[c]];
    empty_ = empty_ && (cell.empty() || cell == "\"\"");
    const bool is_label = labels_ != nullptr && c == label_column_;
    if (is_label ? is_missing_label(cell) : is_missing(cell)) {
      numbers_[c] = std::numeric_limits<double>::quiet_NaN();
      continue;
    }
    numbers_[c] = time_ && c + 1 == positions_.size() ? time_of(cell)
                  : is_label                          ? label_of(c, cell)
                                                      : number_of(c, cell);
  }
}

double CsvReader::number_of(std::size_t column, std::string_view cell) {
  const std::optional<double> number = signs_.number(cell, names_[column], rows_);
  if (!number || !std::isfinite(*number)) {
    rows_.refuse("column {}: expected a finite decimal number, got \"{}\"", names_[column],
                 cell.substr(0, shown_bytes));
  }
  return *number;
}

double CsvReader::label_of(std::size_t column, std::string_view cell) {
  const std::optional<std::string> label = label_in(cell);
  if (!label) {
    rows_.refuse("column {}: expected {}, got \"{}\"", names_[column], label_expected, cell.substr(0, shown_bytes));
  }
  return static_cast<double>(labels_->add(*label));
}

double CsvReader::time_of(std::string_view cell) {
  const auto date = date_in(cell);
  if (time_is_number_ || (!first_date_ && !date && number_in(cell))) {
    time_is_number_ = true;
    return number_of(names_.size() - 1, cell);
  }
  if (!date) {
    rows_.refuse("column {}: expected a {}, as 2026-01-31T12:00:00, got \"{}\"", names_.back(),
                 first_date_ ? "date" : "time as a number or a date", cell.substr(0, shown_bytes));
  }
  if (!first_date_) first_date_ = date;
  if (date->zone != first_date_->zone) {
    rows_.refuse("column {}: \"{}\" {} its zone, but dates before it {}", names_.back(), cell.substr(0, shown_bytes),
                 date->zone ? "says" : "does not say", date->zone ? "do not" : "do");
  }
  return static_cast<double>(date->seconds - first_date_->seconds) + (date->fraction - first_date_->fraction);
}

std::vector<std::string> CsvReader::notes() const {
  std::vector<std::string> found;
  const char separator = rows_.separator();
  if (separator != ',' && count_ > 1) {
    found.push_back(
        fmt::format("separated by {}", separator == ';' ? "semicolons" : (separator == ' ' ? "blanks" : "tabs")));
  }
  if (!signs_.text().empty()) found.push_back(signs_.text());
  if (names_line_ != 0 && names_line_ != first_line_)
    found.push_back(fmt::format("names in the comment of line {}", names_line_));
  if (units_line_ > 0) found.push_back(fmt::format("units in line {}", units_line_));
  const std::size_t comments = rows_.comments();
  if (comments > 0) found.push_back(fmt::format("{} comment line{}", comments, comments == 1 ? "" : "s"));
  return found;
}

}  // namespace bitstate::datasets
