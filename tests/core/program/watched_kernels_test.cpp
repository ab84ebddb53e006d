// What the kernels tell training besides codes, on every instruction set: which codes a clamp left alone, and the
// extremes before it. Expected is what the same kernel gives without a rescale, rescaled here.
#include "core/program/run/codes.h"
#include "core/program/run/operands.h"
#include "core/random.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <vector>

namespace bitstate::tests {
namespace {

using program::Codes;
using program::Isa;
using program::Kernels;
using program::MutableCodes;
using program::Width;
using Then = program::Rescaling;

struct Numbers {
  Random random;
  std::uint64_t count = 0;
  std::int32_t operator()(std::int32_t bound) {
    return static_cast<std::int32_t>(random.below(2 * static_cast<std::uint64_t>(bound) + 1, count++)) - bound;
  }
  std::vector<std::int32_t> operator()(std::size_t n, std::int32_t bound) {
    std::vector<std::int32_t> all(n);
    for (std::int32_t& v : all) v = (*this)(bound);
    return all;
  }
};

std::size_t stride_of(std::size_t cols) { return program::rounded_up(cols, program::vector_columns); }

/// Memory of rows as training has it; the columns behind the last hold numbers that must not count.
template <class T>
std::vector<T> memory(std::size_t rows, std::size_t cols) {
  return std::vector<T>(rows * stride_of(cols) + program::row_multiple, T{113});
}

template <class T>
std::vector<T> filled(std::size_t rows, std::size_t cols, Numbers& numbers, std::int32_t bound) {
  std::vector<T> all = memory<T>(rows, cols);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < cols; ++c) all[r * stride_of(cols) + c] = static_cast<T>(numbers(bound));
  }
  return all;
}

bool bit(const std::vector<std::uint8_t>& bits, std::size_t k) { return (bits[k / 8] >> (k % 8) & 1U) != 0; }

/// A kernel, called with what follows and where its results go.
using Call = std::function<void(const Kernels& kernels, const Then* then, const MutableCodes& y)>;

/// Codes, bits and extremes of a rescale behind `call`, whose results fit `bound`.
void check_watched(std::size_t rows, std::size_t cols, std::int32_t bound, const Call& call) {
  std::vector<FixedPoint> factors;
  for (std::size_t c = 0; c < cols; ++c)
    factors.push_back(to_fixed_point(130.0 / bound * static_cast<double>(c % 3 + 1), "test"));
  const std::vector<std::int32_t> lo(cols, -100), hi(cols, 90);
  for (const Isa isa : program::instruction_sets) {
    if (!program::is_available(isa)) continue;
    CAPTURE(program::name_of(isa));
    CAPTURE(rows);
    CAPTURE(cols);
    const Kernels& kernels = program::kernels_of(isa);
    auto wide = memory<std::int32_t>(rows, cols);
    call(kernels, nullptr, {wide.data(), Width::four, stride_of(cols)});
    Arena arena;
    program::Rescaling then = program::rescaling_of(arena, {factors, lo, hi, -bound, bound}, cols);
    std::vector<std::uint8_t> bits(rows * stride_of(cols) / 8, 0xaa);
    std::vector<std::int32_t> lowest(stride_of(cols), 5), highest(stride_of(cols), -5);
    then.watch = {bits.data(), lowest.data(), highest.data()};
    auto y = memory<std::int8_t>(rows, cols);
    call(kernels, &then, {y.data(), Width::one, stride_of(cols)});
    for (std::size_t c = 0; c < cols; ++c) {
      std::int32_t least = 5, greatest = -5;  // what was there is kept
      for (std::size_t r = 0; r < rows; ++r) {
        const std::size_t k = r * stride_of(cols) + c;
        const std::int64_t rounded = rescale(wide[k], factors[c]);
        REQUIRE(std::int64_t{y[k]} == std::clamp<std::int64_t>(rounded, lo[c], hi[c]));
        REQUIRE(bit(bits, k) == (rounded >= lo[c] && rounded <= hi[c]));
        least = std::min(least, wide[k]);
        greatest = std::max(greatest, wide[k]);
      }
      REQUIRE(lowest[c] == least);
      REQUIRE(highest[c] == greatest);
    }
  }
}

template <class T>
Codes codes_of(const std::vector<T>& all, std::size_t cols) {
  return {all.data(), static_cast<Width>(sizeof(T)), stride_of(cols)};
}

TEST_CASE("watched kernels: rescale of each width, product and scale") {
  Numbers numbers{{31, 0}};
  for (std::size_t cols = 1; cols <= 36; ++cols) {
    const std::size_t rows = 1 + cols % 7;
    const auto a = filled<std::int8_t>(rows, cols, numbers, 127);
    const auto b = filled<std::int16_t>(rows, cols, numbers, 9000);
    const auto c = filled<std::int32_t>(rows, cols, numbers, 1 << 29);
    for (const Codes& x : {codes_of(a, cols), codes_of(b, cols), codes_of(c, cols)}) {
      const std::int32_t bound = x.width == Width::one ? 127 : (x.width == Width::two ? 9000 : 1 << 29);
      check_watched(rows, cols, bound, [&](const Kernels& k, const Then* then, const MutableCodes& y) {
        if (then != nullptr) return k.rescale(*then, cols, rows, x, y);
        program::with_type(x, [&](const auto* in) {  // without a rescale: the codes themselves
          program::copy_codes(in, rows * x.stride, static_cast<std::int32_t*>(y.data));
        });
      });
    }
    check_watched(rows, cols, 127 * 9000, [&](const Kernels& k, const Then* then, const MutableCodes& y) {
      k.product(then, cols, rows, codes_of(a, cols), codes_of(b, cols), y);
    });
    Arena arena;
    const std::int32_t* const row = program::padded_row(arena, numbers(cols, 30000));
    check_watched(rows, cols, 127 * 30000, [&](const Kernels& k, const Then* then, const MutableCodes& y) {
      k.scale(row, then, cols, rows, codes_of(a, cols), y);
    });
  }
}

TEST_CASE("watched kernels: sum, add_row and layer_norm") {
  Numbers numbers{{32, 0}};
  for (std::size_t cols = 1; cols <= 36; ++cols) {
    const std::size_t rows = cols % 5 == 0 ? 70 : 1 + cols % 7;  // more than the rows that a norm takes at once
    const auto a = filled<std::int8_t>(rows, cols, numbers, 127);
    const auto b = filled<std::int32_t>(rows, cols, numbers, 1 << 28);
    Arena arena;
    const FixedPoint large = to_fixed_point(1 << 20, "test"), small = to_fixed_point(0.3, "test");
    const program::Factors of_a = program::factors_of(arena, {&large, 1}, cols);
    const program::Factors of_b = program::factors_of(arena, {&small, 1}, cols);
    const std::int32_t* const row = program::padded_row(arena, numbers(cols, 1 << 27));
    check_watched(rows, cols, 1 << 28, [&](const Kernels& k, const Then* then, const MutableCodes& y) {
      k.sum({of_a, codes_of(a, cols)}, {of_b, codes_of(b, cols)}, then, cols, rows, y);
    });
    check_watched(rows, cols, 1 << 28, [&](const Kernels& k, const Then* then, const MutableCodes& y) {
      k.add_row({of_a, codes_of(a, cols)}, row, then, cols, rows, y);
    });
    const std::int32_t* const gamma = program::padded_row(arena, numbers(cols, 127));
    const program::Norm norm{cols, gamma, row, 20, 1000};
    check_watched(rows, cols, (127 << 20) + (1 << 27), [&](const Kernels& k, const Then* then, const MutableCodes& y) {
      k.layer_norm(norm, then, rows, codes_of(a, cols), y);
    });
  }
}

TEST_CASE("watched kernels: linear") {
  Numbers numbers{{33, 0}};
  for (std::size_t outputs = 1; outputs <= 100; outputs += 1 + outputs / 9) {
    for (const std::size_t inputs : {1, 5, 32, 41}) {
      const std::size_t rows = 1 + outputs % 9;
      const auto x = filled<std::int8_t>(rows, inputs, numbers, 127);
      const std::vector<std::int32_t> weights = numbers(outputs * inputs, 127), bias = numbers(outputs, 900);
      std::vector<std::int16_t> wide(x.begin(), x.end());
      const auto bound = static_cast<std::int32_t>(127 * 127 * inputs + 900);
      check_watched(rows, outputs, bound, [&](const Kernels& k, const Then* then, const MutableCodes& y) {
        Arena arena;
        const std::vector<std::int32_t> widest(x.begin(), x.end());
        const program::WeightSpec spec{{weights.data(), Width::four, inputs}, outputs, inputs, bias};
        const program::Products products = program::products_of(arena, spec, k.operands);
        const Codes in = k.operands == Width::one   ? codes_of(x, inputs)
                         : k.operands == Width::two ? codes_of(wide, inputs)
                                                    : codes_of(widest, inputs);
        k.linear(products, then, rows, in, y);
      });
    }
  }
}

/// What a scan of one sequence leaves.
struct Scanned {
  std::vector<std::int16_t> codes;
  std::vector<std::uint8_t> bits;
  std::vector<std::int32_t> x;
  std::vector<std::int64_t> residue, largest;
  bool operator==(const Scanned&) const = default;
};

Scanned scanned(const Kernels& kernels, const program::Recurrence& s, std::size_t rows, const Codes& b) {
  const std::size_t width = 2 * s.states;
  const std::size_t plane = (s.states + 7) / 8;
  Scanned all{memory<std::int16_t>(rows, width), std::vector<std::uint8_t>(rows * 2 * plane, 0),
              std::vector<std::int32_t>(width, 3), std::vector<std::int64_t>(width, -1),
              std::vector<std::int64_t>(width, 17)};
  kernels.scan(s, rows, b, {all.x.data(), all.residue.data(), all.bits.data(), all.largest.data()},
               {all.codes.data(), Width::two, stride_of(width)});
  std::vector<std::int16_t> codes;  // without what stands behind the columns
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < width; ++c) codes.push_back(all.codes[r * stride_of(width) + c]);
  }
  all.codes = codes;
  for (std::size_t part = 0; part < 2 * rows; ++part) {
    if (s.states % 8 != 0) all.bits[(part + 1) * plane - 1] &= static_cast<std::uint8_t>((1U << (s.states % 8)) - 1);
  }
  return all;
}

void check_watched_scans(bool sheared) {
  Numbers numbers{{34, 0}};
  for (std::size_t states = 1; states <= 20; ++states) {
    for (const bool backward : {false, true}) {
      for (const std::int32_t bound : {3, 127, 32767}) {
        const std::size_t rows = 3 + states;
        const auto b = filled<std::int8_t>(rows, 2 * states, numbers, 127);
        Arena arena;
        program::Recurrence s;
        s.states = states;
        s.backward = backward;
        s.residue = static_cast<Residue>(states % (sheared ? 2 : 3));
        s.shift = 7;
        s.bound = bound;
        s.limit = std::int64_t{4} * bound << 7;
        s.lambda = program::padded_row(arena, numbers(2 * states, 90));
        if (sheared) s.shear = program::padded_row(arena, numbers(states, 90));
        const FixedPoint factor = to_fixed_point(bound * 1.5, "test");
        s.from_input = program::factors_of(arena, {&factor, 1}, 2 * states);
        const Scanned expected = scanned(program::kernels_of(Isa::plain), s, rows, codes_of(b, 2 * states));
        std::size_t clamped = 0;
        for (std::size_t r = 0; r < rows; ++r) {
          for (std::size_t c = 0; c < 2 * states; ++c) {
            const std::size_t plane = (states + 7) / 8;
            const bool free = bit(expected.bits, ((2 * r + c / states) * plane) * 8 + c % states);
            const std::int32_t code = expected.codes[r * 2 * states + c];
            if (std::abs(code) < bound) REQUIRE(free);
            clamped += free ? 0 : 1;
          }
        }
        if (states > 4) CHECK(clamped > 0);
        for (const Isa isa : program::instruction_sets) {
          if (!program::is_available(isa)) continue;
          CAPTURE(program::name_of(isa));
          CAPTURE(states);
          CAPTURE(bound);
          const Scanned found = scanned(program::kernels_of(isa), s, rows, codes_of(b, 2 * states));
          CHECK(found.codes == expected.codes);
          CHECK(found.bits == expected.bits);
          CHECK(found.x == expected.x);
          CHECK(found.residue == expected.residue);
          CHECK(found.largest == expected.largest);
        }
      }
    }
  }
}

TEST_CASE("watched kernels: a scan tells the same of its clamps on every instruction set, and what its codes tell") {
  check_watched_scans(false);
}

TEST_CASE("watched kernels: so does a sheared one") { check_watched_scans(true); }

}  // namespace
}  // namespace bitstate::tests
