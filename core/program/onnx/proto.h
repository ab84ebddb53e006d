// The part of the ONNX file format that onnx.cpp needs, and its protobuf wire format
// (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace bitstate::program::onnx {

/// TensorProto.DataType
enum class Type : std::int32_t {
  float32 = 1,
  int8 = 3,
  int16 = 5,
  int32 = 6,
  int64 = 7,
  float64 = 11,
  uint64 = 13,
  int4 = 22  ///< since opset 21, two a byte, the first in the lower half
};

/// A constant; `raw` holds the elements row-major, little-endian.
struct Tensor {
  std::string name;
  Type type = Type::float32;
  std::vector<std::int64_t> dims;
  std::string raw;
};

/// A size, or the name of one that is known only at run time.
using Dim = std::variant<std::int64_t, std::string>;

/// An input or an output of a graph.
struct Port {
  std::string name;
  Type type = Type::float32;
  std::vector<Dim> dims;
  std::string doc;
};

struct Graph;

struct Attribute {
  std::string name;
  std::variant<std::int64_t, std::vector<std::int64_t>, std::string, std::shared_ptr<const Graph>> value;
};

struct Node {
  std::string op;
  std::vector<std::string> inputs, outputs;
  std::vector<Attribute> attributes;
};

/// Nodes stand after those whose outputs they read.
struct Graph {
  std::string name;
  std::vector<Node> nodes;
  std::vector<Tensor> initializers;
  std::vector<Port> inputs, outputs;
};

struct Model {
  std::int64_t ir_version = 0;
  std::int64_t opset = 0;
  std::string producer, doc;
  Graph graph;
  std::vector<std::pair<std::string, std::string>> metadata = {};  ///< keys and values
};

/// The bytes of an .onnx file.
[[nodiscard]] std::string serialize(const Model& model);

}  // namespace bitstate::program::onnx
