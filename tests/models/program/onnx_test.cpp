// The ONNX models of random programs: as files, and in onnxruntime, code for code with the interpreter.
#include "core/program/onnx/onnx.h"

#include "autograd/export.h"
#include "core/io/atomic_file.h"
#include "core/random.h"
#include "models/s5/models.h"
#include "tests/support/folders.h"
#include "tests/support/models/onnx_cases.h"
#include "tests/support/models/random_model.h"
#include "tests/support/models/random_program.h"
#include "tests/support/protobuf.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace bitstate::tests::onnx_test {
namespace {

using program::Program;

/// A classifier of sequential MNIST's size with the rules of a configuration, its ranges calibrated on normal numbers.
Program wide_program(const std::string& config, bool bidirectional) {
  S5Options options;
  options.layers = 2;
  options.layer.sizes.H = 96;
  options.layer.sizes.P_full = 128;
  options.layer.sizes.blocks = 1;
  options.layer.sizes.bidirectional = bidirectional;
  options.layer.batchnorm = false;
  S5Classifier model(options, 1);
  Inventory inventory = take_inventory(model);
  const auto path = tests::source_folder() / "experiments" / "configs" / (config + ".quant");
  quantize_sites(inventory, QuantConfig::parse(read_file(path, 1 << 16), config));

  constexpr std::size_t steps = 200;
  const Random random{1, random_stream("wide_program")};
  std::vector<float> x(steps);
  for (std::size_t t = 0; t < steps; ++t) x[t] = static_cast<float>(random.normal(t));
  const std::vector<std::size_t> rows{steps};
  const Batch batch{{rows, rows, 0}, x, {}};
  std::vector<float> observed(inventory.range_count());
  Pass pass;
  pass.training = pass.calibrating = true;
  pass.observed = observed;
  Tape tape;
  tape.begin(pass);
  model.forward(tape, batch);
  calibrate_ranges(inventory, {observed, {}});

  tape.begin({});
  return export_program(tape, model.forward(tape, batch), config, true, 0);
}

/// What a model consists of.
struct Census {
  std::map<std::string, std::size_t> ops;
  std::set<std::uint64_t> scan_types;  ///< what the bodies of Scans compute in
  std::set<std::uint64_t> constant_types;
};

/// Bits of an element of TensorProto.DataType.
std::uint64_t bits_of(std::uint64_t type) {
  const std::map<std::uint64_t, std::uint64_t> bits{{1, 32}, {3, 8},   {5, 16},  {6, 32},
                                                    {7, 64}, {11, 64}, {13, 64}, {22, 4}};
  return bits.at(type);
}

/// Checks that every name is defined once, before it is used, and that constants have the bytes of their shape.
void check_graph(std::string_view bytes, std::set<std::string> names, Census& census) {
  const ProtobufMessage graph(bytes);
  CHECK_FALSE(graph.text(2).empty());
  for (const auto& input : graph.all(11)) CHECK(names.insert(ProtobufMessage(input.bytes).text(1)).second);
  for (const auto& constant : graph.all(5)) {
    const ProtobufMessage tensor(constant.bytes);
    CHECK(names.insert(tensor.text(8)).second);
    std::uint64_t bits = bits_of(tensor.one(2).number);
    for (const auto& size : tensor.all(1)) bits *= size.number;
    CHECK(tensor.one(9).bytes.size() == (bits + 7) / 8);
    census.constant_types.insert(tensor.one(2).number);
  }
  for (const auto& field : graph.all(1)) {
    const ProtobufMessage node(field.bytes);
    ++census.ops[node.text(4)];
    for (const auto& input : node.all(1)) CHECK(names.count(std::string(input.bytes)) == 1);
    for (const auto& attribute : node.all(5)) {
      for (const auto& body : ProtobufMessage(attribute.bytes).all(6)) {
        check_graph(body.bytes, names, census);
        const ProtobufMessage state(ProtobufMessage(body.bytes).all(11)[0].bytes);
        census.scan_types.insert(state.message(2).message(1).one(1).number);
      }
    }
    for (const auto& output : node.all(2)) CHECK(names.insert(std::string(output.bytes)).second);
  }
  for (const auto& output : graph.all(12)) CHECK(names.count(ProtobufMessage(output.bytes).text(1)) == 1);
}

TEST_CASE("onnx: names are defined once and before they are used, constants have their sizes, opsets their types") {
  Census census;
  std::set<std::uint64_t> opsets;
  std::size_t programs = 0;
  for (std::uint64_t number = 0; programs < 300; ++number) {
    CAPTURE(number);
    const auto random = random_program(number);
    if (!random) continue;
    ++programs;
    const std::string bytes = program::onnx_model(random->program);
    const ProtobufMessage model(bytes);
    CHECK(model.text(2) == "bitstate");
    CHECK(model.message(7).text(2) == "random");
    Census own;
    check_graph(model.text(7), {}, own);
    const std::uint64_t opset = model.message(8).one(2).number;
    const bool small = own.constant_types.count(22) > 0;  // int4
    CHECK((!small || opset == 21));
    CHECK(model.one(1).number == (opset == 21 ? 10 : 8));
    opsets.insert(opset);
    for (const auto& [op, count] : own.ops) census.ops[op] += count;
    census.scan_types.merge(own.scan_types);
    census.constant_types.merge(own.constant_types);
  }
  CHECK(opsets == std::set<std::uint64_t>{17, 21});
  CHECK(census.scan_types == std::set<std::uint64_t>{1, 7, 11});                       // float32, int64, float64
  CHECK(census.constant_types == std::set<std::uint64_t>{1, 3, 5, 6, 7, 11, 13, 22});  // all that there are
  for (const char* op : {"BitShift", "Mod", "Scan", "MatMul", "DequantizeLinear", "Sqrt"}) {
    CAPTURE(op);
    CHECK(census.ops[op] > 0);
  }
}

TEST_CASE("onnx: random programs give the same codes in onnxruntime") {
  if (const std::string why = onnxruntime_missing(); !why.empty()) {
    MESSAGE("skipped: ", why);
    return;
  }
  OnnxCases cases;
  std::set<std::string_view> instructions;
  for (std::uint64_t number = 0; cases.size() < 30; ++number) {
    const auto random = random_program(number);
    if (!random) continue;
    for (const auto& i : random->program.instructions) instructions.insert(program::name_of(i));
    Program program = random->program;
    if (number % 3 == 0) program.padded_length = 30;  // counts where a scan is backward
    const std::size_t steps = 1 + number * 7 % 40;
    cases.add(program, {{1, steps}, {2, 1 + number % 40}, {3, 1 + steps / 2}});
  }
  CHECK(instructions.size() >= 11);
  cases.check();
}

/// What wide models were compared.
struct Wide {
  std::size_t widest = 0, tokens = 0, bidirectional = 0;
};

/// Compares `count` wide models.
void compare_wide(std::uint64_t first, std::size_t count, Wide& seen) {
  OnnxCases cases;
  for (std::uint64_t number = first; cases.size() < count; ++number) {
    const auto random = random_program(number);
    if (!random) continue;
    for (const auto& i : random->program.instructions) {
      if (const auto* const linear = std::get_if<program::Linear>(&i)) {
        seen.widest = std::max<std::size_t>(seen.widest, linear->weight.cols);
      }
    }
    seen.tokens += random->program.input.tokens ? 1 : 0;
    seen.bidirectional += program::can_stream(random->program) ? 0 : 1;
    cases.add(random->program, {{1, 1 + number % 20}, {2, 3}});
  }
  cases.check();
}

void check_seen(const Wide& seen) {
  CHECK(seen.widest == 1536);
  CHECK(seen.tokens > 0);
  CHECK(seen.bidirectional > 0);
}

TEST_CASE("onnx: wide random models give the same codes in onnxruntime") {
  if (const std::string why = onnxruntime_missing(); !why.empty()) {
    MESSAGE("skipped: ", why);
    return;
  }
  Wide seen;
  compare_wide(first_wide_model, 5, seen);
  check_seen(seen);
}

TEST_CASE("long: onnx: 300 wide random models give the same codes in onnxruntime") {
  if (const std::string why = onnxruntime_missing(); !why.empty()) {
    MESSAGE("skipped: ", why);
    return;
  }
  Wide seen;
  for (std::uint64_t k = 1; k <= 20; ++k) compare_wide(first_wide_model + 1000 * k, 15, seen);
  check_seen(seen);
}

TEST_CASE("onnx: models of sequential MNIST's size give the same codes in onnxruntime") {
  if (const std::string why = onnxruntime_missing(); !why.empty()) {
    MESSAGE("skipped: ", why);
    return;
  }
  OnnxCases cases;
  for (const char* const config : {"w8a8", "w4a8", "w2a8"}) {
    for (const bool bidirectional : {false, true}) cases.add(wide_program(config, bidirectional), {{1, 784}, {2, 50}});
  }
  cases.check();
}

}  // namespace
}  // namespace bitstate::tests::onnx_test
