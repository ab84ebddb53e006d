// The text of a table: lines, cells, quotes, and what is a number.
#pragma once

#include "core/error.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bitstate::datasets {

/// So many bytes of a line or cell are shown in a message.
inline constexpr std::size_t shown_bytes = 40;

/// A cell without its quotes; two of them inside are one.
std::string unquoted(std::string_view cell);

/// The number that a cell is, with a decimal point or a decimal comma; it may be an infinity or a NaN. What is too
/// small for a double is 0 or the nearest denormal number.
std::optional<double> number_in(std::string_view cell);

/// Walks through the rows of a text and knows where it is.
class CsvRows {
 public:
  /// Lines end with LF, CR LF or CR; the text may begin with the mark of UTF-8. The separator is the one of , ; and tab
  /// that cuts each of the first 20 rows into as many cells, more than one; if several do, that with the largest share
  /// of numbers, of the same share the most frequent, and a tie is an Error; if none does, the most frequent of the
  /// first row.
  CsvRows(std::string file, std::string_view text);

  /// The cells of the next line that is not blank; false at the end.
  bool next();
  /// From here on a blank line is a row of empty cells, as many as the last row has.
  void keep_blank_lines() { keep_blank_ = true; }

  [[nodiscard]] const std::vector<std::string_view>& cells() const { return cells_; }  ///< trimmed
  [[nodiscard]] std::size_t line() const { return line_; }

  template <class... Args>
  [[noreturn]] void refuse_at(std::size_t line, fmt::format_string<Args...> sentence, Args&&... args) const {
    fail("csv", "{}, line {}: {}", file_, line, fmt::format(sentence, std::forward<Args>(args)...));
  }
  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> sentence, Args&&... args) const {
    refuse_at(line_, sentence, std::forward<Args>(args)...);
  }

 private:
  void split(std::string_view line);
  [[nodiscard]] std::size_t end_of_cell(std::string_view line) const;

  std::string file_;
  std::string_view rest_;
  std::vector<std::string_view> cells_;
  std::size_t line_ = 0;
  char separator_ = ',';
  bool keep_blank_ = false;
};

}  // namespace bitstate::datasets
