// The instructions of selective models against the golden codes.
#include "core/exp2.h"
#include "core/io/hdf5.h"
#include "core/program/run/operands.h"
#include "tests/support/drawn_programs.h"
#include "tests/support/folders.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

namespace bitstate::tests {
namespace {

using namespace drawn;  // NOLINT(google-build-using-namespace): with the instructions

/// The golden values of Mamba in integers.
class IntegerGolden {
 public:
  IntegerGolden() : file_(fixture_folder() / "mamba_reference.h5") {}
  [[nodiscard]] std::vector<std::string> list(const std::string& group) const { return file_.list(group); }
  [[nodiscard]] std::vector<std::int64_t> integers(const std::string& path) const {
    return file_.read<std::int64_t>(path).values;
  }
  [[nodiscard]] std::size_t count(const std::string& group, const char* name) const {
    return static_cast<std::size_t>(file_.attribute<std::int64_t>(group, name));
  }

 private:
  Hdf5Reader file_;
};

std::vector<std::int32_t> codes_of(const IntegerGolden& golden, const std::string& path) {
  const std::vector<std::int64_t> wide = golden.integers(path);
  return {wide.begin(), wide.end()};
}

std::vector<FixedPoint> factors_from(const IntegerGolden& golden, const std::string& m, const std::string& k) {
  const auto multipliers = golden.integers(m);
  const auto shifts = golden.integers(k);
  std::vector<FixedPoint> factors;
  for (std::size_t i = 0; i < multipliers.size(); ++i) factors.push_back({multipliers[i], shifts[i]});
  return factors;
}

TEST_CASE("selective kernels: decays are the golden ones") {
  const IntegerGolden golden;
  const auto p = golden.integers("integer/exp2/p");
  const auto expected = golden.integers("integer/exp2/q15");
  REQUIRE(p.size() == 473);
  for (std::size_t i = 0; i < p.size(); ++i) CHECK(decay_code((p[i] + 8) >> 4) == expected[i]);
  const auto high = golden.integers("integer/exp2/hi");
  const auto low = golden.integers("integer/exp2/lo");
  for (std::size_t j = 0; j < 256; ++j) {
    CHECK(exp2_tables.high[j] == high[j]);
    CHECK(exp2_tables.low[j] == low[j]);
  }
  CHECK(decay_code(std::int64_t{1} << 50) == 0);
}

TEST_CASE("selective kernels: the norm's codes are the golden ones") {
  const IntegerGolden golden;
  std::size_t seen = 0;
  for (const std::string& name : golden.list("integer")) {
    if (!name.starts_with("rms_case")) continue;
    const std::string path = "integer/" + name;
    CAPTURE(path);
    ++seen;
    const auto x = codes_of(golden, path + "/x");
    const RmsNorm norm{0, codes_of(golden, path + "/gamma"), 1, static_cast<std::int32_t>(golden.count(path, "F")),
                       static_cast<std::int64_t>(golden.count(path, "E"))};
    std::int64_t largest = 1;
    for (const std::int32_t v : x) largest = std::max<std::int64_t>(largest, std::abs(v));
    const Program p = program_of(x.size(), {-largest, largest}, {norm});
    CHECK(Runner(p).run(x) == codes_of(golden, path + "/y"));
  }
  CHECK(seen == 2);
}

TEST_CASE("selective kernels: the scan's codes are the golden ones") {
  const IntegerGolden golden;
  std::size_t seen = 0;
  for (const std::string& name : golden.list("integer")) {
    const std::string path = "integer/" + name;
    if (!name.starts_with("scan1_case") || golden.count(path, "width") != 15) continue;  // others have 24-bit decays
    CAPTURE(path);
    ++seen;
    const std::size_t channels = golden.count(path, "E"), states = golden.count(path, "N");
    const std::size_t steps = golden.count(path, "L");
    SelectiveScan scan;
    scan.residue = golden.count(path, "feedback") != 0 ? Residue::feedback : Residue::none;
    scan.states = static_cast<std::uint32_t>(states);
    scan.first = static_cast<std::int32_t>(golden.integers(path + "/const/dt_lo").at(0));
    scan.fraction = static_cast<std::int32_t>(golden.count(path, "sh"));
    scan.bound = (1 << (golden.count(path, "state_bits") - 1)) - 1;
    scan.input_bound = 32767;
    scan.limit = std::int64_t{4} * scan.bound << 15;
    scan.delta = codes_of(golden, path + "/const/delta");
    scan.rate = {static_cast<std::uint32_t>(channels), static_cast<std::uint32_t>(states), 32,
                 codes_of(golden, path + "/const/a")};
    scan.to_input = factors_from(golden, path + "/const/v_m", path + "/const/v_k");
    scan.to_inner = factors_from(golden, path + "/const/u_m", path + "/const/u_k");
    Arena arena;
    const Selective s = selective_of(arena, scan, channels);
    const auto u = codes_of(golden, path + "/in/x"), dt = codes_of(golden, path + "/in/dt");
    const auto b = codes_of(golden, path + "/in/B"), c = codes_of(golden, path + "/in/C");
    const auto h = codes_of(golden, path + "/out/h"), y = codes_of(golden, path + "/out/y");
    std::vector<std::int32_t> state(channels * states, 0), residue(channels * states, 0), out(steps * channels);
    const auto rows = [](const std::vector<std::int32_t>& codes, std::size_t cols) {
      return Codes{codes.data(), Width::four, cols};
    };
    for (std::size_t t = 0; t < steps; ++t) {  // step by step: h is seen at each
      const SelectiveCodes in{rows_from(rows(u, channels), t), rows_from(rows(dt, channels), t),
                              rows_from(rows(b, states), t), rows_from(rows(c, states), t)};
      kernels_of(best_isa())
          .selective_scan(s, 1, in, {state.data(), s.residue != Residue::none ? residue.data() : nullptr},
                          {out.data() + t * channels, Width::four, channels});
      const std::vector<std::int32_t> at(h.begin() + static_cast<std::ptrdiff_t>(t * state.size()),
                                         h.begin() + static_cast<std::ptrdiff_t>((t + 1) * state.size()));
      CAPTURE(t);
      for (std::size_t k = 0; k < at.size(); ++k) REQUIRE(state[k] == at[k]);
    }
    CHECK(out == y);
  }
  CHECK(seen == 2);
}

}  // namespace
}  // namespace bitstate::tests
