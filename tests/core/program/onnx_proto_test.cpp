// The bytes of an ONNX file against the schema, without a runtime.
#include "core/program/onnx/proto.h"

#include "core/program/onnx/builder.h"
#include "tests/support/protobuf.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace bitstate::tests {
namespace {

using namespace std::string_literals;
namespace onnx = program::onnx;
using onnx::Type;

TEST_CASE("onnx: a model of one node has the bytes that the schema asks for") {
  onnx::Model model{8, 300, "p", "d", {}};
  model.graph.name = "g";
  model.graph.nodes = {{"Op", {"a", "b"}, {"c"}, {{"k", std::int64_t{-1}}, {"l", std::vector<std::int64_t>{2, 3}}}}};
  model.graph.initializers = {{"b", Type::int8, {3}, "\x01\x02\xff"}};
  model.graph.inputs = {{"a", Type::float32, {"N", std::int64_t{4}}, ""}};
  model.graph.outputs = {{"c", Type::int32, {}, "e"}};
  const std::string k = "\x0a\x01k\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\xa0\x01\x02"s;  // name, i, type INT
  const std::string l = "\x0a\x01l\x40\x02\x40\x03\xa0\x01\x07"s;                              // name, ints, type INTS
  const std::string node = "\x0a\x01\x61\x0a\x01\x62\x12\x01\x63\x1a\x01\x63\x22\x02Op\x2a\x11" + k + "\x2a\x0a" + l;
  const std::string tensor = "\x08\x03\x10\x03\x42\x01\x62\x4a\x03\x01\x02\xff"s;
  const std::string input = "\x0a\x01\x61\x12\x0f\x0a\x0d\x08\x01\x12\x09\x0a\x03\x12\x01N\x0a\x02\x08\x04"s;
  const std::string output = "\x0a\x01\x63\x12\x06\x0a\x04\x08\x06\x12\x00\x1a\x01\x65"s;
  const std::string graph = "\x0a\x2f" + node + "\x12\x01g\x2a\x0c" + tensor + "\x5a\x14" + input + "\x62\x0e" + output;
  const std::string opset = "\x0a\x00\x10\xac\x02"s;
  CHECK(k.size() == 0x11);
  CHECK(node.size() == 0x2f);
  CHECK(serialize(model) == "\x08\x08\x12\x01p\x32\x01\x64\x3a\x68" + graph + "\x42\x05" + opset);
}

TEST_CASE("onnx: strings and graphs are attributes too") {
  auto body = std::make_shared<onnx::Graph>();
  body->name = "inner";
  onnx::Model model{8, 17, "", "", {}};
  model.graph.nodes = {
      {"Op", {}, {"c"}, {{"s", std::string("RIGHT")}, {"g", std::shared_ptr<const onnx::Graph>(body)}}}};
  const std::string bytes = serialize(model);
  const ProtobufMessage node = ProtobufMessage(bytes).message(7).message(1);
  const auto attributes = node.all(5);
  REQUIRE(attributes.size() == 2);
  const ProtobufMessage s(attributes[0].bytes), g(attributes[1].bytes);
  CHECK(s.text(4) == "RIGHT");
  CHECK(s.one(20).number == 3);
  CHECK(g.message(6).text(2) == "inner");
  CHECK(g.one(20).number == 5);
}

TEST_CASE("onnx: constants are little-endian, int4 two a byte, the first in the lower half") {
  onnx::Builder b;
  b.begin("scope");
  const std::vector<std::int32_t> codes{-8, 7, -1};
  b.constant(Type::int4, codes);
  b.constant(Type::int16, codes);
  b.constant(Type::float64, std::vector{0.5});
  b.constant(Type::int64, std::vector{std::int64_t{1} << 62}, {1});
  const auto& t = b.graph.initializers;
  CHECK(t[0].raw == "\x78\x0f"s);
  CHECK(t[0].dims == std::vector<std::int64_t>{3});
  CHECK(t[1].raw == "\xf8\xff\x07\x00\xff\xff"s);
  CHECK(t[2].raw == "\x00\x00\x00\x00\x00\x00\xe0\x3f"s);
  CHECK(t[2].dims.empty());
  CHECK(t[3].raw == "\x00\x00\x00\x00\x00\x00\x00\x40"s);
  CHECK(t[3].dims == std::vector<std::int64_t>{1});
  CHECK(t[0].name != t[1].name);
}

TEST_CASE("onnx: float64 rescales codes as long as the product and its half stay below 2^53") {
  const FixedPoint f{(std::int64_t{1} << 31) - 1, 40};
  const std::int64_t largest = ((std::int64_t{1} << 53) - (std::int64_t{1} << 39) - 1) / f.multiplier;
  CHECK(onnx::fits_double({&f, 1}, largest));
  CHECK_FALSE(onnx::fits_double({&f, 1}, largest + 1));
}

}  // namespace
}  // namespace bitstate::tests
