#include "datasets/vocabulary.h"

#include "core/error.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using namespace bitstate;
using datasets::CharacterVocabulary;
using datasets::code_points;
using tests::error_of;

namespace {

/// A vocabulary of the characters of `text`.
CharacterVocabulary vocabulary_of(std::u32string_view text, std::size_t min_freq) {
  CharacterVocabulary vocabulary;
  vocabulary.count(text);
  vocabulary.build(min_freq);
  return vocabulary;
}

std::vector<std::uint16_t> encoded(const CharacterVocabulary& vocabulary, std::u32string_view text,
                                   std::size_t max_characters = 1000) {
  std::vector<std::uint16_t> ids;
  vocabulary.encode(text, max_characters, ids);
  return ids;
}

/// The plain definition of UTF-8 (RFC 3629), to compare with.
std::string utf8(char32_t c) {
  const auto byte = [](char32_t value) { return static_cast<char>(static_cast<unsigned char>(value)); };
  if (c < 0x80) return {byte(c)};
  if (c < 0x800) return {byte(0xc0 | c >> 6U), byte(0x80 | (c & 0x3fU))};
  if (c < 0x10000) return {byte(0xe0 | c >> 12U), byte(0x80 | (c >> 6U & 0x3fU)), byte(0x80 | (c & 0x3fU))};
  return {byte(0xf0 | c >> 18U), byte(0x80 | (c >> 12U & 0x3fU)), byte(0x80 | (c >> 6U & 0x3fU)),
          byte(0x80 | (c & 0x3fU))};
}

}  // namespace

TEST_CASE("vocabulary: every code point is read from its UTF-8 form") {
  std::u32string expected;
  std::string bytes;
  for (char32_t c = 0; c <= 0x10ffff; ++c) {
    if (c >= 0xd800 && c < 0xe000) continue;
    expected.push_back(c);
    bytes += utf8(c);
  }
  CHECK(code_points(bytes, "all") == expected);
}

TEST_CASE("vocabulary: bytes that are not UTF-8 are an error that names place and offset") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"ab\xff", "[f.tsv line 3] offset 2: the byte 0xff begins no UTF-8 character"},
      {"\x80", "[f.tsv line 3] offset 0: the byte 0x80 begins no UTF-8 character"},
      {"a\xc3", "[f.tsv line 3] offset 1: the text ends within a UTF-8 character"},
      {"a\xe2\x82g", "[f.tsv line 3] offset 3: the byte 0x67 does not continue a UTF-8 character"},
      {"\xc0\xaf", "[f.tsv line 3] offset 0: U+002F coded in 2 bytes is not UTF-8"},
      {"\xe0\x9f\xbf", "[f.tsv line 3] offset 0: U+07FF coded in 3 bytes is not UTF-8"},
      {"\xf0\x8f\xbf\xbf", "[f.tsv line 3] offset 0: U+FFFF coded in 4 bytes is not UTF-8"},
      {"\xed\xa0\x80", "[f.tsv line 3] offset 0: U+D800 coded in 3 bytes is not UTF-8"},
      {"\xf4\x90\x80\x80", "[f.tsv line 3] offset 0: U+110000 coded in 4 bytes is not UTF-8"},
      {"\xf8\x88\x80\x80\x80", "[f.tsv line 3] offset 0: the byte 0xf8 begins no UTF-8 character"},
  };
  for (const auto& bad : cases) {
    CHECK(error_of<Error>([&] { code_points(bad.first, "f.tsv line 3"); }) == bad.second);
  }
}

TEST_CASE("vocabulary: ids follow frequency, then code point, from 3 on") {
  const auto vocabulary = vocabulary_of(U"cbbaac\u00e9\U0001f600aa", 1);
  CHECK(vocabulary.size() == 3 + 5);
  // a 4 times, b and c twice, then the two that occur once
  CHECK(encoded(vocabulary, U"abc\u00e9\U0001f600") == std::vector<std::uint16_t>{3, 4, 5, 6, 7, 2});
}

TEST_CASE("vocabulary: characters below the minimal frequency, and unseen ones, are unknown") {
  const auto vocabulary = vocabulary_of(U"aaabbc", 2);
  CHECK(vocabulary.size() == 3 + 2);
  CHECK(encoded(vocabulary, U"abcz\U0010ffff") == std::vector<std::uint16_t>{3, 4, 1, 1, 1, 2});
  CHECK(vocabulary_of(U"", 0).size() == 3);
}

TEST_CASE("vocabulary: a text is cut, the end mark is not") {
  const auto vocabulary = vocabulary_of(U"ab", 1);
  CHECK(encoded(vocabulary, U"abab", 3) == std::vector<std::uint16_t>{3, 4, 3, 2});
  CHECK(encoded(vocabulary, U"", 3) == std::vector<std::uint16_t>{2});
}

TEST_CASE("vocabulary: a vocabulary that 16 bits cannot number is an error") {
  std::u32string text;
  for (char32_t c = 0x10000; c < 0x10000 + 65532; ++c) text.push_back(c);
  const auto largest = vocabulary_of(text, 1);
  CHECK(largest.size() == 65535);
  CHECK(encoded(largest, text.substr(65531)) == std::vector<std::uint16_t>{65534, 2});
  text.push_back('a');
  CHECK(error_of<Error>([&] { vocabulary_of(text, 1); }) ==
        "[vocabulary] 65533 characters occur often enough, with 3 special ones at most 65535 fit");
  CHECK(error_of<Error>([&] { vocabulary_of(U"\x110000", 1); }) == "[vocabulary] 0x110000 is not a code point");
}
