#include "core/quantization/int4.h"

#include "core/error.h"
#include "tests/support/mamba_fixture.h"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

namespace bitstate::tests::int4_test {
namespace {

std::vector<std::int64_t> wide(std::span<const std::uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

/// Words of 32 bits as they lie in little-endian memory.
std::vector<std::int64_t> bytes_of(std::span<const std::int64_t> words) {
  std::vector<std::int64_t> bytes;
  for (const std::int64_t word : words) {
    for (int b = 0; b < 4; ++b) bytes.push_back(word >> (8 * b) & 255);
  }
  return bytes;
}

TEST_CASE("int4: packed rows are those of the reference, and unpacked the same codes") {
  const MambaGolden golden;
  const auto cases = golden.cases("int4", {});
  CHECK(cases.size() == 5);
  std::size_t words = 0;
  for (const auto& at : cases) {
    CAPTURE(at);
    const std::size_t cols = golden.matrix(at + "/codes").cols;
    const auto expected = golden.integers(at + "/codes");
    const std::vector<std::int8_t> codes(expected.begin(), expected.end());
    for (const auto& [layout, name] :
         {std::pair(Int4Layout::bytes, "/bytes"), std::pair(Int4Layout::block64, "/block64"),
          std::pair(Int4Layout::word8, "/word8")}) {
      CAPTURE(name);
      const auto packed = pack_int4(layout, codes, cols);
      CHECK(packed.size() == codes.size() / cols * packed_row_bytes(layout, cols));
      CHECK(unpack_int4(layout, packed, cols) == codes);
      if (!golden.exists(at + name)) continue;
      words += layout == Int4Layout::word8 ? 1 : 0;
      const auto reference = golden.integers(at + name);
      CHECK(wide(packed) == (layout == Int4Layout::word8 ? bytes_of(reference) : reference));
    }
  }
  CHECK(words == 3);
}

TEST_CASE("int4: blocks have the codes of their first half low and those of the second high") {
  std::vector<std::int8_t> codes(100);
  for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::int8_t>(i * 5 % 16 - 8);
  for (const auto& [layout, n] :
       {std::pair(Int4Layout::block16, 16), std::pair(Int4Layout::block32, 32), std::pair(Int4Layout::block64, 64)}) {
    const auto packed = pack_int4(layout, codes, codes.size());
    const auto size = static_cast<std::size_t>(n);
    CHECK(packed.size() == (codes.size() + size - 1) / size * size / 2);
    const auto nibble = [&](std::size_t i) { return i < codes.size() ? codes[i] + 8 : 8; };
    for (std::size_t i = 0; i < packed.size(); ++i) {
      const std::size_t first = i / (size / 2) * size + i % (size / 2);
      CHECK(packed[i] == (nibble(first) | nibble(first + size / 2) << 4));
    }
    CHECK(unpack_int4(layout, packed, codes.size()) == codes);
  }
}

TEST_CASE("int4: what is no code, no row or no packed row is refused") {
  const std::array<std::int8_t, 2> large = {0, 8};
  const std::array<std::int8_t, 2> small = {0, -9};
  CHECK_THROWS_WITH_AS((void)pack_int4(Int4Layout::bytes, large, 2), "[int4] a code is 8, expected -8 to 7", Error);
  CHECK_THROWS_AS((void)pack_int4(Int4Layout::bytes, small, 2), Error);
  CHECK_THROWS_AS((void)pack_int4(Int4Layout::bytes, large, 3), Error);
  CHECK_THROWS_AS((void)pack_int4(Int4Layout::bytes, {}, 0), Error);
  const std::array<std::uint8_t, 3> bytes = {};
  CHECK_THROWS_WITH_AS((void)unpack_int4(Int4Layout::bytes, bytes, 3),
                       "[int4] 3 bytes are not a whole number of packed rows of 3 codes", Error);
  CHECK_THROWS_AS((void)unpack_int4(Int4Layout::bytes, bytes, 0), Error);
}

}  // namespace
}  // namespace bitstate::tests::int4_test
