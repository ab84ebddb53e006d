// UTF-8, and the vocabulary of what it says.
#include "datasets/vocabulary.h"
#include "tests/fuzz/target.h"

#include <algorithm>

namespace bitstate::fuzz {
namespace {

std::string utf8(char32_t code) {
  const auto byte = [](std::uint32_t value) { return static_cast<char>(static_cast<unsigned char>(value)); };
  const auto tail = [&](unsigned shift) { return byte(0x80U | (code >> shift & 0x3fU)); };
  if (code < 0x80) return {byte(code)};
  if (code < 0x800) return {byte(0xc0U | code >> 6U), tail(0)};
  if (code < 0x10000) return {byte(0xe0U | code >> 12U), tail(6), tail(0)};
  return {byte(0xf0U | code >> 18U), tail(12), tail(6), tail(0)};
}

std::string read(std::string_view input) {
  const std::u32string characters = datasets::code_points(input, "fuzz");
  std::string again;
  for (const char32_t character : characters) again += utf8(character);
  promise(again == input, "the only code of a text");
  return again;
}

}  // namespace

Target target() {
  return {
      {{"plain"},
       {"h\xc3\xa4llo \xe2\x82\xac \xf0\x9f\x98\x80"},
       {std::string("\x00\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\xf4\x8f\xbf\xbf", 22)},
       {"\xc0\x80", Claim::refused},
       {"\xed\xa0\x80", Claim::refused},
       {"\xf4\x90\x80\x80", Claim::refused},
       {"\xe2\x82", Claim::refused},
       {"\xff", Claim::refused}},
      read};
}

}  // namespace bitstate::fuzz
