#include "experiments/training/integer_forward.h"

#include "autograd/export.h"
#include "core/error.h"
#include "core/kernels/quantize.h"
#include "experiments/training/export_model.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

namespace bitstate {
namespace {

/// Whether the program reads this sequence; if not, the model says what is wrong with it.
bool can_read(const program::Input& input, const Batch& batch) {
  const std::size_t rows = batch.sequences.rows[0];
  if (input.tokens) {
    const auto known = [&](std::int32_t id) { return id >= input.grid.lo && id <= input.grid.hi; };
    return batch.tokens.size() == rows && std::all_of(batch.tokens.begin(), batch.tokens.end(), known);
  }
  const auto finite = [](float x) { return std::isfinite(x); };
  return batch.x.size() == rows * input.cols && std::all_of(batch.x.begin(), batch.x.end(), finite);
}

}  // namespace

std::optional<IntegerForward> IntegerForward::of(const Model& model, const datasets::Example& example,
                                                 std::size_t padded_length, std::size_t parts_end) {
  if (model.output().sequences > 1 && parts_end == all_parts) return std::nullopt;
  auto program = part_program(model, example, 0, parts_end, padded_length);
  if (!program) return std::nullopt;
  Tape tape;
  IntegerForward integer(model, std::move(*program));
  const Value output = forward_example(model, example, padded_length, tape, true, parts_end);
  if (!tape[output].has_codes()) return std::nullopt;
  const std::vector<std::int32_t> expected = tape.codes32(output);
  const std::vector<std::int32_t> found = integer.runner_.run(input_codes(integer.runner_.header(), example));
  const bool agrees = found.size() <= expected.size() && std::equal(found.begin(), found.end(), expected.begin());
  return agrees ? std::optional(std::move(integer)) : std::nullopt;
}

IntegerForward::IntegerForward(const Model& model, program::Program program)
    : model_(&model), runner_(std::move(program)) {}

std::optional<std::vector<std::int32_t>> IntegerForward::codes(const Batch& batch) const {
  const program::Input& input = runner_.header().input;
  if (!can_read(input, batch)) return std::nullopt;
  const std::size_t length = batch.sequences.lengths[0];
  if (input.tokens) return runner_.run(batch.tokens.first(length));
  std::vector<std::int32_t> codes(length * input.cols);
  program::encode_input(runner_.header(), batch.x.first(codes.size()), codes);
  return runner_.run(codes);
}

Value IntegerForward::operator()(Tape& tape, const Batch& batch) const {
  const auto known = codes(batch);
  return known ? leaf(tape, batch, *known) : model_->forward(tape, batch);
}

Value IntegerForward::leaf(Tape& tape, const Batch& batch, std::span<const std::int32_t> codes) const {
  const std::vector<float>& scale = runner_.header().output.scale;
  const auto layout = scale.size() == 1 ? kernels::ScaleLayout::per_tensor : kernels::ScaleLayout::per_column;
  const std::size_t cols = runner_.output_cols();
  const std::size_t rows = runner_.per_step() ? batch.sequences.rows[0] : 1;
  float* const real = tape.arena().array<float>(rows * cols);
  kernels::dequantize(0, codes.size() / cols, cols, {layout, scale.data()}, {codes.data(), program::Width::four, cols},
                      real);
  std::fill(real + codes.size(), real + rows * cols, 0.0F);
  return tape.input(rows, cols, real);
}

}  // namespace bitstate
