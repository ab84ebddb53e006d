#include "tests/support/models/random_program.h"

#include "autograd/export.h"
#include "tests/support/models/computed.h"
#include "tests/support/models/random_model.h"

#include <algorithm>
#include <cstddef>
#include <variant>

namespace bitstate::tests {
namespace {

bool is_classifier(const RandomModel& random) { return std::holds_alternative<S5Classifier>(random.model); }

std::size_t first_row(const RandomModel& random, std::size_t s) {
  std::size_t first = 0;
  for (std::size_t i = 0; i < s; ++i) first += random.rows[i];
  return first;
}

/// The input codes of sequence s, without padding.
std::vector<std::int32_t> input_codes(const RandomModel& random, const program::Program& program, std::size_t s) {
  const std::size_t first = first_row(random, s) * program.input.cols;
  std::vector<std::int32_t> codes(random.lengths[s] * program.input.cols);
  if (program.input.tokens) {
    std::copy_n(random.tokens.begin() + static_cast<std::ptrdiff_t>(first), codes.size(), codes.begin());
  } else {
    program::encode_input(program, random.x.data() + first, codes.size(), codes.data());
  }
  return codes;
}

/// The codes of `y` for sequence s: of all true steps, or of the sequence.
std::vector<std::int32_t> output_codes(const RandomModel& random, const Computed& y, std::size_t s) {
  const std::size_t first = is_classifier(random) ? s : first_row(random, s);
  const std::size_t rows = is_classifier(random) ? 1 : random.lengths[s];
  const auto begin = y.codes.begin() + static_cast<std::ptrdiff_t>(first * y.cols);
  return {begin, begin + static_cast<std::ptrdiff_t>(rows * y.cols)};
}

std::optional<RandomProgram> traced(const RandomModel& random, std::size_t padded_length) {
  Tape tape;
  tape.begin({});
  const Value output = std::visit([&](const auto& m) { return m.forward(tape, random.batch()); }, random.model);
  const auto is_float = [](const Node& node) { return node.is_float_island(); };
  const bool one_scale = tape[output].layout == kernels::ScaleLayout::per_tensor || !is_classifier(random);
  if (std::any_of(tape.nodes().begin(), tape.nodes().end(), is_float) || !one_scale) return std::nullopt;
  RandomProgram result{export_program(tape, output, "random", is_classifier(random), padded_length), {}};
  for (std::size_t s = 0; s < random.rows.size(); ++s) {
    // a backward scan begins in the padding
    const std::size_t rows = std::max(random.lengths[s], padded_length);
    if (!program::can_stream(result.program) && random.rows[s] != rows) continue;
    result.sequences.push_back(
        {input_codes(random, result.program, s), output_codes(random, computed(tape, output), s)});
  }
  return result;
}

}  // namespace

std::optional<RandomProgram> random_program(std::uint64_t number) { return traced(*random_model(number), 0); }

std::optional<RandomProgram> padded_program(std::uint64_t number) {
  const auto random = random_model(number);
  const std::size_t rows = random->rows[0];
  const std::size_t length = random->lengths[0];
  if (rows == length) return std::nullopt;
  const std::size_t inputs = random->x.size() / first_row(*random, random->rows.size());
  random->rows.resize(1);
  random->lengths.resize(1);
  random->x.resize(rows * inputs);
  std::fill(random->x.begin() + static_cast<std::ptrdiff_t>(length * inputs), random->x.end(), 0.0F);
  if (!random->tokens.empty()) {
    random->tokens.resize(rows);
    std::fill(random->tokens.begin() + static_cast<std::ptrdiff_t>(length), random->tokens.end(), 0);
  }
  auto result = traced(*random, rows);
  if (result && program::can_stream(result->program)) return std::nullopt;
  return result;
}

}  // namespace bitstate::tests
