#include "tests/support/models/onnx_cases.h"

#include "core/program/onnx/onnx.h"
#include "core/program/run/runner.h"
#include "core/random.h"
#include "tests/support/folders.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>

namespace bitstate::tests {
namespace {

using nlohmann::json;
using program::Program;
using program::Runner;

/// The folder that has node_modules: $BITSTATE_NPM, or the one that ./check prepares.
std::filesystem::path npm_folder() {
  const char* const given = std::getenv("BITSTATE_NPM");
  if (given != nullptr) return given;
  return source_folder() / "build" / "npm";
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
  const Program& program = runner.header();
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
    const std::size_t cols = runner.output_cols();
    for (std::size_t i = 0; program.output.classes && i < expected.size(); i += cols) {
      result["classes"].push_back(program::class_of(std::span(expected).subspan(i, cols)));
    }
  }
  return result;
}

}  // namespace

std::string onnxruntime_missing() {
  if (std::system("node --version > /dev/null 2>&1") != 0) return "there is no command node";
  if (!std::filesystem::exists(npm_folder() / "node_modules" / "onnxruntime-node")) {
    return fmt::format("there is no onnxruntime-node in {}; ./check installs it", npm_folder().string());
  }
  return {};
}

void OnnxCases::add(const Program& program, std::initializer_list<std::array<std::size_t, 2>> batches) {
  const Runner runner(program);
  Inputs inputs(program, cases_.size());
  const std::string model = fmt::format("{}.onnx", cases_.size());
  const std::string bytes = program::onnx_model(program);
  write_quickly(folder_ / model, bytes);
  operators_.merge(operators_of(bytes));
  json written = json::array();
  for (const auto& [sequences, steps] : batches) written.push_back(batch_of(runner, inputs, sequences, steps));
  cases_.push_back(
      {{"model", model}, {"tokens", program.input.tokens}, {"scale", program.output.scale}, {"batches", written}});
}

nlohmann::json node_report(const std::string& script, const std::filesystem::path& cases) {
  const auto report = cases.parent_path() / "report.json";
  const std::string command =
      fmt::format("node '{}/tests/command_line/onnx/{}' '{}' '{}' > '{}'", source_folder().string(), script,
                  npm_folder().string(), cases.string(), report.string());
  REQUIRE(std::system(command.c_str()) == 0);
  std::ifstream file(report);
  return json::parse(file);
}

void OnnxCases::check() const {
  write_quickly(folder_ / "cases.json", cases_.dump());
  const json report = node_report("compare.mjs", folder_ / "cases.json");
  MESSAGE(report.dump());
  for (const char* level : {"disabled", "basic", "extended", "all"}) {
    CAPTURE(level);
    CHECK(report[level]["codes"] > 0);
    CHECK(report[level]["wrong_codes"] == 0);
    CHECK(report[level]["wrong_reals"] == 0);
    CHECK(report[level]["wrong_classes"] == 0);
  }
  check_operators(operators_);
}

}  // namespace bitstate::tests
