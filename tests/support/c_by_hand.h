// Programs by hand, at the limits of what analyse() allows, and their C.
#pragma once

#include "core/program/c/source.h"
#include "tests/support/c_build.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace bitstate::tests::c_by_hand {

using namespace program;  // NOLINT(google-build-using-namespace): the instructions

inline constexpr std::int32_t int32_max = std::numeric_limits<std::int32_t>::max();

inline Program program_of(std::uint32_t cols, std::int32_t lo, std::int32_t hi, std::vector<Instruction> instructions) {
  Program p;
  p.name = "*/ by hand \n \\";  // must not end the comment it stands in
  p.input = {cols, false, false, {1.0F, lo, hi}};
  p.instructions = std::move(instructions);
  p.output.scale = {1.0F};
  return p;
}

inline Scan scan_of(Ref x, Residue residue, std::int32_t shift) {
  Scan scan;
  scan.x = x;
  scan.residue = residue;
  scan.shift = shift;
  scan.lambda_bits = 17;
  scan.lambda = {65535, -65536, 40000, -65536};
  scan.bound = 32767;
  scan.limit = std::int64_t{1} << 33;
  scan.to_state = {std::int64_t{1} << 30, 46};  // 2^-16
  scan.to_inner = {std::int64_t{1} << 30, 14};
  scan.from_input = {{int32_max, 1}, {int32_max, 31}, {1 << 30, 28}, {0, 1}};
  return scan;
}

/// Programs that are compiled together and run on random codes.
class Limits {
 public:
  void add(const Program& p, std::size_t steps = 60) {
    programs_.add(p, {random_sequence(p, steps, 1), random_sequence(p, 1, 2)});
  }
  void check() const { programs_.check({sanitizing_cc, "cc -O3"}); }
  /// And for targets that multiply pairs, or vectors.
  void check_pairs() const {
    programs_.check({sanitizing_cc, sanitizing_cc + programs_.with_pairs(), "cc -O2" + programs_.with_pairs(),
                     sanitizing_cc + programs_.with_vectors()});
  }
  /// And for targets that do not multiply.
  void check_both() const {
    programs_.check({sanitizing_cc + programs_.without_multiplier()});
    check();
  }

 private:
  CPrograms programs_;
};

/// The C of the program.
inline std::string source_of(const Program& p) {
  return c_source(p, "model", std::vector{random_sequence(p, 1, 1)}).source;
}

}  // namespace bitstate::tests::c_by_hand
