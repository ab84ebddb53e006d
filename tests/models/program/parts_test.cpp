// A model cut behind one of its layers: a pass that begins there, and the programs of both parts.
#include "autograd/export.h"
#include "core/error.h"
#include "core/program/run/runner.h"
#include "tests/support/models/random_model.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace bitstate::tests::parts_test {
namespace {

Value forward(const RandomModel& random, Tape& tape, const Batch& batch) {
  return std::visit([&](const auto& model) { return model.forward(tape, batch); }, random.model);
}

std::size_t layers_of(const RandomModel& random) {
  return std::visit([](const auto& model) { return model.stack.layers.size(); }, random.model);
}

CodedRows rows_of(Tape& tape, Value v) {
  const Node& node = tape[v];
  return {node.rows, node.cols, tape.codes(v), node.scale, node.layout, node.bound};
}

/// The program of a value; nothing where there is none.
std::optional<program::Program> program_of(Tape& tape, Value v) {
  try {
    return export_program(tape, v, "part", false, 0);
  } catch (const Error&) {
    return std::nullopt;
  }
}

struct Counts {
  std::size_t tapes = 0;
  std::size_t programs = 0;
};

/// Cuts the model behind its first `parts` layers.
void compare_cut(const RandomModel& random, std::size_t parts, Counts& counts) {
  CAPTURE(parts);
  Tape whole;
  whole.begin({});
  const Batch batch = random.batch();
  const Value output = forward(random, whole, batch);
  REQUIRE(whole.parts().size() == layers_of(random));
  const Value border = whole.parts()[parts - 1];
  if (!whole[output].has_codes() || !whole[border].has_codes()) return;
  Tape behind;
  behind.begin({});
  Batch rest = {batch.sequences};
  rest.parts_before = parts;
  rest.entering = behind.input(rows_of(whole, border));
  const Value end = forward(random, behind, rest);
  REQUIRE(behind.codes32(end) == whole.codes32(output));
  ++counts.tapes;

  const auto all = program_of(whole, output), first = program_of(whole, border), second = program_of(behind, end);
  if (all) REQUIRE(first.has_value());
  if (!all || !second || !program::can_stream(*all) || all->input.tokens)
    return;  // codes behind a norm may be too wide
  std::vector<std::int32_t> input(batch.sequences.lengths[0] * all->input.cols);
  program::encode_input(*all, batch.x.data(), input.size(), input.data());
  const std::vector<std::int32_t> between = program::Runner(*first).run(input);
  CHECK(program::Runner(*second).run(between) == program::Runner(*all).run(input));
  ++counts.programs;
}

TEST_CASE("parts: a model that is cut behind a layer gives the same codes, on the tape and as two programs") {
  Counts counts;
  for (std::uint64_t number = 0; number < 300; ++number) {
    CAPTURE(number);
    const auto random = random_model(number);
    for (std::size_t parts = 1; parts <= layers_of(*random); ++parts) compare_cut(*random, parts, counts);
  }
  CHECK(counts.tapes >= 300);
  CHECK(counts.programs >= 80);
}

}  // namespace
}  // namespace bitstate::tests::parts_test
