// What tests ask of texts.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace bitstate::tests {

inline bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// Checks that the words are in the message.
inline bool says(const std::string& message, const std::string& words) {
  CAPTURE(message);
  CAPTURE(words);
  const bool found = message.find(words) != std::string::npos;
  CHECK(found);
  return found;
}

}  // namespace bitstate::tests
