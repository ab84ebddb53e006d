#include "core/program/c_constants.h"

#include "core/program/c_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace bitstate::program {
namespace {

/// The bits that a code takes: 1 for -1 and 1, 2, 4, or those of a type.
unsigned packed_bits(std::span<const std::int32_t> codes) {
  if (std::all_of(codes.begin(), codes.end(), [](std::int32_t c) { return c == 1 || c == -1; })) return 1;
  const auto [lo, hi] = std::minmax_element(codes.begin(), codes.end());
  if (*lo >= -2 && *hi <= 1) return 2;
  if (*lo >= -8 && *hi <= 7) return 4;
  return c_bits(*lo, *hi);
}

template <class T>
bool all_equal(std::span<const T> values, bool (*equal)(const T&, const T&)) {
  return std::all_of(values.begin(), values.end(), [&](const T& v) { return equal(v, values.front()); });
}

}  // namespace

std::string CConstants::array(std::string_view type, std::size_t bytes, std::span<const std::int64_t> numbers) {
  const std::string list = c_list(numbers);
  const auto [entry, is_new] = names_.try_emplace(fmt::format("{} {}", type, list));
  if (is_new) {
    entry->second = fmt::format("{}_c{}", prefix_, names_.size() - 1);
    text_ += fmt::format("static const {} {}[{}] = {{\n{}}};\n", type, entry->second, numbers.size(), list);
    bytes_ += bytes * numbers.size();
  }
  return entry->second;
}

std::string CConstants::array(std::span<const std::int32_t> numbers, unsigned& bits) {
  bits = c_bits(numbers);
  return array(c_type(bits), bits / 8, std::vector<std::int64_t>(numbers.begin(), numbers.end()));
}

CConstants::Packed CConstants::packed(const Matrix& matrix) {
  const unsigned bits = packed_bits(matrix.codes);
  if (bits >= 8) {
    unsigned of_type = 0;
    return {array(matrix.codes, of_type), bits, matrix.cols};
  }
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
  return {array("uint8_t", 1, rows), bits, row_size};
}

COperand CConstants::numbers(std::span<const std::int32_t> numbers, std::string_view name, std::string_view index) {
  if (all_equal<std::int32_t>(numbers, [](const auto& a, const auto& b) { return a == b; })) {
    return {"1", fmt::format("int32_t {}", name), c_number(numbers.front()), std::string(name)};
  }
  unsigned bits = 0;
  const std::string array_name = array(numbers, bits);
  return {fmt::format("n{}", bits), fmt::format("const {} *{}", c_type(bits), name), array_name,
          fmt::format("{}[{}]", name, index)};
}

COperand CConstants::factors(std::span<const FixedPoint> factors, std::string_view name, std::string_view index) {
  const auto equal = [](const FixedPoint& a, const FixedPoint& b) {
    return a.multiplier == b.multiplier && a.shift == b.shift;
  };
  if (all_equal<FixedPoint>(factors, equal)) {
    const FixedPoint f = factors.front();
    return {"1", fmt::format("int32_t {0}_m, unsigned {0}_k", name),
            fmt::format("{}, {}", c_number(f.multiplier), f.shift), fmt::format("{0}_m, {0}_k", name)};
  }
  std::vector<std::int64_t> multipliers, shifts;
  std::transform(factors.begin(), factors.end(), std::back_inserter(multipliers), [](auto f) { return f.multiplier; });
  std::transform(factors.begin(), factors.end(), std::back_inserter(shifts), [](auto f) { return f.shift; });
  const std::string m = array("int32_t", 4, multipliers);
  return {"n", fmt::format("const int32_t *{0}_m, const uint8_t *{0}_k", name),
          fmt::format("{}, {}", m, array("uint8_t", 1, shifts)), fmt::format("{0}_m[{1}], {0}_k[{1}]", name, index)};
}

}  // namespace bitstate::program
