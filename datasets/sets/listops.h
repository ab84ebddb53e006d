// ListOps of the Long Range Arena (Tay et al. 2021, arXiv 2011.04006; Nangia and Bowman 2018, arXiv 1804.06028): the
// value of a nested expression of operators on lists of digits.
#pragma once

#include "datasets/dataset.h"

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

namespace bitstate::datasets {

/// What expressions consist of; a symbol is an index here. In lexicographic order, with the closing bracket as S4 and
/// S5 call it.
inline constexpr std::array<std::string_view, 15> listops_words = {"0", "1", "2", "3",    "4",    "5",    "6",  "7",
                                                                   "8", "9", "X", "[MAX", "[MED", "[MIN", "[SM"};
using ListopsSymbols = std::vector<std::uint8_t>;

/// One line: an expression and its value.
struct ListopsExample {
  ListopsSymbols expression;
  std::uint8_t value = 0;  ///< 0 to 9
};

/// Reads "Source\tTarget". The parentheses of the source only say how the release's parser builds pairs; they are
/// skipped. Throws Error "[where] ..." for unknown words, a missing tab, and a target that is no digit.
ListopsExample parse_listops(std::string_view line, std::string_view where);

/// The value of an expression: MIN and MAX of the arguments, MED their median (of an even number the mean of the middle
/// two, rounded down), SM their sum modulo 10. Throws Error "[where] ..." unless it is one complete expression.
std::uint8_t evaluate_listops(std::span<const std::uint8_t> expression, std::string_view where);

/// The id of each symbol: from 3 on (0 <pad>, 1 <unk>, 2 <eos>) by descending count, ties in lexicographic order.
std::array<std::uint16_t, listops_words.size()> listops_ids(
    const std::array<std::uint64_t, listops_words.size()>& counts);

/// The task from basic_train.tsv, basic_val.tsv and basic_test.tsv (a header Source\tTarget, then one line per example)
/// in `folder` or where lra_release.gz unpacks them below it: token ids below 18 numbered by frequency in the training
/// part, at most 2047 of an expression and <eos>; the label is the target, which must be the expression's value.
/// Throws Error naming file and line. `cache` as in cached_tokens().
Splits listops(const std::filesystem::path& folder, const std::filesystem::path& cache);

}  // namespace bitstate::datasets
