#include "core/program/onnx/proto.h"

#include <string_view>
#include <type_traits>

namespace bitstate::program::onnx {
namespace {

/// A protobuf message: fields are appended, each with its number and its wire type.
class Message {
 public:
  void integer(std::uint32_t field, std::int64_t value) {
    varint(field << 3U);
    varint(static_cast<std::uint64_t>(value));
  }

  void bytes(std::uint32_t field, std::string_view value) {
    varint(field << 3U | 2U);
    varint(value.size());
    bytes_ += value;
  }

  void message(std::uint32_t field, const Message& value) { bytes(field, value.bytes_); }

  [[nodiscard]] std::string take() { return std::move(bytes_); }

 private:
  /// Seven bits per byte, the lowest first; the eighth bit says that more follow.
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7U) bytes_ += static_cast<char>(value | 0x80U);
    bytes_ += static_cast<char>(value);
  }

  std::string bytes_;
};

Message tensor_proto(const Tensor& tensor) {
  Message m;
  for (const std::int64_t size : tensor.dims) m.integer(1, size);
  m.integer(2, static_cast<std::int64_t>(tensor.type));
  m.bytes(8, tensor.name);
  m.bytes(9, tensor.raw);
  return m;
}

Message shape_proto(const std::vector<Dim>& dims) {
  Message shape;
  for (const Dim& size : dims) {
    Message dimension;
    if (const auto* const name = std::get_if<std::string>(&size)) {
      dimension.bytes(2, *name);
    } else {
      dimension.integer(1, std::get<std::int64_t>(size));
    }
    shape.message(1, dimension);
  }
  return shape;
}

Message value_info_proto(const Port& port) {
  Message tensor_type, type, m;
  tensor_type.integer(1, static_cast<std::int64_t>(port.type));
  tensor_type.message(2, shape_proto(port.dims));
  type.message(1, tensor_type);
  m.bytes(1, port.name);
  m.message(2, type);
  if (!port.doc.empty()) m.bytes(3, port.doc);
  return m;
}

Message graph_proto(const Graph& graph);

Message attribute_proto(const Attribute& attribute) {
  constexpr int integer = 2, string = 3, graph = 5, integers = 7;  // AttributeProto.AttributeType
  Message m;
  m.bytes(1, attribute.name);
  std::visit(
      [&m](const auto& value) {
        using Value = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<Value, std::int64_t>) {
          m.integer(3, value);
          m.integer(20, integer);
        } else if constexpr (std::is_same_v<Value, std::vector<std::int64_t>>) {
          for (const std::int64_t i : value) m.integer(8, i);
          m.integer(20, integers);
        } else if constexpr (std::is_same_v<Value, std::string>) {
          m.bytes(4, value);
          m.integer(20, string);
        } else {
          m.message(6, graph_proto(*value));
          m.integer(20, graph);
        }
      },
      attribute.value);
  return m;
}

Message node_proto(const Node& node) {
  Message m;
  for (const std::string& input : node.inputs) m.bytes(1, input);
  for (const std::string& output : node.outputs) m.bytes(2, output);
  m.bytes(3, node.outputs.back());  // a node is called as its result
  m.bytes(4, node.op);
  for (const Attribute& attribute : node.attributes) m.message(5, attribute_proto(attribute));
  return m;
}

Message graph_proto(const Graph& graph) {
  Message m;
  for (const Node& node : graph.nodes) m.message(1, node_proto(node));
  m.bytes(2, graph.name);
  for (const Tensor& tensor : graph.initializers) m.message(5, tensor_proto(tensor));
  for (const Port& port : graph.inputs) m.message(11, value_info_proto(port));
  for (const Port& port : graph.outputs) m.message(12, value_info_proto(port));
  return m;
}

}  // namespace

std::string serialize(const Model& model) {
  Message opset, m;
  opset.bytes(1, "");  // the operators of ONNX itself
  opset.integer(2, model.opset);
  m.integer(1, model.ir_version);
  m.bytes(2, model.producer);
  m.bytes(6, model.doc);
  m.message(7, graph_proto(model.graph));
  m.message(8, opset);
  for (const auto& [key, value] : model.metadata) {
    Message entry;
    entry.bytes(1, key);
    entry.bytes(2, value);
    m.message(14, entry);
  }
  return m.take();
}

}  // namespace bitstate::program::onnx
