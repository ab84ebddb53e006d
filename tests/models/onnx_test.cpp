// The ONNX models of random programs in onnxruntime, code for code with the interpreter.
#include "core/program/onnx.h"
#include "autograd/export.h"
#include "core/atomic_file.h"
#include "core/program/runner.h"
#include "core/random.h"
#include "models/models.h"
#include "tests/support/random_program.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <set>
#include <string>
#include <vector>

namespace bitstate::tests {
namespace {

using nlohmann::json;
using program::Program;
using program::Runner;

/// The folder that has node_modules: $BITSTATE_NPM, or the one that ./check prepares.
std::filesystem::path npm_folder() {
  const char* const given = std::getenv("BITSTATE_NPM");
  if (given != nullptr) return given;
  return std::filesystem::path(BITSTATE_SOURCE_DIR) / "build" / "npm";
}

/// Why onnxruntime cannot be asked; empty if it can.
std::string missing() {
  if (std::system("node --version > /dev/null 2>&1") != 0) return "there is no command node";
  if (!std::filesystem::exists(npm_folder() / "node_modules" / "onnxruntime-node")) {
    return fmt::format("there is no onnxruntime-node in {}; ./check installs it", npm_folder().string());
  }
  return {};
}

/// Real numbers, some of them halfway between two codes or far outside; or token ids.
class Inputs {
 public:
  Inputs(const Program& program, std::uint64_t number)
      : input_(program.input), random_{number, random_stream("onnx_test")} {}

  float next() {
    if (input_.tokens) return static_cast<float>(random_.below(static_cast<std::size_t>(input_.grid.hi) + 1, draw_++));
    const double kind = random_.uniform(draw_++);
    const auto size = static_cast<float>(input_.grid.bound());
    const auto x = static_cast<float>(random_.normal(draw_++)) * size * (kind < 0.1 ? 3.0F : 0.5F) * input_.grid.scale;
    return kind < 0.8 ? x : (std::floor(x / input_.grid.scale) + 0.5F) * input_.grid.scale;
  }
  std::size_t below(std::size_t end) { return random_.below(end, draw_++); }

 private:
  const program::Input& input_;
  Random random_;
  std::uint64_t draw_ = 0;
};

/// `batch` sequences of `steps` steps and what is expected of them.
json batch_of(const Runner& runner, Inputs& inputs, std::size_t batch, std::size_t steps) {
  const Program& program = runner.program();
  const std::size_t size = steps * program.input.cols;
  json result{{"dims", {batch, steps}}};
  if (!program.input.tokens) result["dims"].push_back(program.input.cols);
  for (std::size_t n = 0; n < batch; ++n) {
    std::vector<float> x(size);
    for (float& v : x) v = inputs.next();
    std::vector<std::int32_t> codes(x.begin(), x.end());
    if (!program.input.tokens) program::encode_input(program, x.data(), size, codes.data());
    const auto expected = runner.run(codes);
    for (const float v : x) result["x"].push_back(v);
    for (const std::int32_t c : expected) result["codes"].push_back(c);
    if (program.output.classes) result["classes"].push_back(program::class_of(expected));
  }
  return result;
}

/// Writes the model into the folder and returns its case; batches are [sequences, steps].
json write_case(const TempFolder& folder, const Program& program, std::uint64_t number,
                std::initializer_list<std::array<std::size_t, 2>> batches) {
  const Runner runner(program);
  Inputs inputs(program, number);
  const std::string model = fmt::format("{}.onnx", number);
  write_quickly(folder / model, program::onnx_model(program));
  json written = json::array();
  for (const auto& [sequences, steps] : batches) written.push_back(batch_of(runner, inputs, sequences, steps));
  return {{"model", model}, {"tokens", program.input.tokens}, {"scale", program.output.scale}, {"batches", written}};
}

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
  const auto path = std::filesystem::path(BITSTATE_SOURCE_DIR) / "experiments" / "configs" / (config + ".quant");
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

/// The counts of compare.mjs.
json compare(const TempFolder& folder, const json& cases) {
  write_quickly(folder / "cases.json", cases.dump());
  const std::string command =
      fmt::format("node '{}/tests/program/onnx/compare.mjs' '{}' '{}' > '{}'", BITSTATE_SOURCE_DIR,
                  npm_folder().string(), (folder / "cases.json").string(), (folder / "report.json").string());
  REQUIRE(std::system(command.c_str()) == 0);
  std::ifstream file(folder / "report.json");
  return json::parse(file);
}

void check_report(const json& report) {
  MESSAGE(report.dump());
  for (const char* level : {"disabled", "basic"}) {
    CAPTURE(level);
    CHECK(report[level]["wrong_codes"] == 0);
    CHECK(report[level]["wrong_reals"] == 0);
    CHECK(report[level]["wrong_classes"] == 0);
  }
  const json& all = report["all"];
  CHECK(all["largest_difference"] <= 1);
  CHECK(all["wrong_classes"].get<double>() <= 0.001 * all["sequences"].get<double>());
}

TEST_CASE("onnx: random programs give the same codes in onnxruntime") {
  if (const std::string why = missing(); !why.empty()) {
    MESSAGE("skipped: ", why);
    return;
  }
  const TempFolder folder;
  json cases = json::array();
  std::set<std::string> instructions;
  for (std::uint64_t number = 0; cases.size() < 60; ++number) {
    const auto random = random_program(number);
    if (!random) continue;
    for (const auto& i : random->program.instructions) instructions.emplace(program::name_of(i));
    Program program = random->program;
    if (number % 3 == 0) program.padded_length = 30;  // counts where a scan is backward
    const std::size_t steps = 1 + number * 7 % 40;
    cases.push_back(write_case(folder, program, number, {{1, steps}, {2, 1 + number % 40}, {3, 1 + steps / 2}}));
  }
  CHECK(instructions.size() >= 11);
  check_report(compare(folder, cases));
}

TEST_CASE("onnx: models of sequential MNIST's size give the same codes in onnxruntime") {
  if (const std::string why = missing(); !why.empty()) {
    MESSAGE("skipped: ", why);
    return;
  }
  const TempFolder folder;
  json cases = json::array();
  for (const char* const config : {"w8a8", "w4a8", "w2a8"}) {
    for (const bool bidirectional : {false, true}) {
      const Program program = wide_program(config, bidirectional);
      cases.push_back(write_case(folder, program, cases.size(), {{1, 784}, {2, 50}}));
    }
  }
  if (std::getenv("KEEP")) std::system(fmt::format("cp {}/* /tmp/onnx_keep/", folder.path().string()).c_str());
  check_report(compare(folder, cases));
}

}  // namespace
}  // namespace bitstate::tests
