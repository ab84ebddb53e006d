// The program of which the tests of program files cut and flip bytes.
#pragma once

#include "core/fixed_point.h"
#include "core/program/program.h"

#include <cstdint>

namespace bitstate::tests {

/// A matrix, its rounding, a scan and a pool: two classes of sequences of one number per step.
inline program::Program small_program() {
  program::Program p;
  p.name = "small";
  p.input = {1, false, false, {0.5F, -127, 127}};
  program::Linear linear;
  linear.weight = {2, 1, 3, {3, -3}};
  linear.bias = {-1, 2};
  p.instructions.emplace_back(linear);
  p.instructions.emplace_back(program::Rescale{1, {to_fixed_point(0.25, "test")}, {-7}, {7}});
  program::Scan scan;
  scan.x = 2;
  scan.residue = Residue::feedback;
  scan.shift = 15;
  scan.lambda_bits = 16;
  scan.bound = 127;
  scan.limit = std::int64_t{508} << 15;
  scan.to_state = {std::int64_t{1} << 30, 45};
  scan.to_inner = {std::int64_t{1} << 30, 15};
  scan.lambda = {30000, -5000};
  scan.from_input = {to_fixed_point(9000.0, "test"), to_fixed_point(8000.0, "test")};
  p.instructions.emplace_back(scan);
  p.instructions.emplace_back(program::MeanPool{3, 4});
  p.output = {true, {0.125F}};
  return p;
}

/// The same with a sheared scan.
inline program::Program small_shear_program() {
  program::Program p = small_program();
  program::ScanShear scan;
  scan.x = 2;
  scan.feedback = true;
  scan.step_bits = 6;
  scan.decay_bits = 2;
  scan.bound = 127;
  scan.limit = std::int64_t{635} << 15;
  scan.add({-1, 3, 6, -21, 6});
  scan.from_input = {to_fixed_point(9000.0, "test"), to_fixed_point(8000.0, "test")};
  p.instructions[2] = scan;
  return p;
}

/// Tokens, a norm, a convolution and a selective scan: three classes at each step.
inline program::Program small_selective_program() {
  program::Program p;
  p.name = "small";
  p.input = {1, true, false, {1.0F, 0, 2}};
  p.instructions.emplace_back(program::Embedding{0, {3, 2, 8, {100, -30, 7, 90, -128, 127}}});
  p.instructions.emplace_back(program::RmsNorm{1, {90, 127}, 1, 23, 12});
  p.instructions.emplace_back(program::Rescale{2, {to_fixed_point(1e-7, "test")}, {-127}, {127}});
  p.instructions.emplace_back(program::Conv{3, false, {2, 3, 4, {7, -8, 3, 1, 0, 5}}, {-50, 60}});
  p.instructions.emplace_back(program::Rescale{4, {to_fixed_point(0.1, "test")}, {-127}, {127}});
  program::SelectiveScan scan;
  scan.u = scan.dt = scan.b = scan.c = 5;
  scan.residue = Residue::decayed;
  scan.states = 2;
  scan.first = -127;
  scan.fraction = 16;
  scan.input_bound = 32767;
  scan.bound = 127;
  scan.limit = std::int64_t{508} << 15;
  for (std::int32_t c = 0; c < 255; ++c) scan.delta.push_back(100 + 37 * c);
  scan.rate = {2, 2, 20, {94548, 189097, 283645, 378193}};
  scan.to_input = {to_fixed_point(0.02, "test"), to_fixed_point(0.03, "test")};
  scan.to_inner = {to_fixed_point(9.0, "test"), to_fixed_point(7.0, "test")};
  p.instructions.emplace_back(scan);
  p.instructions.emplace_back(program::Linear{6, {3, 2, 3, {3, -3, 1, 2, -4, 1}}, {-1, 2, 0}});
  p.output = {true, {0.125F}};
  return p;
}

}  // namespace bitstate::tests
