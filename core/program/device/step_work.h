// What a streaming step of a program's C (core/program/c) computes, in the units that its instructions are counted by.
#pragma once

#include "core/program/program.h"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace bitstate::program {

/// Functions of the C whose instructions are counted alike.
enum class StepKind : std::uint8_t {
  step,
  input,
  rows_w8,
  rows_w4,
  rows_w2,
  linear,
  linear_packed,
  rescale,
  rescale_wide,
  product,
  scale,
  sum,
  add_row,
  layer_norm,
  rms_norm,
  conv,
  rotate,
  table,
  embedding,
  scan,
  scan_narrow,
  scan_shear,
  selective_scan,
  mean_pool,
  last,
  sign,
  concatenate,
};
inline constexpr std::size_t step_kinds = 27;

/// "linear by rows (8 bits)"; none has a comma
[[nodiscard]] std::string_view name_of(StepKind kind);

/// The work of all functions of a kind. What an element, an input and a product are depends on the kind:
///   step: elements are functions that are called
///   linear: rows, columns and multiplications of the matrix
///   RMS norm: elements, and groups as inputs
///   convolution: elements, and multiplications
///   rotation: elements, and additions as products
///   scans: pairs of states, or states of a shear, as elements
///   selective scan: columns, decays that are computed as inputs, and states as products
///   all others: elements
struct StepWork {
  StepKind kind = StepKind::step;
  std::size_t calls = 0, elements = 0, inputs = 0, products = 0;
};

/// In the order of StepKind, without the kinds that do not occur. Throws Error for a program that cannot stream, and
/// where analyse() does.
[[nodiscard]] std::vector<StepWork> step_work(const Program& program);

}  // namespace bitstate::program
