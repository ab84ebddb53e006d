// The rows of numbers of a table, one by one.
#pragma once

#include "datasets/formats/csv_numbers.h"
#include "datasets/formats/csv_text.h"
#include "datasets/formats/csv_time.h"
#include "datasets/formats/table_settings.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::datasets {

class Labels;

/// Throws as read_csv() does (csv.h).
class CsvReader {
 public:
  /// `text` is the table, or begins it: go_on() then gives it more lines.
  CsvReader(std::string file, std::string_view text, const TableSettings& settings);

  [[nodiscard]] const std::vector<std::string>& header() const { return header_; }    ///< of all columns; or empty
  [[nodiscard]] std::size_t columns() const { return count_; }                        ///< that the table has
  [[nodiscard]] bool names_come_first() const { return names_line_ == first_line_; }  ///< in the first row

  /// The columns to read, each by its name or its number from 0 on; none: all but that of the time. The column of the
  /// time, if there is one, is read as the last one. With `labels` the last of the others has labels (label_in() of
  /// datasets/labels.h), of which its numbers are the places in `labels`. To be called once, before next().
  void choose(const std::vector<std::string>& columns, const std::string& time = "", Labels* labels = nullptr);
  /// Goes to the next row without reading numbers; false at the end of the text.
  bool next_cells();
  [[nodiscard]] const std::vector<std::size_t>& positions() const { return positions_; }
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }  ///< of those chosen, or numbers

  /// The next row; false at the end of the text.
  bool next();
  /// A number per column that was chosen; NaN: it is missing. Times that are dates are seconds since the first of them.
  [[nodiscard]] const std::vector<double>& numbers() const { return numbers_; }
  [[nodiscard]] bool is_empty() const { return empty_; }  ///< each cell that was chosen
  [[nodiscard]] std::string_view cell(std::size_t column) const { return rows_.cells()[positions_[column]]; }
  [[nodiscard]] const CsvRows& rows() const { return rows_; }
  [[nodiscard]] bool has_dates() const { return first_date_.has_value(); }

  void go_on(std::string_view text) { rows_.go_on(text); }
  [[nodiscard]] DecimalSigns& signs() { return signs_; }
  /// Back to the first row.
  void start_again();
  /// What a plain table has not: "separated by semicolons", ...
  [[nodiscard]] std::vector<std::string> notes() const;

 private:
  [[nodiscard]] bool is_of_units() const;
  void take_numbers();
  double number_of(std::size_t column, std::string_view cell);
  double time_of(std::string_view cell);
  double label_of(std::size_t column, std::string_view cell);

  std::string file_;
  CsvRows rows_, start_;  // start_: at the first row
  DecimalSigns signs_;
  std::vector<std::string> header_, names_;
  std::vector<std::size_t> positions_;
  std::vector<double> numbers_;
  std::size_t count_ = 0, first_line_ = 0;
  std::size_t names_line_ = 0, units_line_ = 0;  // 0: there is none
  bool ahead_ = false;                           // rows_ is at a row that next() has not shown
  bool shown_ = false;                           // next() has shown a row
  bool empty_ = false;
  bool time_is_number_ = false;
  bool time_ = false;  // the last of numbers_ is the time
  Labels* labels_ = nullptr;
  std::size_t label_column_ = 0;  // where there are labels_
  std::optional<Moment> first_date_;
};

}  // namespace bitstate::datasets
