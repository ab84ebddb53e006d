#include "experiments/bench/inference.h"

#include "core/program/run/runner.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/model_setup.h"

#include <doctest/doctest.h>

#include <utility>
#include <vector>

namespace bitstate::experiments {
namespace {

constexpr std::size_t vocabulary = 8;

FloatInference small_model() {
  datasets::Splits shape;
  shape.tokens = true;
  shape.task = datasets::Task::labelling;
  shape.d_input = shape.d_output = vocabulary;
  shape.max_length = 5;
  const RunConfig config = load_run_config("induction", {{"d_model", "8"}, {"n_layers", "1"}});
  return {make_model(config, shape), carrying_forward(config.model), 1000};
}

/// A table of tokens and a head.
program::Program small_program() {
  program::Program p;
  p.input.tokens = true;
  p.input.grid = {1.0F, 0, vocabulary - 1};
  const std::vector<std::int32_t> codes(vocabulary * 16, 5);
  p.instructions.emplace_back(program::Embedding{0, {vocabulary, 16, 8, codes}});
  p.instructions.emplace_back(program::Linear{1, {vocabulary, 16, 8, codes}, std::vector<std::int32_t>(vocabulary, 1)});
  p.output.scale = {1.0F};
  return p;
}

TEST_CASE("inference: a float model and a program are timed on whole sequences and on steps") {
  datasets::Example example;
  example.length = 5;
  example.tokens = {0, 3, 7, 1, 2};
  example.labels.assign(5, 0);
  std::vector<InferenceModel> models = {small_model(), small_program()};
  const auto speeds = measure_inference(models, example, 0.0);
  REQUIRE(speeds.size() == 2);
  for (const InferenceSpeed& speed : speeds) {
    CHECK(speed.prefill_steps_per_second > 100.0);
    CHECK(speed.prefill_steps_per_second < 1e10);
    CHECK(speed.decode_steps_per_second > 100.0);
    CHECK(speed.decode_steps_per_second < 1e10);
  }
  CHECK(speeds[0].constant_bytes == 4000);
  CHECK(speeds[1].constant_bytes == program::Runner(small_program()).constant_bytes());
  std::get<FloatInference>(models[0]).carrying = nullptr;
  std::get<program::Program>(models[1]).instructions.emplace_back(program::Conv{
      2, true, {vocabulary, 1, 8, std::vector<std::int32_t>(vocabulary, 1)}, std::vector<std::int32_t>(vocabulary)});
  for (const InferenceSpeed& speed : measure_inference(models, example, 0.0)) {
    CHECK(speed.prefill_steps_per_second > 100.0);
    CHECK(speed.decode_steps_per_second == 0.0);
  }
}

}  // namespace
}  // namespace bitstate::experiments
