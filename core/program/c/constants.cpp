#include "core/program/c/constants.h"

#include "core/program/c/text.h"

#include <fmt/format.h>

#include <algorithm>

namespace bitstate::program {
namespace {

/// Rows of codes that are not negative, packed from the lowest bits of a byte on.
std::vector<std::int64_t> packed_rows(const Matrix& matrix, unsigned bits) {
  const std::size_t in_a_byte = 8 / bits;
  const std::size_t row_size = (matrix.cols + in_a_byte - 1) / in_a_byte;
  std::vector<std::int64_t> rows(matrix.rows * row_size, 0);
  for (std::size_t r = 0; r < matrix.rows; ++r) {
    for (std::size_t c = 0; c < matrix.cols; ++c) {
      const std::int64_t code = matrix.codes[r * matrix.cols + c];
      const std::int64_t stored = bits == 1 ? (code + 1) / 2 : code + (std::int64_t{1} << (bits - 1));
      rows[r * row_size + c / in_a_byte] |= stored << (bits * (c % in_a_byte));
    }
  }
  return rows;
}

}  // namespace

std::string CConstants::Packed::type() const { return bits < 8 ? "uint8_t" : c_type(bits); }

std::string CConstants::Packed::code(std::string_view index) const {
  switch (bits) {
    case 1:
      return fmt::format("((w[{0} >> 3] >> ({0} & 7)) & 1) * 2 - 1", index);
    case 2:
      return fmt::format("((w[{0} >> 2] >> (2 * ({0} & 3))) & 3) - 2", index);
    case 4:
      return fmt::format("((w[{0} >> 1] >> (4 * ({0} & 1))) & 15) - 8", index);
    default:
      return fmt::format("w[{}]", index);
  }
}

std::string CConstants::array(std::string_view type, std::size_t bytes, std::span<const std::int64_t> numbers) {
  const std::string list = c_list(numbers);
  const std::string name = name_of(fmt::format("{} {}", type, list));
  pieces_.add(fmt::format("static const {} {}[{}] = {{\n{}}};\n", type, name, numbers.size(), list), targets_,
              bytes * numbers.size());
  return name;
}

std::string CConstants::name_of(const std::string& content) {
  const auto [entry, is_new] = names_.try_emplace(content);
  if (is_new) entry->second = fmt::format("{}_c{}", prefix_, names_.size() - 1);
  return entry->second;
}

std::string CConstants::array(std::span<const std::int32_t> numbers, unsigned& bits) {
  bits = c_bits(numbers);
  return array(c_type(bits), bits / 8, std::vector<std::int64_t>(numbers.begin(), numbers.end()));
}

unsigned CConstants::packed_bits(std::span<const std::int32_t> codes) {
  if (std::all_of(codes.begin(), codes.end(), [](std::int32_t c) { return c == 1 || c == -1; })) return 1;
  const auto [lo, hi] = std::minmax_element(codes.begin(), codes.end());
  if (*lo >= -2 && *hi <= 1) return 2;
  if (*lo >= -8 && *hi <= 7) return 4;
  return c_bits(*lo, *hi);
}

CConstants::Packed CConstants::packed(const Matrix& matrix) {
  const unsigned bits = packed_bits(matrix.codes);
  if (bits >= 8) {
    unsigned of_type = 0;
    return {array(matrix.codes, of_type), bits, matrix.cols};
  }
  const std::vector<std::int64_t> rows = packed_rows(matrix, bits);
  return {array("uint8_t", 1, rows), bits, rows.size() / matrix.rows};
}

CConstants::Packed CConstants::words(const Matrix& matrix) {
  const unsigned bits = packed_bits(matrix.codes);
  const std::vector<std::int64_t> rows = packed_rows(matrix, bits);
  const std::string list = c_list(rows);
  const std::string name = name_of(fmt::format("words {}", list));
  pieces_.add(
      fmt::format("static const union {{\n  uint8_t bytes[{0}];\n  uint32_t words[{0} / 4];\n}} {1} = {{{{\n{2}}}}};\n",
                  rows.size(), name, list),
      targets_, rows.size());
  return {name + ".bytes", bits, rows.size() / matrix.rows};
}

COperand CConstants::part(const Type& type, std::span<const std::int64_t> numbers, std::string_view name,
                          std::string_view index) {
  if (std::all_of(numbers.begin(), numbers.end(), [&](std::int64_t n) { return n == numbers.front(); })) {
    return {"1", fmt::format("{} {}", type.of_one, name), c_number(numbers.front()), std::string(name)};
  }
  return {fmt::format("n{}", 8 * type.bytes), fmt::format("const {} *{}", type.of_many, name),
          array(type.of_many, type.bytes, numbers), fmt::format("{}[{}]", name, index)};
}

COperand CConstants::numbers(std::span<const std::int32_t> numbers, std::string_view name, std::string_view index) {
  const unsigned bits = c_bits(numbers);
  return part({c_type(bits), "int32_t", bits / 8}, std::vector<std::int64_t>(numbers.begin(), numbers.end()), name,
              index);
}

COperand CConstants::factors(std::span<const FixedPoint> factors, std::string_view name, std::string_view index) {
  std::vector<std::int64_t> multipliers, shifts;
  for (const FixedPoint& f : factors) {
    multipliers.push_back(f.multiplier);
    shifts.push_back(f.shift);
  }
  const COperand m = part({"int32_t", "int32_t", 4}, multipliers, fmt::format("{}_m", name), index);
  const COperand k = part({"uint8_t", "unsigned", 1}, shifts, fmt::format("{}_k", name), index);
  return {m.suffix + "_" + k.suffix, m.parameter + ", " + k.parameter, m.argument + ", " + k.argument,
          m.element + ", " + k.element};
}

}  // namespace bitstate::program
