#include "experiments/training/export_model.h"

#include "autograd/export.h"
#include "experiments/training/lane_runner.h"

#include <algorithm>
#include <array>
#include <utility>

namespace bitstate {

Value forward_example(const Model& model, const datasets::Example& example, std::size_t padded_length, Tape& tape,
                      bool results_only, std::size_t parts_end) {
  check_example(example, 0);
  Pass pass;
  pass.results_only = results_only;
  tape.begin(pass);
  const std::size_t rows = std::max(example.length, padded_length);
  const std::size_t size = example.x.size() / example.length * rows;
  auto* const x = tape.arena().array<float>(size);
  std::fill(std::copy(example.x.begin(), example.x.end(), x), x + size, 0.0F);
  std::vector<std::int32_t> tokens = example.tokens;
  if (!tokens.empty()) tokens.resize(rows, 0);
  const std::array all_rows = {rows};
  const std::array lengths = {example.length};
  Batch batch{{all_rows, lengths}, {x, size}, tokens};
  batch.parts_end = parts_end;
  return model.forward(tape, batch);
}

program::Program export_model(const Model& model, const datasets::Example& example, std::string name,
                              std::size_t padded_length) {
  Tape tape;
  const Value output = forward_example(model, example, padded_length, tape);
  return export_program(tape, output, std::move(name), gives_classes(model.output().output), padded_length);
}

std::vector<std::int32_t> input_codes(const program::Program& p, const datasets::Example& example) {
  if (p.input.tokens) return example.tokens;
  std::vector<std::int32_t> codes(example.x.size());
  program::encode_input(p, example.x.data(), codes.size(), codes.data());
  return codes;
}

}  // namespace bitstate
