// Pieces of C text.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bitstate::program {

/// Bits of the smallest of int8_t, int16_t, int32_t and int64_t that holds lo to hi.
[[nodiscard]] unsigned c_bits(std::int64_t lo, std::int64_t hi);
[[nodiscard]] unsigned c_bits(std::span<const std::int32_t> numbers);

/// "int8_t" for 8
[[nodiscard]] std::string c_type(unsigned bits);

/// A constant expression of the number's value whose type is wide enough.
[[nodiscard]] std::string c_number(std::int64_t number);

/// The numbers with commas between them, in lines of 120 columns that are indented by two.
[[nodiscard]] std::string c_list(std::span<const std::int64_t> numbers);

/// `text` with every "$K" replaced by the value of the key K, a capital letter.
[[nodiscard]] std::string c_fill(std::string_view text, const std::vector<std::pair<char, std::string_view>>& values);

/// Lines behind `depth` blanks and `condition`; directives as they are.
[[nodiscard]] std::string c_indented(std::string_view lines, std::size_t depth, std::string_view condition = "");

/// Lines beyond 120 columns broken after commas, with four more spaces before what follows.
[[nodiscard]] std::string c_wrap(std::string_view text);

/// "NAME" in capitals: what macros begin with.
[[nodiscard]] std::string c_capitals(std::string_view name);

/// NAME_MULTIPLIER, by which the recurrence is computed with products or with additions (CTargets).
[[nodiscard]] std::string c_multiplier(std::string_view name);

}  // namespace bitstate::program
