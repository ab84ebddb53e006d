#include "experiments/training/export_model.h"

#include "autograd/export.h"
#include "core/error.h"
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
                              std::size_t padded_length, std::vector<program::WeightScales>* weights) {
  Tape tape;
  const Value output = forward_example(model, example, padded_length, tape);
  return export_program(tape, output, std::move(name), gives_classes(model.output().output), padded_length, weights);
}

datasets::Example first_step(const datasets::Example& example) {
  datasets::Example step = example;
  step.x.resize(example.x.size() / example.length);
  step.tokens.resize(example.tokens.empty() ? 0 : 1);
  step.labels.resize(example.labels.empty() ? 0 : 1);
  step.length = 1;
  return step;
}

std::optional<program::Program> part_program(const Model& model, const datasets::Example& example, std::size_t first,
                                             std::size_t last, std::size_t padded_length) {
  constexpr bool classes = false;  // logits are read as real numbers, like those of a tape
  try {
    Tape tape, before;
    Value output;
    if (first == 0) {
      output = forward_example(model, first_step(example), 0, tape, false, last);
    } else {
      const Value entering = forward_example(model, first_step(example), 0, before, false, first);
      const Node& node = before[entering];
      if (!node.has_codes()) return std::nullopt;
      const std::array rows = {node.rows};
      tape.begin({});
      Batch batch{{rows, rows}};
      batch.parts_before = first;
      batch.parts_end = last;
      batch.entering =
          tape.input(CodedRows{node.rows, node.cols, before.codes(entering), node.scale, node.layout, node.bound});
      output = model.forward(tape, batch);
    }
    if (!tape[output].has_codes()) return std::nullopt;
    return export_program(tape, output, {}, classes, padded_length);
  } catch (const Error&) {  // what stands in the way is what `bitstate inspect` shows; a model may need more steps
    return std::nullopt;
  }
}

std::vector<std::int32_t> input_codes(const program::Program& p, const datasets::Example& example) {
  if (p.input.tokens) return example.tokens;
  std::vector<std::int32_t> codes(example.x.size());
  program::encode_input(p, example.x.data(), codes.size(), codes.data());
  return codes;
}

}  // namespace bitstate
