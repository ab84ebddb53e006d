// The instructions of selective models on every instruction set, against the formulas.
#include "core/error.h"
#include "core/exp2.h"
#include "core/program/run/operands.h"
#include "tests/support/drawn_programs.h"
#include "tests/support/small_program.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace bitstate::tests {
namespace {

using namespace drawn;  // NOLINT(google-build-using-namespace): with the instructions

TEST_CASE("selective kernels: all decays of every instruction set are those of the tables") {
  // of a state of 1 with no input, Ah is the decay: the code and the residue behind it
  constexpr std::size_t channels = 48, states = 16;
  SelectiveScan scan;
  scan.residue = Residue::feedback;
  scan.states = states;
  scan.fraction = 1;
  scan.bound = scan.input_bound = 32767;
  scan.limit = std::int64_t{4} * scan.bound << 15;
  scan.delta = {2};  // q is the rate
  scan.to_input = scan.to_inner = {{1 << 30, 30}};
  const std::vector<std::int32_t> zeros(channels, 0);
  const Codes zero{zeros.data(), Width::four, channels};
  for (const Isa isa : instruction_sets) {
    if (!is_available(isa)) continue;
    CAPTURE(name_of(isa));
    for (std::int32_t first = 0; first < 18 << 16; first += channels * states) {
      scan.rate = {channels, states, 32, std::vector<std::int32_t>(channels * states)};
      for (std::size_t i = 0; i < scan.rate.codes.size(); ++i) {
        scan.rate.codes[i] = first > 17 << 16 ? 0x7fffffff - static_cast<std::int32_t>(i) * 99'999
                                              : first + static_cast<std::int32_t>(i);
      }
      Arena arena;
      const Selective s = selective_of(arena, scan, channels);
      std::vector<std::int32_t> h(channels * states, 1), residue(channels * states, 0), y(channels);
      kernels_of(isa).selective_scan(s, 1, {zero, zero, zero, zero}, {h.data(), residue.data()},
                                     {y.data(), Width::four, channels});
      for (std::size_t i = 0; i < h.size(); ++i) {
        const std::int32_t decay = (h[i] << 15) + residue[i];
        if (decay != decay_code(scan.rate.codes[i])) FAIL("of ", scan.rate.codes[i], " it is ", decay);
      }
    }
  }
}

TEST_CASE("selective kernels: rms_norm") {
  Draw draw(11);
  for (std::size_t groups = 1; groups <= 3; ++groups) {
    for (std::size_t width = 1; width <= 40; width += groups) {
      const std::size_t cols = groups * width;
      for (const std::int64_t bound :
           {std::int64_t{1}, std::int64_t{127}, std::int64_t{32767}, std::int64_t{1} << 26}) {
        const std::int64_t gamma = draw(0, 1) == 0 ? 127 : 32767;
        RmsNorm norm{0, draw.codes(cols, -gamma, gamma), static_cast<std::uint32_t>(groups), 0, 1};
        while (gamma << (norm.fraction + 1) < std::int64_t{1} << 30) ++norm.fraction;
        norm.epsilon = draw(1, std::int64_t{1} << draw(0, 60));
        check_with_rescale(cols, {-bound, bound}, {norm}, cols, any_rows(cols), draw);
      }
    }
  }
}

TEST_CASE("selective kernels: conv") {
  Draw draw(12);
  for (std::size_t cols = 1; cols <= 70; cols += 3) {
    for (std::size_t taps = 1; taps <= 6; ++taps) {
      for (const std::int64_t bound : {std::int64_t{127}, std::int64_t{32767}}) {
        Conv conv{
            0,
            draw(0, 2) == 0,
            {static_cast<std::uint32_t>(cols), static_cast<std::uint32_t>(taps), 8, draw.codes(cols * taps, -128, 127)},
            draw.codes(cols, -(1 << 29), 1 << 29)};
        check_with_rescale(cols, {-bound, bound}, {conv}, cols, cols % 2 == 0 ? 70 : 1 + cols % 5, draw);
      }
    }
  }
}

TEST_CASE("selective kernels: rotate") {
  Draw draw(14);
  for (const std::size_t cols : {1, 2, 8, 12, 20, 24, 28, 40, 64, 80, 256}) {
    check_with_rescale(cols, {-32767, 32767}, {Rotate{0}}, cols, any_rows(cols), draw);
  }
  CHECK_THROWS_AS(analyse(program_of(36, {-1, 1}, {Rotate{0}})), Error);
  CHECK_THROWS_AS(analyse(program_of(256, {-(1 << 24), 1 << 24}, {Rotate{0}})), Error);
}

TEST_CASE("selective kernels: selective_scan") {
  Draw draw(13);
  for (std::uint32_t states = 1; states <= 33; ++states) {
    for (std::uint32_t groups = 1; groups <= 2; ++groups) {
      const std::uint32_t heads = groups * (1 + states % 5);
      const auto of_head = static_cast<std::uint32_t>(draw(0, 1) == 0 ? 1 : draw(1, 20));
      const auto code = drawn_selective(heads, of_head, groups, states, draw);
      check_program(program_of(3, {-127, 127}, code), 1 + 3 * (states % 20), draw);
    }
  }
}

TEST_CASE("selective kernels: training sees the same on every instruction set") {
  Draw draw(15);
  for (std::uint32_t number = 0; number < 12; ++number) {
    CAPTURE(number);
    const std::uint32_t states = number % 2 == 0 ? 16 : 48;
    const auto code = drawn_selective(3, 2, 1, states, draw);
    const auto scan = std::get<SelectiveScan>(code.back());
    constexpr std::size_t rows = 70, channels = 6;
    const auto u = draw.codes(rows * channels, -127, 127), dt = draw.codes(rows * 3, scan.first, -scan.first);
    const auto b = draw.codes(rows * states, -127, 127), c = draw.codes(rows * states, -127, 127);
    Arena arena;
    const Selective s = selective_of(arena, scan, channels);
    const auto seen = [&](Isa isa) {
      std::vector<std::int32_t> kept(2 * channels * states, 0), y(rows * channels);
      std::vector<std::int64_t> largest(2 * channels, 0);
      const auto codes = [](const std::vector<std::int32_t>& all, std::size_t cols) {
        return Codes{all.data(), Width::four, cols};
      };
      kernels_of(isa).selective_scan(
          s, rows, {codes(u, channels), codes(dt, 3), codes(b, states), codes(c, states)},
          {kept.data(), kept.data() + channels * states, largest.data(), largest.data() + channels},
          {y.data(), Width::four, channels});
      return std::pair(kept, largest);
    };
    const auto plain = seen(Isa::plain);
    CHECK(*std::max_element(plain.second.begin(), plain.second.end()) > 0);
    for (const Isa isa : instruction_sets) {
      if (is_available(isa)) CHECK(seen(isa) == plain);
    }
  }
}

/// A scan through drawn codes, and what a replay of its states reads.
struct DrawnScan {
  static constexpr std::size_t rows = 35, channels = 13, states = 3, lanes = vector_columns;
  Arena arena;
  Selective s;
  std::vector<std::int32_t> u, dt, b;
  std::vector<std::int32_t> h, residue;  // after the scan
  std::vector<std::int32_t> delta, v, multiplier, shift;

  explicit DrawnScan(Draw& draw)
      : h(channels * states, 0), residue(h), delta(rows * lanes, 0), v(delta), multiplier(lanes, 0), shift(lanes, 32) {
    const auto scan = std::get<SelectiveScan>(drawn_selective(channels, 1, 1, states, draw).back());
    s = selective_of(arena, scan, channels);
    u = draw.codes(rows * channels, -127, 127);
    dt = draw.codes(rows * channels, scan.first, -scan.first);
    b = draw.codes(rows * states, -127, 127);
    const auto codes = [](const std::vector<std::int32_t>& all, std::size_t cols) {
      return Codes{all.data(), Width::four, cols};
    };
    std::vector<std::int32_t> y(rows * channels);
    kernels_of(Isa::plain)
        .selective_scan(s, rows, {codes(u, channels), codes(dt, channels), codes(b, states), codes(b, states)},
                        {h.data(), residue.data()}, {y.data(), Width::four, channels});
    for (std::size_t e = 0; e < channels; ++e) {
      multiplier[e] = s.to_inner.multiplier[e];
      shift[e] = s.to_inner.shift[e];
      for (std::size_t i = 0; i < rows; ++i) {
        const std::size_t from = row(i) * channels + e, to = i * lanes + e;
        delta[to] = s.delta[dt[from] - s.first];
        const std::int64_t input = rescale(std::int64_t{delta[to]} * u[from], scan.to_input[e]);
        v[to] = static_cast<std::int32_t>(std::clamp<std::int64_t>(input, -s.input_bound, s.input_bound));
      }
    }
  }

  [[nodiscard]] std::size_t row(std::size_t i) const { return s.backward ? rows - 1 - i : i; }
  [[nodiscard]] std::vector<std::int32_t> rates(std::size_t n) const {
    std::vector<std::int32_t> all(lanes, 0);
    for (std::size_t e = 0; e < channels; ++e) all[e] = s.rate[s.rate_per_state ? e * states + n : e];
    return all;
  }
};

/// What a replay writes.
struct Replayed {
  std::vector<std::int32_t> h, residue, decay;
  std::vector<float> decays, states, passes;
  bool operator==(const Replayed&) const = default;
};

/// Of state `n`; `again`: a second time, by the decays of the first.
Replayed replayed(const DrawnScan& scan, std::size_t n, Isa isa, bool again) {
  const std::vector<std::int32_t> rates = scan.rates(n);
  const std::vector<std::int32_t> none(DrawnScan::lanes, 0);
  const std::vector<float> scale(DrawnScan::lanes, 0.25F), numbers(DrawnScan::rows * DrawnScan::lanes);
  Replayed r{none, none, scan.delta, numbers, numbers, numbers};
  SelectiveReplay of;
  of.rows = DrawnScan::rows;
  of.rate = rates.data();
  of.delta = scan.delta.data();
  of.v = scan.v.data();
  of.b = &scan.b[scan.row(0) * DrawnScan::states + n];
  of.b_step = (scan.s.backward ? -1 : 1) * static_cast<std::ptrdiff_t>(DrawnScan::states);
  of.to_inner = {scan.multiplier.data(), scan.shift.data(), Reach::wide};
  of.scale = scale.data();
  of.h = r.h.data();
  of.residue = r.residue.data();
  of.decay = r.decay.data();
  of.decays = r.decays.data();
  of.states = r.states.data();
  of.passes = r.passes.data();
  kernels_of(isa).selective_replay(scan.s, of);
  if (again) {
    r.h = r.residue = none;  // of the same size, so where they were
    of.rate = nullptr;
    kernels_of(isa).selective_replay(scan.s, of);
  }
  return r;
}

TEST_CASE("selective kernels: a replay goes through the states of the scan, on every instruction set") {
  Draw draw(16);
  std::ptrdiff_t clamped = 0;
  for (int number = 0; number < 24; ++number) {
    CAPTURE(number);
    const DrawnScan scan(draw);
    for (std::size_t n = 0; n < DrawnScan::states; ++n) {
      const Replayed plain = replayed(scan, n, Isa::plain, false);
      for (std::size_t e = 0; e < DrawnScan::channels; ++e) {
        const std::size_t kept = e * DrawnScan::states + n;
        CHECK(plain.h[e] == scan.h[kept]);
        if (scan.s.residue != Residue::none) CHECK(plain.residue[e] == scan.residue[kept]);
        CHECK(plain.states[(DrawnScan::rows - 1) * DrawnScan::lanes + e] == 0.25F * static_cast<float>(scan.h[kept]));
        const std::int32_t decay = decay_code(scan.delta[e], scan.rates(n)[e], scan.s.fraction);
        CHECK(plain.decays[e] == std::ldexp(static_cast<float>(decay), -15));
      }
      clamped += std::count(plain.passes.begin(), plain.passes.end(), 0.0F);
      for (const Isa isa : instruction_sets) {
        if (!is_available(isa)) continue;
        CHECK(replayed(scan, n, isa, false) == plain);
        CHECK(replayed(scan, n, isa, true) == plain);
      }
    }
  }
  CHECK(clamped > 100);
}

TEST_CASE("selective kernels: what could overflow or does not fit together is refused by the instruction's name") {
  const auto refused = [](auto change) {
    Program p = small_selective_program();
    change(p);
    try {
      analyse(p);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(refused([](Program&) {}) == "");
  const auto check = [&](const char* sentence, auto change) {
    CHECK(refused(change).find(sentence) != std::string::npos);
  };
  const auto norm = [](Program& p) -> RmsNorm& { return std::get<RmsNorm>(p.instructions[1]); };
  const auto conv = [](Program& p) -> Conv& { return std::get<Conv>(p.instructions[3]); };
  const auto scan = [](Program& p) -> SelectiveScan& { return std::get<SelectiveScan>(p.instructions[5]); };
  check("1, rms_norm", [&](Program& p) { norm(p).scale.pop_back(); });
  check("2 columns cannot be parted into 3 equal groups", [&](Program& p) { norm(p).groups = 3; });
  check("2 columns cannot be parted into 0 equal groups", [&](Program& p) { norm(p).groups = 0; });
  check("its fraction is 30", [&](Program& p) { norm(p).fraction = 30; });
  check("3, conv", [&](Program& p) { conv(p).bias.pop_back(); });
  check("the sum of row 1 can reach", [&](Program& p) { conv(p).bias[1] = 0x7fffffff; });
  check("rows of the weight", [&](Program& p) { conv(p).weight = {1, 3, 4, {7, -8, 3}}; });
  check("2 columns and 2 of dt do not form 1 heads", [&](Program& p) { scan(p).rate = {1, 2, 20, {1, 2}}; });
  check("2 states and 3 rates", [&](Program& p) { scan(p).rate = {2, 3, 20, {1, 2, 3, 4, 5, 6}}; });
  check("for 1 groups of 3 states", [&](Program& p) {
    scan(p).states = 3;
    scan(p).rate = {2, 1, 20, {1, 2}};
  });
  check("2 heads cannot be parted into 4 equal groups", [&](Program& p) { scan(p).groups = 4; });
  check("there are 254 steps from -127 on for codes from -127 to 127", [&](Program& p) { scan(p).delta.pop_back(); });
  check("a step or a rate below 0: -1", [&](Program& p) { scan(p).delta[3] = -1; });
  check("a step or a rate below 0: 100, -5", [&](Program& p) { scan(p).rate.codes[2] = -5; });
  check("its steps times its input can reach", [&](Program& p) { scan(p).delta[3] = 1 << 25; });
  check("its state has codes up to 32768", [&](Program& p) { scan(p).bound = 1 << 15; });
  check("its limit is -1", [&](Program& p) { scan(p).limit = -1; });
  check("its residue 3", [&](Program& p) { scan(p).residue = static_cast<Residue>(3); });
  check("a factor is", [&](Program& p) { scan(p).to_inner[1].shift = 63; });
}

}  // namespace
}  // namespace bitstate::tests
