// The operators that ONNX models are made of, each by itself at the edges of its types.
#pragma once

#include "core/program/onnx/proto.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::tests {

/// What one node asks of a runtime.
struct OnnxOperator {
  struct Operand {
    program::onnx::Type type = program::onnx::Type::float32;
    bool constant = false;  ///< an initializer
  };
  std::string op;
  std::int64_t opset = 17;
  std::vector<Operand> operands;
  program::onnx::Type result = program::onnx::Type::float32;  ///< of the last output
  std::vector<program::onnx::Attribute> attributes;           ///< all but graphs

  /// "Gather(float64, constant int64) -> float64 axis=1, opset 17"
  [[nodiscard]] std::string name() const;
  /// The integer, or the first of the integers, of an attribute.
  [[nodiscard]] std::int64_t integer(std::string_view attribute, std::int64_t otherwise) const;
};

/// By their names.
using OnnxOperators = std::map<std::string, OnnxOperator>;

/// Those of a model's graph and of the graphs in it.
OnnxOperators operators_of(std::string_view model);

/// Runs each operator in onnxruntime, at every optimization level, on numbers at the edges of what its types hold
/// exactly, and checks every result. An operator that has no edge case (onnx_edges.h) is a failure.
void check_operators(const OnnxOperators& operators);

}  // namespace bitstate::tests
