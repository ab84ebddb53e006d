// The recurrence of selective models (docs/numerics.md, section 10) as an ONNX Scan.
#pragma once

#include "core/program/onnx/builder.h"
#include "core/program/program.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace bitstate::program::onnx {

/// The codes that a selective scan reads [N, L, cols], in float64.
struct SelectiveInputs {
  std::string u, dt, b, c;
  std::int64_t largest_u, largest_b;  ///< no code of u and B has a larger magnitude
};

/// y [N, L, channels] in float64. The body of the Scan computes in float64, but for Delta times the rates, the product
/// of the two tables and, where its products pass 2^53, w; these are int64.
std::string write_selective_scan(Builder& builder, const SelectiveScan& scan, const SelectiveInputs& in,
                                 std::size_t channels);

}  // namespace bitstate::program::onnx
