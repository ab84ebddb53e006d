// The constants of a program as C arrays: in the smallest type, equal ones once.
#pragma once

#include "core/program/c/pieces.h"
#include "core/program/program.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::program {

/// One parameter (or two) of a C function: one number for all columns, or an array with one per column.
struct COperand {
  std::string suffix;     ///< what it adds to the function's name
  std::string parameter;  ///< "const int8_t *bias"
  std::string argument;   ///< "model_c3"
  std::string element;    ///< "bias[c]"
};

class CConstants {
 public:
  explicit CConstants(std::string_view prefix) : prefix_(prefix) {}

  /// The name of an array of `type`, each number of which takes `bytes`.
  std::string array(std::string_view type, std::size_t bytes, std::span<const std::int64_t> numbers);
  /// The name of an array in the smallest type; `bits` are those of the type.
  std::string array(std::span<const std::int32_t> numbers, unsigned& bits);

  /// Rows of 1, 2 or 4 bits per code are packed from the lowest bits of a byte on, each beginning a byte; what is in a
  /// byte is code + 2^(bits-1), with one bit (code + 1) / 2. Others are int8_t, int16_t or int32_t.
  struct Packed {
    std::string name;
    unsigned bits = 0;
    std::size_t row_size = 0;  ///< elements of the array from one row to the next

    /// Of an element.
    [[nodiscard]] std::string type() const;
    /// What reads the code `index` of a row w.
    [[nodiscard]] std::string code(std::string_view index) const;
  };
  Packed packed(const Matrix& matrix);
  /// Rows of 1, 2, 4 or 8 bits per code, packed so, that begin at whole words of 32 bits: their codes fill words.
  Packed words(const Matrix& matrix);
  /// The bits that a code takes: 1 for -1 and 1, 2, 4, or those of a type.
  [[nodiscard]] static unsigned packed_bits(std::span<const std::int32_t> codes);

  /// A parameter `name`, of which column `index` is read.
  COperand numbers(std::span<const std::int32_t> numbers, std::string_view name, std::string_view index);
  /// Two parameters, of multipliers and shifts.
  COperand factors(std::span<const FixedPoint> factors, std::string_view name, std::string_view index);

  /// What is added from now on is for these.
  void set_targets(CTargets targets) { targets_ = targets; }
  [[nodiscard]] const CPieces& pieces() const { return pieces_; }

 private:
  struct Type {
    std::string of_many;  ///< elements of an array
    std::string of_one;   ///< a parameter
    std::size_t bytes;    ///< of an element
  };
  /// That of an array of this type and these numbers.
  std::string name_of(const std::string& content);
  COperand part(const Type& type, std::span<const std::int64_t> numbers, std::string_view name, std::string_view index);

  std::string prefix_;
  CTargets targets_;
  CPieces pieces_;
  std::map<std::string, std::string> names_;  // of what is written already
};

}  // namespace bitstate::program
