#include "tests/support/models/onnx_operators.h"

#include "core/program/onnx/builder.h"
#include "tests/support/models/onnx_cases.h"
#include "tests/support/models/onnx_edges.h"
#include "tests/support/protobuf.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <variant>

namespace bitstate::tests {
namespace {

using nlohmann::json;
using program::onnx::Attribute;
using program::onnx::Graph;
using program::onnx::Type;

std::string_view type_name(Type type) {
  static const std::map<Type, std::string_view> names{
      {Type::float32, "float32"}, {Type::float64, "float64"}, {Type::int4, "int4"},
      {Type::int8, "int8"},       {Type::int16, "int16"},     {Type::int32, "int32"},
      {Type::int64, "int64"},     {Type::uint64, "uint64"},   {onnx_bool, "bool"}};
  return names.at(type);
}

Attribute attribute_of(const ProtobufMessage& m) {
  if (const auto integer = m.all(3); !integer.empty()) {
    return {m.text(1), static_cast<std::int64_t>(integer[0].number)};
  }
  if (const auto text = m.all(4); !text.empty()) return {m.text(1), std::string(text[0].bytes)};
  std::vector<std::int64_t> integers;
  for (const auto& i : m.all(8)) integers.push_back(static_cast<std::int64_t>(i.number));
  return {m.text(1), integers};
}

/// Reads graphs and knows the types of their values.
class Reader {
 public:
  explicit Reader(std::int64_t opset) : opset_(opset) {}

  /// The types of the graph's outputs.
  std::vector<Type> read(const ProtobufMessage& graph) {
    for (const auto& port : graph.all(11)) {
      const ProtobufMessage input(port.bytes);
      values_[input.text(1)] = {static_cast<Type>(input.message(2).message(1).one(1).number), false};
    }
    for (const auto& constant : graph.all(5)) {
      const ProtobufMessage tensor(constant.bytes);
      values_[tensor.text(8)] = {static_cast<Type>(tensor.one(2).number), true};
    }
    for (const auto& node : graph.all(1)) add(ProtobufMessage(node.bytes));
    std::vector<Type> types;
    for (const auto& port : graph.all(12)) types.push_back(values_.at(ProtobufMessage(port.bytes).text(1)).type);
    return types;
  }

  [[nodiscard]] OnnxOperators take() { return std::move(found_); }

 private:
  void add(const ProtobufMessage& node) {
    OnnxOperator found{node.text(4), opset_, {}, {}, {}};
    for (const auto& input : node.all(1)) found.operands.push_back(values_.at(std::string(input.bytes)));
    std::vector<Type> results;
    for (const auto& field : node.all(5)) {
      const ProtobufMessage attribute(field.bytes);
      if (const auto body = attribute.all(6); !body.empty()) {
        results = read(ProtobufMessage(body[0].bytes));
      } else {
        found.attributes.push_back(attribute_of(attribute));
      }
    }
    if (results.empty()) results = {result_type(found)};
    const auto outputs = node.all(2);
    for (std::size_t i = 0; i < outputs.size(); ++i) values_[std::string(outputs[i].bytes)] = {results[i], false};
    found.result = results.back();
    found_.emplace(found.name(), found);
  }

  static Type result_type(const OnnxOperator& o) {
    for (const char* const comparison : {"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"}) {
      if (o.op == comparison) return onnx_bool;
    }
    if (o.op == "Cast") return static_cast<Type>(o.integer("to", 0));
    if (o.op == "Shape" || o.op == "ArgMax") return Type::int64;
    return o.operands.at(o.op == "Where" || o.op == "DequantizeLinear" ? 1 : 0).type;
  }

  std::int64_t opset_;
  std::map<std::string, OnnxOperator::Operand> values_;
  OnnxOperators found_;
};

json json_of(const OnnxTensor& tensor) {
  json values = json::array();
  for (const long double v : tensor.values) values.push_back(std::isnan(v) ? json() : json(fmt::format("{:.20g}", v)));
  return {{"type", type_name(tensor.type)}, {"dims", tensor.dims}, {"values", std::move(values)}};
}

/// Adds the last of its inputs, which have these types, to each state.
std::shared_ptr<const Graph> adding_body(const std::string& scope, std::size_t states,
                                         const std::vector<Type>& inputs) {
  Graph body;
  body.name = "sums";
  const auto port = [&](const std::string& name, Type type) {
    return program::onnx::Port{scope + name, type, {1, 2}, ""};
  };
  const Type type = inputs.back();
  const std::string last = fmt::format("/u{}", inputs.size() - 1);
  for (std::size_t s = 0; s <= states; ++s) {  // what leaves the Scan is one sum more
    const std::string state = fmt::format("/s{}", s % states), sum = fmt::format("/sum{}", s);
    if (s < states) body.inputs.push_back(port(state, type));
    body.nodes.push_back({"Add", {scope + state, scope + last}, {scope + sum}, {}});
    body.outputs.push_back(port(sum, type));
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) body.inputs.push_back(port(fmt::format("/u{}", i), inputs[i]));
  return std::make_shared<const Graph>(std::move(body));
}

/// All operators of an opset, as many nodes as they have edge cases.
class EdgeModel {
 public:
  void add(const OnnxOperator& o, const OnnxEdge& edge) {
    const std::string name = fmt::format("{} #{}", o.name(), count_++);
    b_.begin(name);
    program::onnx::Node node{o.op, {}, {}, o.attributes};
    for (std::size_t i = 0; i < edge.inputs.size(); ++i) {
      node.inputs.push_back(input(name + fmt::format("/{}", i), edge.inputs[i], o.operands.at(i).constant));
    }
    if (o.op == "Scan") {
      const std::size_t states = o.operands.size() - static_cast<std::size_t>(o.integer("num_scan_inputs", 1));
      std::vector<Type> inputs;
      for (std::size_t i = states; i < o.operands.size(); ++i) inputs.push_back(o.operands[i].type);
      for (std::size_t s = 0; s < states; ++s) node.outputs.push_back(fmt::format("{}/last{}", name, s));
      node.attributes.push_back({"body", adding_body(name, states, inputs)});
    }
    node.outputs.push_back(name);
    b_.graph.nodes.push_back(std::move(node));
    b_.graph.outputs.push_back({name, o.result, {edge.expected.dims.begin(), edge.expected.dims.end()}, ""});
    expected_[name] = json_of(edge.expected);
  }

  json written(const TempFolder& folder, std::int64_t opset) {
    b_.graph.name = "edges";
    const std::string file = fmt::format("{}.onnx", opset);
    const std::string bytes =
        program::onnx::serialize({opset == 17 ? 8 : 10, opset, "bitstate", "", std::move(b_.graph)});
    write_quickly(folder / file, bytes);
    return {{"model", file}, {"inputs", inputs_}, {"expected", expected_}};
  }

 private:
  std::string input(const std::string& name, const OnnxTensor& x, bool constant) {
    if (!constant) {
      b_.graph.inputs.push_back({name, x.type, {x.dims.begin(), x.dims.end()}, ""});
      inputs_[name] = json_of(x);
      return name;
    }
    if (x.type == Type::float32 || x.type == Type::float64) {
      return b_.constant(x.type, std::vector<double>(x.values.begin(), x.values.end()), x.dims);
    }
    std::vector<std::int64_t> words;
    for (const long double v : x.values) {
      words.push_back(v < 0 ? static_cast<std::int64_t>(v) : static_cast<std::int64_t>(static_cast<std::uint64_t>(v)));
    }
    return b_.constant(x.type, words, x.dims);
  }

  program::onnx::Builder b_;
  json inputs_ = json::object(), expected_ = json::object();
  std::size_t count_ = 0;
};

}  // namespace

std::string OnnxOperator::name() const {
  std::string text = op + "(";
  for (const Operand& o : operands) {
    text += fmt::format("{}{}{}", text.back() == '(' ? "" : ", ", o.constant ? "constant " : "", type_name(o.type));
  }
  text += fmt::format(") -> {}", type_name(result));
  for (const Attribute& a : attributes) {
    if (const auto* const i = std::get_if<std::int64_t>(&a.value)) text += fmt::format(" {}={}", a.name, *i);
    if (const auto* const s = std::get_if<std::string>(&a.value)) text += fmt::format(" {}={}", a.name, *s);
    if (const auto* const v = std::get_if<std::vector<std::int64_t>>(&a.value)) {
      text += fmt::format(" {}=[{}]", a.name, fmt::join(*v, ","));
    }
  }
  return text + fmt::format(", opset {}", opset);
}

std::int64_t OnnxOperator::integer(std::string_view attribute, std::int64_t otherwise) const {
  for (const Attribute& a : attributes) {
    if (a.name != attribute) continue;
    const auto* const all = std::get_if<std::vector<std::int64_t>>(&a.value);
    return all == nullptr ? std::get<std::int64_t>(a.value) : all->at(0);
  }
  return otherwise;
}

OnnxOperators operators_of(std::string_view bytes) {
  const ProtobufMessage model(bytes);
  Reader reader(static_cast<std::int64_t>(model.message(8).one(2).number));
  reader.read(model.message(7));
  return reader.take();
}

void check_operators(const OnnxOperators& operators) {
  std::map<std::int64_t, EdgeModel> models;
  for (const auto& entry : operators) {
    const OnnxOperator& o = entry.second;
    CAPTURE(entry.first);
    const std::vector<OnnxEdge> edges = edges_of(o);
    CHECK_MESSAGE(!edges.empty(), "tests/support/models/onnx_edges.cpp has no case for this operator");
    for (const OnnxEdge& edge : edges) models[o.opset].add(o, edge);
  }
  const TempFolder folder;
  json cases = json::array();
  for (auto& [opset, model] : models) cases.push_back(model.written(folder, opset));
  write_quickly(folder / "edges.json", cases.dump());
  const json report = node_report("edges.mjs", folder / "edges.json");
  for (const std::string level : {"disabled", "basic", "extended", "all"}) {
    CAPTURE(level);
    CHECK(report.at(level).at("numbers") > 1000);
    for (const auto& [name, wrong] : report.at(level).at("wrong").items()) FAIL_CHECK(name << ": " << wrong);
  }
}

}  // namespace bitstate::tests
