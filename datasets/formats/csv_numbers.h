// Numbers in a table: their decimal sign, signs between thousands, and cells without a number.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace bitstate::datasets {

class CsvRows;

/// The number that a cell is with the decimal sign . or ,; it may be an infinity or a NaN. Thousands may be parted by
/// the other of these signs, by blanks, apostrophes or no-break spaces: 1'234,5. What is too small for a double is 0 or
/// the nearest denormal number.
std::optional<double> number_with(std::string_view cell, char decimal);

/// The number that a cell is with either sign.
std::optional<double> number_in(std::string_view cell);

/// Whether a cell says that it has no number: empty, NaN, NA, N/A, null, none, nil, ? or -.
bool is_missing(std::string_view cell);

/// Finds the decimal sign that the numbers of a file have in common.
///
/// A number with both signs, or with one of them several times, as 1,234.5 and 1.234.567, tells it. Without such a
/// number only one of the signs may occur, and is it a comma, one of the numbers must be none with a sign between
/// thousands: 1,234 may be 1234, but 0,5 not.
class DecimalSigns {
 public:
  /// auto, point or comma.
  explicit DecimalSigns(std::string_view given);

  /// The number of a cell of the column, as far as the signs are known.
  std::optional<double> number(std::string_view cell, const std::string& column, const CsvRows& rows);
  /// Whether numbers were read with another sign than the one that a later number told: they are to be read again.
  [[nodiscard]] bool changed() const { return changed_; }
  void read_again() { changed_ = false; }
  /// Throws Error where the numbers so far may be read in two ways.
  void check(const CsvRows& rows) const;
  /// "decimal comma, thousands as in 1.234,5", or nothing for points alone.
  [[nodiscard]] std::string text() const;

 private:
  struct Seen {
    std::string text, column;
    std::size_t line = 0;
    bool sure = false;  // it has a sign that does not part thousands
  };
  [[nodiscard]] Seen& seen(char sign) { return seen_[sign == ',' ? 1 : 0]; }
  void note_groups(std::string_view cell, char decimal, const std::string& column, const CsvRows& rows);
  void note_sign(std::string_view cell, char sign, const std::string& column, const CsvRows& rows);
  [[noreturn]] static void refuse_both(const Seen& first, const Seen& second, char sign_of_second, const CsvRows& rows);

  char given_ = '\0';
  char decimal_ = '\0';       // told by groups_
  std::string groups_;        // the first number with signs between thousands
  std::array<Seen, 2> seen_;  // the first number with a point alone, with a comma alone
  bool changed_ = false;
};

}  // namespace bitstate::datasets
