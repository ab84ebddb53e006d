#include "core/text.h"

#include <doctest/doctest.h>

using namespace bitstate;

TEST_CASE("text: what is printable stays as it is, all else is written as bytes") {
  for (const char* const text :
       {"", "u [m/s], Größe \"α\" 信号 🙂", "a\\b", "\xC2\xA0", "\xE2\x80\xA7\xE2\x80\xAF"}) {
    CHECK(printable(text) == text);
  }
  CHECK(printable("a\x1B[31m\n\t\x7F") == "a\\x1B[31m\\x0A\\x09\\x7F");
  CHECK(printable(std::string_view("a\0b", 3)) == "a\\x00b");
  CHECK(printable("\xC2\x9B"
                  "31m") == "\\xC2\\x9B31m");                                        // CSI in one character
  CHECK(printable("\xE2\x80\xAE\xE2\x81\xA6") == "\\xE2\\x80\\xAE\\xE2\\x81\\xA6");  // to be written from the right
  // no UTF-8: cut, too long, half of a pair, beyond the last character, a byte that begins none
  CHECK(printable("\xC3") == "\\xC3");
  CHECK(printable("\xE2\x82z") == "\\xE2\\x82z");
  CHECK(printable("\xC0\xAF") == "\\xC0\\xAF");
  CHECK(printable("\xE0\x80\xAF") == "\\xE0\\x80\\xAF");
  CHECK(printable("\xED\xA0\x80") == "\\xED\\xA0\\x80");
  CHECK(printable("\xF4\x90\x80\x80") == "\\xF4\\x90\\x80\\x80");
  CHECK(printable("\xFFz") == "\\xFFz");
  CHECK(printable(printable("\x1B")) == "\\x1B");
}
