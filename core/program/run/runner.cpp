#include "core/program/run/runner.h"

#include "core/error.h"
#include "core/program/run/plan.h"

#include <algorithm>
#include <utility>

namespace bitstate::program {
namespace {

constexpr std::size_t chunk_steps = 32;  // values of a chunk stay in the L1 and L2 caches

/// Codes of type int32 as rows of a value.
void write_rows(std::span<const std::int32_t> codes, std::size_t cols, const MutableCodes& y) {
  with_type(y, [&](auto* out) {
    for (std::size_t r = 0; r * cols < codes.size(); ++r) copy_codes(codes.data() + r * cols, cols, out + r * y.stride);
  });
}

/// Rows of a value as codes of type int32.
void read_rows(const Codes& x, std::size_t cols, std::span<std::int32_t> codes) {
  with_type(x, [&](const auto* in) {
    for (std::size_t r = 0; r * cols < codes.size(); ++r) copy_codes(in + r * x.stride, cols, codes.data() + r * cols);
  });
}

/// Room for what an instruction keeps: loops read whole vectors of it.
std::size_t room_of(const Kept& kept) { return kept.codes == 0 ? 0 : kept.codes + vector_columns; }

}  // namespace

Runner::Runner(Program program, Isa isa)
    : header_(std::move(program)),
      values_(analyse(header_)),
      streams_(can_stream(header_)),
      plan_(std::make_shared<const Plan>(header_, values_, isa)) {
  for (std::size_t i = 1; i < values_.size(); ++i) {
    kept_.push_back(kept_of(header_.instructions[i - 1], values_[i].cols));
  }
  header_.instructions = {};
}

std::size_t Runner::constant_bytes() const { return plan_->constant_bytes(); }

State Runner::begin() const {
  State state;
  state.buffers.resize(plan_->row_bytes().size());
  state.recurrent.resize(values_.size());
  state.sums.resize(values_.size());
  for (std::size_t i = 1; i < values_.size(); ++i) {
    state.recurrent[i].resize(room_of(kept_[i - 1]));
    state.sums[i].resize(kept_[i - 1].sums);
  }
  return state;
}

void Runner::check_state(const State& state) const {
  const std::size_t count = values_.size();
  bool fits = state.buffers.size() == plan_->row_bytes().size() && state.recurrent.size() == count &&
              state.sums.size() == count;
  for (std::size_t i = 1; fits && i < count; ++i) {
    fits = state.recurrent[i].size() == room_of(kept_[i - 1]) && state.sums[i].size() == kept_[i - 1].sums;
  }
  require(fits, "program", "the state is not one that begin() of this program gave");
}

void Runner::check_input(std::span<const std::int32_t> input) const {
  require(input.size() % header_.input.cols == 0, "program", "{} input codes are not a whole number of rows of {}",
          input.size(), header_.input.cols);
  const Grid& grid = header_.input.grid;
  for (std::size_t i = 0; i < input.size(); ++i) {
    require(input[i] >= grid.lo && input[i] <= grid.hi, "program",
            "expected input codes from {2} to {3}, got {0} at step {1}", input[i], i / header_.input.cols, grid.lo,
            grid.hi);
  }
}

/// Room for as many rows of every value.
void Runner::make_room(State& state, std::size_t rows) const {
  for (std::size_t i = 0; i < state.buffers.size(); ++i) {
    const std::size_t bytes = rows * plan_->row_bytes()[i];
    if (state.buffers[i].size() < bytes) state.buffers[i].resize(bytes);
  }
}

/// One chunk through all instructions that have a row per step.
void Runner::advance(State& state, std::span<const std::int32_t> input, std::size_t true_steps) const {
  const std::size_t rows = input.size() / header_.input.cols;
  make_room(state, rows);
  write_rows(input, header_.input.cols, plan_->target(state, 0));
  const Chunk chunk{state, rows, true_steps};
  for (const Operation& operation : plan_->operations()) {
    if (operation.each_step) operation.each_step(chunk);
  }
  state.steps += true_steps;
}

void Runner::step(State& state, std::span<const std::int32_t> input, std::span<std::int32_t> output) const {
  require<UsageError>(streams_, "program", "a bidirectional model needs the whole sequence; use run()");
  check_state(state);
  check_input(input);
  const std::size_t width = header_.input.cols;
  const std::size_t steps = input.size() / width;
  require(output.size() == (per_step() ? steps * output_cols() : 0), "program",
          "there is room for {} outputs of {} steps", output.size(), steps);
  for (std::size_t first = 0; first < steps; first += chunk_steps) {
    const std::size_t count = std::min(chunk_steps, steps - first);
    advance(state, input.subspan(first * width, count * width), count);
    if (per_step()) {
      read_rows(plan_->codes(state, last()), output_cols(),
                output.subspan(first * output_cols(), count * output_cols()));
    }
  }
}

void Runner::result(State& state, std::span<std::int32_t> output) const {
  require(!per_step() && output.size() == output_cols(), "program",
          "there is room for {} outputs, but the program has {}", output.size(), output_cols());
  check_state(state);
  require(state.steps > 0, "program", "no step has been seen");
  make_room(state, 1);
  const Chunk chunk{state, 1, 1};
  for (const Operation& operation : plan_->operations()) {
    if (operation.at_end) operation.at_end(chunk);
  }
  read_rows(plan_->codes(state, last()), output_cols(), output);
}

std::vector<std::int32_t> Runner::run(std::span<const std::int32_t> input) const {
  check_input(input);
  const std::size_t width = header_.input.cols;
  const std::size_t steps = input.size() / width;
  require(steps > 0, "program", "the sequence has no steps");
  State state = begin();
  std::vector<std::int32_t> output(per_step() ? steps * output_cols() : output_cols());
  if (streams_) {
    step(state, input, per_step() ? std::span<std::int32_t>(output) : std::span<std::int32_t>());
  } else {
    std::vector<std::int32_t> padded(input.begin(), input.end());
    padded.resize(std::max<std::size_t>(steps, header_.padded_length) * width, padding_code(header_.input));
    advance(state, padded, steps);
    if (per_step()) read_rows(plan_->codes(state, last()), output_cols(), output);
  }
  if (!per_step()) result(state, output);
  return output;
}

std::size_t class_of(std::span<const std::int32_t> logits) {
  return static_cast<std::size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

}  // namespace bitstate::program
