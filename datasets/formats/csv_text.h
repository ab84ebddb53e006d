// The text of a table: lines, comments, cells and quotes.
#pragma once

#include "core/error.h"
#include "datasets/formats/table_settings.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bitstate::datasets {

/// So many bytes of a line or cell are shown in a message.
inline constexpr std::size_t shown_bytes = 40;

/// A cell without its quotes; two of them inside are one.
std::string unquoted(std::string_view cell);

/// A line that is a comment: it begins with #, % or //.
struct Comment {
  std::string_view text;  ///< without the sign, if a blank follows it
  std::size_t line = 0;   ///< 0: there is none
};

/// Where a cell ends, and where the next one of its line begins.
struct CellEnd {
  std::size_t end, next;
};

/// Walks through the rows of a text and knows where it is.
class CsvRows {
 public:
  /// Text in UTF-8 without a mark, whose first settings.skip lines are passed over. Lines end with LF, CR LF or CR. The
  /// separator is that of the settings, or the one of , ; tab and blanks that cuts each of the first 20 rows into as
  /// many cells, more than one; if several do, that with the largest share of numbers and missing cells, of the same
  /// share the most frequent, and a tie of , ; and tab is an Error; if none does, the most frequent of the first row,
  /// which is not the blank.
  CsvRows(std::string file, std::string_view text, const TableSettings& settings = {});

  /// The cells of the next line that is neither blank nor a comment; false at the end.
  bool next();
  /// More lines, behind those that have been shown.
  void go_on(std::string_view text) { rest_ = text; }
  /// From here on a blank line is a row of empty cells, as many as the last row has.
  void keep_blank_lines() { keep_blank_ = true; }

  [[nodiscard]] const std::vector<std::string_view>& cells() const { return cells_; }  ///< trimmed
  [[nodiscard]] std::size_t line() const { return line_; }
  [[nodiscard]] const Comment& comment() const { return comment_; }  ///< the last one
  [[nodiscard]] std::size_t comments() const { return comments_; }   ///< how many so far
  [[nodiscard]] char separator() const { return separator_; }        ///< ' ' for blanks and tabs
  /// The cells that a line would have.
  [[nodiscard]] std::vector<std::string_view> cells_of(std::string_view line) const;

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
  [[nodiscard]] CellEnd end_of_cell(std::string_view line, std::size_t begin) const;

  std::string file_;
  std::string_view rest_;
  std::vector<std::string_view> cells_;
  Comment comment_;
  std::size_t comments_ = 0;
  std::size_t line_ = 0;
  char separator_ = ',';
  bool keep_blank_ = false;
};

}  // namespace bitstate::datasets
