// The instructions of selective models in onnxruntime: drawn programs, classes of steps, and decays of all sizes.
#include "tests/support/drawn_programs.h"
#include "tests/support/models/onnx_cases.h"
#include "tests/support/small_program.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bitstate::tests::onnx_selective_test {
namespace {

using namespace drawn;  // NOLINT(google-build-using-namespace): with the instructions

void add_rms_norms(OnnxCases& cases) {
  Draw draw(31);
  for (const std::size_t groups : {1U, 3U}) {
    for (const std::int64_t bound : {std::int64_t{127}, std::int64_t{32767}, std::int64_t{1} << 26}) {
      for (const int bits : {0, 20, 40, 60}) {
        const std::size_t cols = groups * 5;
        program::RmsNorm norm{0, draw.codes(cols, -127, 127), static_cast<std::uint32_t>(groups), 23, 1};
        norm.epsilon = draw(1, std::int64_t{1} << bits);
        cases.add(program_of(cols, {-bound, bound}, {norm}), {{3, 20}});
      }
    }
  }
}

void add_convolutions(OnnxCases& cases) {
  Draw draw(32);
  for (const bool backward : {false, true}) {
    for (const std::uint32_t taps : {1U, 2U, 4U, 9U}) {
      const program::Conv conv{
          0, backward, {3, taps, 8, draw.codes(3 * std::size_t{taps}, -128, 127)}, draw.codes(3, -999, 999)};
      cases.add(program_of(3, {-32767, 32767}, {conv}), {{3, 20}, {2, 1}, {1, 5}});
    }
  }
}

void add_scans(OnnxCases& cases) {
  Draw draw(33);
  for (std::uint32_t states = 1; states <= 8; ++states) {
    for (std::uint32_t groups = 1; groups <= 2; ++groups) {
      const std::uint32_t heads = groups * (1 + states % 3);
      const auto code = drawn_selective(heads, 1 + states % 4, groups, states, draw);
      cases.add(program_of(3, {-127, 127}, code), {{3, 30}, {2, 1}});
    }
  }
  // w of factors that only int64 holds, and those whose half reaches 2^62
  auto code = drawn_selective(2, 2, 1, 3, draw);
  auto& scan = std::get<program::SelectiveScan>(code.back());
  for (const std::int64_t shift : {30, 45, 61, 62}) {
    scan.to_input.assign(1, {0x7fffffff, shift});
    scan.to_inner.assign(1, {0x7fffffff, shift});
    cases.add(program_of(3, {-127, 127}, code), {{2, 30}});
  }
}

/// A forward and a backward scan of one input, summed; the input is padded.
Program padded_program() {
  Draw draw(34);
  std::vector<Instruction> code = drawn_selective(2, 1, 1, 2, draw);
  auto& forward = std::get<program::SelectiveScan>(code.back());
  forward.backward = false;
  program::SelectiveScan backward = forward;
  backward.backward = true;
  const auto y = static_cast<Ref>(code.size());
  const program::Conv conv{y, true, {2, 3, 4, {1, 2, 3, -4, 5, -6}}, {7, 8}};
  const FixedPoint small{1 << 30, 42};
  code.emplace_back(program::Rescale{y, {small}, {-127}, {127}});
  code.emplace_back(backward);
  code.emplace_back(program::Rescale{y + 2, {small}, {-127}, {127}});
  code.emplace_back(program::Sum{y + 1, y + 3, {{1 << 30, 30}}, {{1 << 30, 30}}});
  code.emplace_back(conv);
  std::get<program::Conv>(code.back()).x = y + 4;
  Program p = program_of(3, {-127, 127}, code);
  p.padded_length = 25;
  return p;
}

TEST_CASE("onnx: norms, convolutions and scans of selective models give the same codes in onnxruntime") {
  if (const std::string why = onnxruntime_missing(); !why.empty()) {
    MESSAGE("skipped: ", why);
    return;
  }
  OnnxCases cases;
  add_rms_norms(cases);
  add_convolutions(cases);
  add_scans(cases);
  cases.add(padded_program(), {{2, 30}, {3, 7}});
  cases.add(small_selective_program(), {{20, 50}, {3, 1}});  // a class at each step
  cases.check();
}

}  // namespace
}  // namespace bitstate::tests::onnx_selective_test
