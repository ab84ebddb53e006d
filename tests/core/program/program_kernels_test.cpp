// Every instruction on every instruction set against the formulas, at all sizes and remainders, with codes at their
// bounds. Most programs here are one instruction, alone, with a rescale behind it, and read twice.
#include "core/error.h"
#include "core/program/run/runner.h"
#include "tests/support/drawn_programs.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <utility>
#include <vector>

namespace bitstate::tests {
namespace {

using namespace drawn;  // NOLINT(google-build-using-namespace): with the instructions

constexpr std::int64_t int32_max = 0x7fffffff;

TEST_CASE("program kernels: linear") {
  Draw draw(1);
  for (std::size_t cols = 1; cols <= 70; ++cols) {
    for (const Interval in : intervals) {
      for (const std::int64_t weight_bound : {1, 7, 8, 127, 128, 32767}) {  // packed or not
        // sum |W| B + |b| < 2^31
        const std::int64_t fits = (int32_max - 1000) / (static_cast<std::int64_t>(cols) * in.magnitude());
        const std::int64_t bound = std::min(weight_bound, fits);
        if (bound == 0) continue;
        const std::size_t outputs = cols % 3 == 0 ? 1 + cols : static_cast<std::size_t>(draw(1, 130));
        Linear linear{0, {static_cast<std::uint32_t>(outputs), static_cast<std::uint32_t>(cols), 17, {}}, {}};
        linear.weight.codes = draw.codes(outputs * cols, -bound, weight_bound % 8 == 0 ? bound - 1 : bound);
        linear.bias = draw.codes(outputs, -999, 999);
        check_with_rescale(cols, in, {linear}, outputs, any_rows(cols), draw);
      }
    }
  }
}

TEST_CASE("program kernels: linear with all operands at their bounds") {
  Draw draw(2);
  for (const auto& [in, weight] : {std::pair{Interval{-128, -128}, -128}, std::pair{Interval{127, 127}, 127},
                                   std::pair{Interval{-128, -128}, 127}, std::pair{Interval{127, 127}, -128}}) {
    constexpr std::uint32_t cols = 1000;
    const Linear linear{0, {17, cols, 8, std::vector<std::int32_t>(17 * cols, weight)}, draw.codes(17, -9, 9)};
    check_program(program_of(cols, in, {linear}), 5, draw);
  }
  const Linear one_product{0, {1, 1, 16, {-32768}}, {7}};
  check_program(program_of(1, {-32768, -32768}, {one_product}), 3, draw);
  const Linear two_products{0, {1, 2, 16, {-32768, -32767}}, {0}};
  check_program(program_of(2, {-32768, 32767}, {two_products}), 40, draw);
}

TEST_CASE("program kernels: a runner keeps its weights in the fewest bits that hold them, on every instruction set") {
  Draw draw(21);
  for (const Isa isa : instruction_sets) {
    if (!is_available(isa)) continue;
    for (const auto& [bound, bits] : {std::pair(7, 4), std::pair(127, 8), std::pair(300, 16)}) {
      constexpr std::uint32_t n = 256;
      Embedding embedding{0, {n, n, 16, draw.codes(std::size_t{n} * n, -bound, bound)}};
      Linear linear{1, {n, n, 16, draw.codes(std::size_t{n} * n, -bound, bound)}, std::vector<std::int32_t>(n, 0)};
      Program p = program_of(1, {0, n - 1}, {embedding, linear});
      p.input.tokens = true;
      const Runner runner(p, isa);
      CAPTURE(name_of(isa));
      CAPTURE(bits);
      const auto weights = static_cast<std::size_t>(2 * n * n * static_cast<unsigned>(bits) / 8);
      CHECK(runner.constant_bytes() >= weights);
      CHECK(runner.constant_bytes() < weights + 4 * n + 512);  // and the biases
      CHECK(runner.header().instructions.empty());
    }
  }
}

TEST_CASE("program kernels: rescale, of codes up to 2^31") {
  Draw draw(3);
  for (std::size_t cols = 1; cols <= 70; ++cols) {
    for (const Interval in : intervals) {
      check_program(program_of(cols, in, {any_rescale(0, cols, draw)}), any_rows(cols), draw);
      const std::int64_t largest = int32_max / in.magnitude();
      check_with_rescale(cols, in, {Scale{0, draw.codes(cols, -largest, largest)}}, cols, any_rows(cols), draw);
    }
  }
}

TEST_CASE("program kernels: sign and product") {
  Draw draw(4);
  for (std::size_t cols = 1; cols <= 70; ++cols) {
    for (const Interval in : intervals) {
      check_program(program_of(cols, in, {Sign{0}}), any_rows(cols), draw);
      const std::int64_t largest = std::min(int32_max / in.magnitude(), draw(1, int32_max));
      Rescale other = any_rescale(0, cols, draw);
      for (std::int32_t& lo : other.lo) lo = static_cast<std::int32_t>(std::max<std::int64_t>(lo, -largest));
      for (std::int32_t& hi : other.hi) hi = static_cast<std::int32_t>(std::clamp<std::int64_t>(hi, -largest, largest));
      for (std::size_t i = 0; i < other.lo.size(); ++i) other.hi[i] = std::max(other.lo[i], other.hi[i]);
      check_with_rescale(cols, in, {other, Product{0, 1}}, cols, any_rows(cols), draw);
      check_with_rescale(cols, in, {other, Product{1, 0}}, cols, any_rows(cols), draw);
    }
  }
}

/// Factors by which codes up to `magnitude` stay below 2^29.
std::vector<FixedPoint> fitting_factors(std::size_t n, std::int64_t magnitude, std::int64_t least, Draw& draw) {
  std::vector<FixedPoint> y = draw.factors(n, least, 62);
  for (FixedPoint& f : y) {
    while (rescale(magnitude, f) >= std::int64_t{1} << 29) ++f.shift;
  }
  return y;
}

TEST_CASE("program kernels: sum and add_row") {
  Draw draw(5);
  for (std::size_t cols = 1; cols <= 70; ++cols) {
    for (const Interval in : intervals) {
      const Rescale other = any_rescale(0, cols, draw);
      const std::int64_t least = draw(0, 1) == 0 ? 1 : 32;
      const auto fa = fitting_factors(cols % 2 == 0 ? 1 : cols, in.magnitude() + 1, least, draw);
      const auto fb = fitting_factors(cols % 3 == 0 ? 1 : cols, int32_max, least, draw);
      check_with_rescale(cols, in, {other, Sum{0, 1, fa, fb}}, cols, any_rows(cols), draw);
      check_with_rescale(cols, in, {other, Sum{1, 0, fb, fa}}, cols, any_rows(cols), draw);
      auto signed_factors = fa;
      for (FixedPoint& f : signed_factors) f.multiplier *= draw(0, 1) == 0 ? 1 : -1;
      const auto row = draw.codes(cols, -(1 << 30), 1 << 30);
      check_with_rescale(cols, in, {AddRow{0, signed_factors, row}}, cols, any_rows(cols), draw);
    }
  }
}

TEST_CASE("program kernels: layer_norm") {
  Draw draw(6);
  for (std::size_t cols = 1; cols <= 70; ++cols) {
    std::int64_t bound = std::int64_t{1} << 29;  // H^3 B^2 <= 2^60
    const auto h = static_cast<double>(cols);
    while (h * h * h * static_cast<double>(bound) * static_cast<double>(bound) > 0x1.0p60) bound /= 2;
    for (const std::int64_t b : {std::int64_t{1}, std::int64_t{127}, std::int64_t{32767}, bound}) {
      for (const std::int64_t gamma : {1, 127, 32767}) {
        const Interval in{-std::min(b, bound), std::min(b, bound)};
        LayerNorm norm{0, draw.codes(cols, -gamma, gamma), draw.codes(cols, -(1 << 29), 1 << 29), 0, 1};
        while (gamma << (norm.fraction + 1) < std::int64_t{1} << 30) ++norm.fraction;
        norm.fraction = std::min(norm.fraction, 29);
        norm.epsilon = draw(1, std::int64_t{1} << draw(0, 60));
        check_with_rescale(cols, in, {norm}, cols, any_rows(cols), draw);
      }
    }
    // all columns equal: d = 0
    const LayerNorm flat{0, draw.codes(cols, -99, 99), draw.codes(cols, -99, 99), 20, 1};
    check_program(program_of(cols, {-77, -77}, {flat}), 3, draw);
  }
}

TEST_CASE("program kernels: table and embedding") {
  Draw draw(7);
  for (std::size_t cols = 1; cols <= 70; ++cols) {
    for (const Interval in : {Interval{-128, 127}, Interval{-127, 126}, Interval{0, 255}, Interval{-300, 300}}) {
      for (const std::int64_t bound : {1, 127, 128, 70000}) {
        const bool some = draw(0, 2) == 0;  // tables that columns share
        const auto rows = static_cast<std::uint32_t>(some ? 3 : draw(0, 1) == 0 ? 1 : cols);
        const auto size = static_cast<std::uint32_t>(in.hi - in.lo + 4);
        const Matrix entries{rows, size, 32, draw.codes(std::size_t{rows} * size, -bound, bound)};
        const Table table{0, static_cast<std::int32_t>(in.lo) - 2, entries,
                          some ? draw.codes(cols, 0, 2) : std::vector<std::int32_t>{}};
        check_program(program_of(cols, in, {table}), any_rows(cols), draw);
      }
    }
    Program tokens = program_of(1, {0, 299}, {});
    tokens.input.tokens = true;
    const auto width = static_cast<std::uint32_t>(cols);
    tokens.instructions = {Embedding{0, {300, width, 16, draw.codes(300 * cols, -200, 200)}}, Sign{1},
                           Concatenate{1, 2}};
    check_program(tokens, any_rows(cols), draw);
  }
}

/// A recurrence of `states` states whose eigenvalues may be larger than 1.
Scan any_scan(std::size_t states, Interval in, std::int32_t shift, std::int32_t bound, Draw& draw) {
  Scan s;
  s.shift = shift;
  s.backward = draw(0, 3) == 0;
  s.residue = static_cast<Residue>(draw(0, 2));
  s.bound = bound;
  s.lambda_bits = 17;
  const std::int64_t one = shift < 0 ? 1 << 7 : std::int64_t{1} << std::min(shift, 15);
  s.lambda = draw.codes(2 * states, -one, one);
  s.to_state = shift < 0 ? FixedPoint{(std::int64_t{1} << 30) + 12345, 37} : FixedPoint{1 << 30, 30};
  s.to_inner = shift < 0 ? FixedPoint{int32_max - 24690, 24} : FixedPoint{1 << 30, 30};
  s.limit = shift < 0 ? std::int64_t{1} << 30 : (4 * std::int64_t{bound}) << shift;
  if (draw(0, 2) == 1) s.limit /= 10;  // one that decides
  s.from_input = draw.factors(2 * states, 1, 62);
  // some inputs of the size of the state, some far beyond the limit
  for (FixedPoint& f : s.from_input) {
    if (draw(0, 3) == 0) continue;
    f = {1 << 30, 30};
    while (f.shift > 1 && rescale(in.magnitude(), f) < s.limit / 64) --f.shift;
    while (f.shift < 62 && rescale(in.magnitude(), f) > s.limit) ++f.shift;
  }
  return s;
}

TEST_CASE("program kernels: scan") {
  Draw draw(8);
  for (std::size_t states = 1; states <= 20; ++states) {
    for (const Interval in : intervals) {
      for (const std::int32_t shift : {-1, 0, 1, 7, 15, 40}) {
        for (const std::int32_t bound : {1, 127, 32767}) {
          if (shift < 0 && bound > 127) continue;  // analyse() allows sums up to 3 2^30
          Scan scan = any_scan(states, in, shift, bound, draw);
          check_program(program_of(2 * states, in, {scan}), 5 + states, draw);
        }
      }
    }
  }
}

/// Codes of form=shear with eigenvalues inside the circle, many of them at the ends of what is allowed.
Shear any_shear(std::int32_t step_bits, std::int32_t decay_bits, Draw& draw) {
  const std::int64_t steps = (std::int64_t{1} << (step_bits - 1)) - 1;
  for (;;) {
    const Shear s{draw(0, 1) == 0 ? 1 : -1, draw.code(1, (1 << decay_bits) - 1), draw.code(0, 15),
                  draw.code(-steps, steps), draw.code(0, 15)};
    const std::int64_t decay = std::int64_t{s.decay} << (15 - s.decay_shift);
    if (decay > 24576) continue;
    if (const std::int64_t turn = s.turn(); turn * turn < (32768 - decay) * 131072) return s;
  }
}

TEST_CASE("program kernels: scan_shear") {
  Draw draw(10);
  for (std::size_t states = 1; states <= 20; ++states) {
    for (const Interval in : intervals) {
      for (const std::int32_t bound : {1, 127, 8191, 32767}) {
        ScanShear scan;
        scan.backward = draw(0, 3) == 0;
        scan.feedback = draw(0, 1) == 0;
        scan.step_bits = static_cast<std::uint32_t>(draw(2, 16));
        scan.decay_bits = static_cast<std::uint32_t>(draw(1, 15));
        scan.bound = bound;
        scan.from_input = any_scan(states, in, 15, bound, draw).from_input;
        scan.limit = (5 * std::int64_t{bound}) << 15;
        if (draw(0, 2) == 1) scan.limit /= 10;  // one that decides
        for (std::size_t p = 0; p < states; ++p) {
          scan.add(
              any_shear(static_cast<std::int32_t>(scan.step_bits), static_cast<std::int32_t>(scan.decay_bits), draw));
        }
        check_program(program_of(2 * states, in, {scan}), 5 + states, draw);
      }
    }
  }
}

TEST_CASE("program kernels: pools and what follows them") {
  Draw draw(9);
  for (std::size_t cols = 1; cols <= 70; ++cols) {
    for (const Interval in : {Interval{-128, 127}, Interval{-255, 0}, Interval{-32768, 32767}}) {
      const Linear head{
          2, {10, static_cast<std::uint32_t>(cols), 8, draw.codes(10 * cols, -3, 3)}, draw.codes(10, -9, 9)};
      const Rescale narrow{1, {{1 << 30, 40}}, {-100}, {100}};
      check_program(program_of(cols, in, {MeanPool{0, 10}, narrow, head}), any_rows(cols), draw);
      check_program(program_of(cols, in, {Last{0}, narrow, head}), any_rows(cols), draw);
    }
  }
}

TEST_CASE("program kernels: an instruction set that is not there is refused") {
  const Program p = program_of(1, {-1, 1}, {Sign{0}});
  CHECK(is_available(Isa::plain));
  CHECK(is_available(best_isa()));
  for (const Isa isa : instruction_sets) {
    if (!is_available(isa)) CHECK_THROWS_AS(Runner(p, isa), UsageError);
  }
}

#if defined(__aarch64__)
TEST_CASE("program kernels: on AArch64 a runner takes NEON") { CHECK(best_isa() == Isa::neon); }
#endif

}  // namespace
}  // namespace bitstate::tests
