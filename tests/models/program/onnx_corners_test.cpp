// Programs made by hand in which an ONNX model that is nearly right gives other codes: the largest products, roots next
// to a square, sums at the limit of a type.
#include "core/program/onnx/onnx.h"

#include "core/error.h"
#include "core/random.h"
#include "tests/support/models/onnx_cases.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace bitstate::tests::onnx_corners_test {
namespace {

using program::Program;

constexpr std::int64_t largest_multiplier = (std::int64_t{1} << 31) - 1;

/// A program that reads codes from -bound to bound (of scale 1) and gives its last value at each step.
Program program_of(std::uint32_t cols, std::int32_t bound, std::vector<program::Instruction> instructions) {
  Program p;
  p.name = "corners";
  p.input.cols = cols;
  p.input.grid = {1.0F, -bound, bound};
  p.instructions = std::move(instructions);
  p.output.scale = {1.0F};
  return p;
}

/// Codes up to 3 * 2^29: every product with a factor needs int64, and with its half it may reach 2^62.
void add_rescales(OnnxCases& cases) {
  constexpr std::int32_t bound = 1 << 29;
  const program::Scale tripled{0, {3, -3, 1}};
  for (const std::int64_t shift : {30, 31, 32, 45, 53, 61, 62}) {
    const FixedPoint f{largest_multiplier - shift, shift};
    cases.add(program_of(3, bound, {tripled, program::Rescale{1, {f}, {-bound}, {bound}}}), {{2, 50}});
    if (shift == 30) continue;  // the others do not clamp
    const std::vector<FixedPoint> factors{f, {0, 1}, {-f.multiplier, shift}};
    cases.add(program_of(3, bound, {tripled, program::AddRow{1, factors, {1, -2, 3}}}), {{2, 50}});
    cases.add(program_of(3, bound, {tripled, program::Sum{1, 0, {f}, {{1 << 30, 32}}}}), {{2, 50}});
  }
  // a m + 2^29 is one less than a multiple of 2^30 and takes 55 bits, of which float64 loses that one
  for (const std::uint64_t a : {(1U << 24) - 1, (1U << 24) - 3, (1U << 24) - 5}) {
    std::uint64_t inverse = 1;  // of a, modulo 2^64
    for (int i = 0; i < 6; ++i) inverse *= 2 - a * inverse;
    const std::uint64_t remainder = ((1U << 29) - 1) * inverse % (1U << 30);
    const FixedPoint f{static_cast<std::int64_t>((1U << 30) + remainder), 30};
    const program::Rescale i{0, {f}, {-(1 << 27)}, {1 << 27}};
    cases.add(program_of(2, static_cast<std::int32_t>(a), {i}), {{2, 50}});
  }
  // 2^22 times a multiplier is at the end of float64
  for (const std::int32_t b : {(1 << 22) - 1, 1 << 22, (1 << 22) + 1}) {
    const program::Rescale i{0, {{largest_multiplier, 32}, {(1 << 30) + 1, 33}}, {-b, -b / 2}, {b, b / 2}};
    cases.add(program_of(2, b, {i}), {{2, 50}});
  }
}

/// W = 2 d^2 + E is u^2 or one next to it, which float64 takes for a square; and 2 d^2 may be none of its numbers.
void add_norms(OnnxCases& cases) {
  constexpr std::int32_t half = 1 << 28;
  const Random random{1, random_stream("onnx_corners")};
  for (std::uint64_t k = 0; k < 40; ++k) {
    // both columns are size, 0 or -size: d is 0, size or 2 size
    const auto size = half - static_cast<std::int32_t>(k % 8 == 4 ? k + 1 : 0);
    const std::int64_t d = k % 2 == 0 ? 2 * std::int64_t{size} : size;
    // W 4^(30-t) is 4 u^2, and a root that is off by one shows
    std::int64_t u = 900000000 + static_cast<std::int64_t>(random.below(170000000, k));
    const auto p = [d](std::int64_t root) { return (d * ((std::int64_t{1} << 60) / root) + (1 << 29)) >> 30; };
    while (p(2 * u) == p(2 * u - 1)) ++u;
    const std::int64_t epsilon = u * u - 2 * d * d - static_cast<std::int64_t>(k % 4 / 2);
    const std::vector<FixedPoint> one{{1 << 30, 30}};
    cases.add(program_of(2, half,
                         {program::Rescale{0, one, {-1}, {1}}, program::Scale{1, {size, k % 2 == 0 ? size : 0}},
                          program::LayerNorm{2, {1, 1}, {0, 7}, 29, epsilon}}),
              {{1, 60}});
  }
}

/// Partial sums below 2^24 are exact in float32, those above it need float64. The constants of a program are not the 1
/// of its weights' scale: with those onnxruntime leaves the products alone.
void add_linears(OnnxCases& cases) {
  const auto add = [&](std::int32_t bound, const program::Linear& i) {
    Program p = program_of(i.weight.cols, bound, {i});
    p.input.grid.scale = p.output.scale[0] = 0.25F;
    cases.add(p, {{2, 60}});
  };
  for (const std::int32_t extra : {0, 1, 2, 1000}) {
    program::Linear i;
    i.weight = {2, 5, 16, {32767, 32767, 32767, 32767, 1036 + extra, -32767, 32767, 1, 1, extra}};
    i.bias = {-5, (1 << 30) + 3};
    add(127, i);  // 2^24 - 8, and more
    add(129, i);
  }
  for (const std::uint32_t bits : {2U, 4U, 8U, 16U}) {
    const std::int32_t end = 1 << (bits - 1);
    program::Linear i;
    i.weight = {2, 3, bits, {-end, end - 1, 1, end - 1, -1, -end}};
    i.bias = {1, -1};
    for (const std::int32_t bound : {7, 127, 128, 129, 2047, 32767}) add(bound, i);
  }
}

/// Free and power-of-two s_lambda at sizes that need each of the types.
void add_scans(OnnxCases& cases) {
  for (const Residue residue : {Residue::none, Residue::feedback, Residue::decayed}) {
    for (const std::int32_t shift : {-1, 0, 7, 15, 24, 40}) {
      for (const std::int32_t bound : {7, 127, 32767}) {
        program::Scan i;
        i.residue = residue;
        i.backward = bound == 127;
        i.shift = shift;
        i.bound = bound;
        i.lambda_bits = 9;
        i.lambda = {100, -90, 3, 60, 77, 127};
        i.to_state = {largest_multiplier - 12345, 38};  // a little less than 1 / 128
        i.to_inner = {(1 << 30) + 6173, 23};
        i.from_input.assign(6, {largest_multiplier - 77, 30});
        i.limit = shift < 0 ? 1 << 30 : std::int64_t{4} * bound << shift;
        cases.add(program_of(6, 1 << 20, {i}), {{1, 40}, {3, 7}});
        i.from_input = {{1 << 30, 40}, {1 << 30, 33}, {1 << 30, 35}, {1 << 30, 36}, {1 << 30, 37}, {1 << 30, 38}};
        cases.add(program_of(6, 1 << 15, {i}), {{1, 40}, {3, 7}});
      }
    }
  }
}

/// Sums below and above 2^24, and those that only int64 holds.
void add_sheared_scans(OnnxCases& cases) {
  for (const bool feedback : {false, true}) {
    for (const std::int32_t bound : {7, 127, 32767}) {
      program::ScanShear i;
      i.feedback = feedback;
      i.backward = bound == 127;
      i.bound = bound;
      i.step_bits = 16;
      i.decay_bits = 15;
      for (const Shear& s : {Shear{1, 1, 15, 32767, 14}, Shear{-1, 24575, 15, -32767, 15}, Shear{1, 1, 3, 0, 0}})
        i.add(s);
      i.limit = std::int64_t{5} * bound << 15;
      i.from_input.assign(6, {largest_multiplier - 77, 30});
      cases.add(program_of(6, 1 << 20, {i}), {{1, 40}, {3, 7}});
      i.from_input = {{1 << 30, 29}, {1 << 30, 26}, {1 << 30, 28}, {1 << 30, 31}, {1 << 30, 24}, {1 << 30, 27}};
      cases.add(program_of(6, 1 << 15, {i}), {{1, 40}, {3, 7}});
      i.limit = std::int64_t{1} << 58;  // of a file by hand: sums beyond 2^53
      i.from_input.assign(6, {largest_multiplier, 1});
      cases.add(program_of(6, 1 << 27, {i}), {{1, 20}});
    }
  }
}

/// Products of 2^25 that cancel, which float32 rounds; and sums of -3 * 2^30, whose product with s_lambda is below
/// -2^62.
void add_large_sums(OnnxCases& cases) {
  program::Scan i;
  i.bound = 32767;
  i.lambda_bits = 17;
  i.shift = 1;
  i.limit = 8 * std::int64_t{i.bound};
  i.lambda = {1001, -1001, 999, 999};
  i.from_input.assign(4, {1 << 30, 30});
  program::Scan free = i;
  free.shift = -1;
  free.limit = 1 << 30;
  free.lambda = {32767, 32767, -32767, 32767};
  free.to_state = {largest_multiplier, 45};
  free.to_inner = {1 << 30, 16};
  free.from_input.assign(4, {1 << 30, 20});
  for (const Residue residue : {Residue::none, Residue::feedback, Residue::decayed}) {
    i.residue = free.residue = residue;
    cases.add(program_of(4, 20, {i}), {{3, 40}});
    cases.add(program_of(4, 1 << 20, {free}), {{3, 40}});
  }
}

/// Means of negative sums are floored; rows of a table are found by their column; a pool with classes that tie.
void add_others(OnnxCases& cases) {
  for (const std::int32_t fraction : {0, 1, 12}) {
    cases.add(program_of(2, 3, {program::MeanPool{0, fraction}}), {{3, 1}, {3, 2}, {5, 7}});
  }
  const program::Matrix entries{2, 7, 8, {-128, 5, 4, 3, 2, 1, 127, 7, 6, 5, 4, 3, 2, 1}};
  cases.add(program_of(2, 3, {program::Table{0, -3, entries}}), {{2, 30}});
  cases.add(program_of(5, 3, {program::Table{0, -3, entries, {1, 0, 0, 1, 0}}}), {{2, 30}});
  cases.add(program_of(2, 3, {program::Sign{0}, program::Concatenate{0, 1}}), {{2, 30}});
  Program ties = program_of(4, 2, {program::Last{0}});
  ties.output.classes = true;
  ties.output.scale = {0.1F};
  cases.add(ties, {{200, 2}});
  Program one_bit = program_of(2, 1, {program::Product{0, 0}, program::Sum{0, 1, {{1 << 30, 30}}, {{1 << 30, 31}}}});
  one_bit.input.one_bit = true;
  cases.add(one_bit, {{2, 30}});
}

/// One scale behind products of wide operands, of more digits than a float32 has.
void add_scales_of_products(OnnxCases& cases) {
  const program::Rescale scale{1, {{largest_multiplier - 12345, 36}}, {-32767}, {32767}};  // about 2^-5
  program::Linear linear;
  linear.weight = {4, 4, 8, {127, -3, 55, 90, -101, 17, 8, -128, 64, 33, -70, 12, 99, -5, 77, 41}};
  linear.bias.assign(4, 0);
  cases.add(program_of(4, 1 << 12, {linear, scale}), {{5, 1000}});
  program::Rescale halved = scale;
  halved.factor = {{largest_multiplier - 12345, 30}};
  cases.add(program_of(4, 1 << 12, {program::Rotate{0}, halved}), {{5, 1000}});
}

TEST_CASE("onnx: programs at the limits of types give the same codes in onnxruntime") {
  if (const std::string why = onnxruntime_missing(); !why.empty()) {
    MESSAGE("skipped: ", why);
    return;
  }
  OnnxCases cases;
  add_rescales(cases);
  add_norms(cases);
  add_linears(cases);
  add_scans(cases);
  add_sheared_scans(cases);
  add_large_sums(cases);
  add_scales_of_products(cases);
  add_others(cases);
  cases.check();
}

TEST_CASE("onnx: token ids that no embedding reads are refused") {
  Program p = program_of(1, 3, {program::Sign{0}});
  p.input.tokens = true;
  p.input.grid.lo = 0;
  CHECK(error_of<Error>([&] { (void)program::onnx_model(p); }) == "[onnx] only an embedding can read token ids");
}

}  // namespace
}  // namespace bitstate::tests::onnx_corners_test
