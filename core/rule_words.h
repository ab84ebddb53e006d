// The words of quantization rules: how an option's value is read and written, and when an option is refused.
#pragma once

#include "core/error.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bitstate::rule_words {

/// Where errors of rules are.
inline constexpr std::string_view where = "quant";

/// A word of an option and what it stands for.
template <class Choice>
using Word = std::pair<std::string_view, Choice>;

/// What `value` stands for. Throws UsageError naming the words that are allowed.
template <class Choice, std::size_t n>
Choice choose(std::string_view value, std::string_view key, std::string_view origin, const Word<Choice> (&choices)[n]) {
  std::string allowed;
  for (const auto& [name, choice] : choices) {
    if (name == value) return choice;
    allowed += (allowed.empty() ? "" : ", ") + std::string(name);
  }
  fail<UsageError>(where, "{0}: {1}: expected one of {3}, got \"{2}\"", origin, key, value, allowed);
}

/// The word for a choice.
template <class Choice, std::size_t n>
std::string_view word_of(Choice wanted, const Word<Choice> (&choices)[n]) {
  for (const auto& [name, choice] : choices) {
    if (choice == wanted) return name;
  }
  return "";
}

/// Whether an option was given.
inline bool has(const std::vector<std::string>& given, std::string_view key) {
  return std::find(given.begin(), given.end(), key) != given.end();
}

/// Throws UsageError for a given option that does nothing, which hides a mistake.
inline void check_effect(const std::vector<std::string>& given, std::string_view key, bool fits, std::string_view needs,
                         std::string_view origin) {
  require<UsageError>(fits || !has(given, key), where, "{}: {} does nothing here; it needs {}", origin, key, needs);
}

}  // namespace bitstate::rule_words
