// What the C computes in 32 bits, by rows and by pairs (docs/numerics.md, section 9.1): on both sides of each bound.
#include "core/program/c/source.h"
#include "tests/support/c_by_hand.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bitstate::tests::c_narrow_test {
namespace {

using namespace c_by_hand;  // NOLINT(google-build-using-namespace)

/// A map of codes of `bits` bits whose rows are the extremes, and codes between them.
program::Linear map_of(std::uint32_t rows, std::uint32_t cols, std::int32_t bits, std::int32_t bias) {
  program::Linear linear{0, {rows, cols, 32, {}}, std::vector<std::int32_t>(rows, bias)};
  const std::int32_t half = 1 << (bits - 1);
  for (std::uint32_t k = 0; k < rows * cols; ++k) {
    const auto between = static_cast<std::int32_t>(k * 7 % (2U * static_cast<std::uint32_t>(half))) - half;
    const std::uint32_t row = k / cols;
    const std::int32_t code = row == 0 ? -half : (row == 1 ? half - 1 : between);
    linear.weight.codes.push_back(bits == 1 ? (code < 0 ? -1 : 1) : code);
  }
  linear.bias.back() = -bias;
  return linear;
}

TEST_CASE("c_source: linear maps by rows, with weights and operands of each width, for an even and an odd number") {
  if (no_compiler()) return;
  Limits limits;
  for (const std::int32_t bits : {1, 2, 4, 8}) {
    for (const std::int32_t end : {1, 128, 32767}) {
      for (const std::uint32_t rows : {2U, 5U}) {
        limits.add(program_of(96, -end, std::min(end, 32766), {map_of(rows, 96, bits, 99)}), 8);
      }
    }
  }
  limits.add(program_of(40, -127, 127, {map_of(3, 40, 8, 99)}));
  limits.check_pairs();
}

TEST_CASE("c_source: linear maps are computed by rows where columns fill words, and an iteration") {
  for (const std::int32_t bits : {1, 2, 4, 8}) {
    for (const std::uint32_t cols : {1U, 4U, 8U, 16U, 20U, 24U, 32U, 40U, 64U}) {
      CAPTURE(bits);
      CAPTURE(cols);
      const bool fills = cols % 8 == 0 && cols * static_cast<std::uint32_t>(bits) % 32 == 0;
      const Program p = program_of(cols, -127, 127, {map_of(2, cols, bits, 99)});
      CHECK((source_of(p).find("model_rows_") != std::string::npos) == fills);
    }
  }
}

TEST_CASE("c_source: linear maps whose stored sums need more than 31 bits, or of one row, are not computed by rows") {
  const auto by_rows = [](std::uint32_t rows, std::uint32_t cols, std::int32_t end, std::int32_t bias) {
    const Program p = program_of(cols, -end, end, {map_of(rows, cols, 8, bias)});
    return source_of(p).find("model_rows_") != std::string::npos;
  };
  CHECK(by_rows(2, 128, 32767, 65535));  // 2^9 * 128 * 32767 = 2^31 - 2^16
  CHECK(!by_rows(2, 128, 32767, 65536));
  CHECK(!by_rows(2, 136, 32767, 0));
  CHECK(!by_rows(2, 128, 32768, 0));
  CHECK(!by_rows(2, 8, 40000, 0));
  CHECK(!by_rows(1, 8, 127, 0));
  CHECK(by_rows(2, 1024, 127, 0));
  CHECK(!by_rows(2, 1032, 127, 0));
  if (no_compiler()) return;
  Limits limits;
  limits.add(program_of(128, -32767, 32767, {map_of(5, 128, 8, 65535)}), 8);
  limits.check_pairs();
}

TEST_CASE("c_source: rescales by the high half of a product, up to the last code that fits") {
  if (no_compiler()) return;
  Limits limits;
  for (const std::int64_t shift : {5, 20, 31, 32, 33, 34, 62}) {
    const std::int64_t fits = (std::int64_t{1} << (shift < 33 ? 31 - (33 - shift) : 30)) - 1;
    for (const std::int64_t beyond : {0, 1}) {
      const auto end = static_cast<std::int32_t>(fits + beyond);
      const Rescale some{0, {{int32_max, shift}, {1 << 30, 62}, {0, 1}, {1 << 30, shift}}, {-int32_max}, {int32_max}};
      const Rescale one{0, {{(1 << 30) + 1, shift}}, {-100}, {int32_max}};
      const AddRow row{0, {{-int32_max, shift}}, {7, -7, 0, 1}};
      if (end >= 1 << 30) continue;  // of an input
      for (const Instruction& i : std::vector<Instruction>{some, one, row}) {
        const Program p = program_of(4, -end, end, {i});
        CHECK((source_of(p).find("model_rescale_high(") != std::string::npos) == (beyond == 0 || shift >= 33));
        limits.add(p, 20);
      }
    }
  }
  limits.check();
}

TEST_CASE("c_source: norms in 32 bits and in 64, at the widest fraction and the largest sums of each") {
  if (no_compiler()) return;
  Limits limits;
  const std::vector<std::int32_t> scale{7, -7, 1, 0, 7, -7, 3, -1}, bias{9, -9, 0, 1, 2, 3, 4, 5};
  const auto add = [&](const Instruction& i, std::int32_t end, bool narrow) {
    const Program p = program_of(8, -end, end, {i});
    CHECK((source_of(p).find("model_rescale_high(") != std::string::npos) == narrow);
    limits.add(p, 20);
  };
  const std::int32_t last = (1 << 27) - 1;  // of 2 H B < 2^31
  for (const std::int64_t epsilon : {std::int64_t{1}, std::int64_t{1} << 40, std::int64_t{1} << 60}) {
    for (const std::int32_t fraction : {0, 15, 26, 27}) {
      add(LayerNorm{0, scale, bias, fraction, epsilon}, 127, true);
      add(program::RmsNorm{0, scale, 2, fraction, epsilon}, 127, true);
      add(program::RmsNorm{0, scale, 2, fraction, epsilon}, 1 << 28, true);
    }
    add(LayerNorm{0, scale, bias, 28, epsilon}, 127, false);
    add(program::RmsNorm{0, scale, 2, 28, epsilon}, 127, false);
  }
  CHECK(source_of(program_of(4, -last, last, {LayerNorm{0, {1, 1, 1, 1}, {0, 0, 0, 0}, 27, 1}}))
            .find("model_rescale_high(") != std::string::npos);
  limits.check();
}

TEST_CASE("c_source: an input of a scan is cut where the cut could change a state") {
  if (no_compiler()) return;
  Limits limits;
  for (const Residue residue : {Residue::none, Residue::feedback, Residue::decayed}) {
    Scan scan = scan_of(0, residue, 8);
    scan.lambda = {255, -256, 100, -256};
    scan.bound = 127;
    scan.from_input = {{int32_max, 31}, {int32_max, 30}, {1 << 30, 30}, {int32_max, 31}};
    const std::int64_t others =
        product_bound(scan, scan.bound) + (residue == Residue::feedback ? 128 : carried_bound(scan));
    for (const std::int64_t beyond : {0, 1}) {
      scan.limit = others + 128 * 256 + beyond;
      const Program p = program_of(4, -200000, 200000, {scan});
      CHECK((source_of(p).find("-limit, limit") != std::string::npos) == (beyond == 0));
      limits.add(p);
    }
    scan.limit = 400000;  // the largest
    CHECK(source_of(program_of(4, -200000, 200000, {scan})).find("-limit, limit") == std::string::npos);
  }
  limits.check();
}

}  // namespace
}  // namespace bitstate::tests::c_narrow_test
