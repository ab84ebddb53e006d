// What an ONNX operator has to give at the edges of its types.
#pragma once

#include "core/program/onnx/proto.h"
#include "tests/support/models/onnx_operators.h"

#include <cstdint>
#include <vector>

namespace bitstate::tests {

/// TensorProto.DataType's bool, which no constant of a model has.
inline constexpr auto onnx_bool = static_cast<program::onnx::Type>(9);

/// Of any type: a long double holds each int64, uint64 and double.
struct OnnxTensor {
  program::onnx::Type type = program::onnx::Type::float32;
  std::vector<std::int64_t> dims;
  std::vector<long double> values;
};

struct OnnxEdge {
  std::vector<OnnxTensor> inputs;
  OnnxTensor expected;  ///< NaN: not asked, because the type cannot hold it
};

/// None for an operator that nobody has thought of.
std::vector<OnnxEdge> edges_of(const OnnxOperator& o);

}  // namespace bitstate::tests
