#include "datasets/vocabulary.h"

#include "core/error.h"
#include "core/io/sha256.h"

#include <fmt/core.h>

#include <algorithm>

namespace bitstate::datasets {
namespace {

constexpr char32_t last_code_point = 0x10ffff;
constexpr std::size_t max_vocabulary = 65535;

/// What a first byte announces: the length of the character in bytes, the bits of it that the first byte has, and the
/// smallest code point that needs this length. Length 0: no character begins so.
struct Lead {
  std::size_t length;
  char32_t bits;
  char32_t smallest;
};

Lead lead(unsigned char byte) {
  if (byte < 0x80) return {1, byte, 0};
  if (byte >= 0xc0 && byte < 0xe0) return {2, byte & 0x1fU, 0x80};
  if (byte >= 0xe0 && byte < 0xf0) return {3, byte & 0x0fU, 0x800};
  if (byte >= 0xf0 && byte < 0xf8) return {4, byte & 0x07U, 0x10000};
  return {0, 0, 0};
}

/// The character that begins at `text[at]`, which is moved behind it.
char32_t next_code_point(std::string_view text, std::size_t& at, std::string_view where) {
  const auto first = static_cast<unsigned char>(text[at]);
  const Lead character = lead(first);
  require(character.length > 0, where, "offset {}: the byte 0x{:02x} begins no UTF-8 character", at, first);
  char32_t value = character.bits;
  for (std::size_t k = 1; k < character.length; ++k) {
    require(at + k < text.size(), where, "offset {}: the text ends within a UTF-8 character", at);
    const auto byte = static_cast<unsigned char>(text[at + k]);
    require(byte >> 6U == 0b10, where, "offset {}: the byte 0x{:02x} does not continue a UTF-8 character", at + k,
            byte);
    value = value << 6U | (byte & 0x3fU);
  }
  const bool surrogate = value >= 0xd800 && value < 0xe000;
  require(value >= character.smallest && value <= last_code_point && !surrogate, where,
          "offset {}: U+{:04X} coded in {} bytes is not UTF-8", at, static_cast<std::uint32_t>(value),
          character.length);
  at += character.length;
  return value;
}

}  // namespace

std::u32string code_points(std::string_view text, std::string_view where) {
  std::u32string characters;
  characters.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) characters.push_back(next_code_point(text, at, where));
  return characters;
}

void CharacterVocabulary::count(std::u32string_view text) {
  for (const char32_t character : text) {
    require(character <= last_code_point, "vocabulary", "0x{:x} is not a code point",
            static_cast<std::uint32_t>(character));
    if (character >= counts_.size()) counts_.resize(character + 1);
    ++counts_[character];
  }
}

void CharacterVocabulary::build(std::size_t min_freq) {
  std::vector<char32_t> characters;
  for (char32_t c = 0; c < counts_.size(); ++c) {
    if (counts_[c] > 0 && counts_[c] >= min_freq) characters.push_back(c);
  }
  size_ = end + 1 + characters.size();
  require(size_ <= max_vocabulary, "vocabulary",
          "{} characters occur often enough, with {} special ones at most {} fit", characters.size(), end + 1,
          max_vocabulary);
  ids_.assign(characters.empty() ? 0 : characters.back() + 1, unknown);
  std::stable_sort(characters.begin(), characters.end(),
                   [&](char32_t a, char32_t b) { return counts_[a] > counts_[b]; });
  for (std::size_t i = 0; i < characters.size(); ++i) ids_[characters[i]] = static_cast<std::uint16_t>(end + 1 + i);
  counts_ = {};
}

std::string CharacterVocabulary::digest() const {
  std::string text;
  for (std::size_t c = 0; c < ids_.size(); ++c) {
    if (ids_[c] > end) text += fmt::format("{}={}\n", c, ids_[c]);
  }
  return sha256_hex(text);
}

void CharacterVocabulary::encode(std::u32string_view text, std::size_t max_characters,
                                 std::vector<std::uint16_t>& out) const {
  for (const char32_t character : text.substr(0, max_characters)) {
    out.push_back(character < ids_.size() ? ids_[character] : unknown);
  }
  out.push_back(end);
}

}  // namespace bitstate::datasets
