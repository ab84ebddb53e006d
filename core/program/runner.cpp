#include "core/program/runner.h"

#include "core/error.h"
#include "core/kernels/layer_norm.h"
#include "core/kernels/quantize.h"
#include "core/kernels/scan.h"

#include <algorithm>
#include <utility>

namespace bitstate::program {
namespace {

constexpr std::size_t chunk_steps = 32;  // values of a chunk stay in the L2 cache

/// Executes one instruction on the rows of a chunk.
struct Execution {
  const std::vector<ValueInfo>& infos;
  std::size_t number;  // of the value that is computed
  State& state;
  std::size_t rows;       // in the chunk
  std::size_t true_rows;  // of them no padding

  [[nodiscard]] const std::int32_t* value(Ref ref) const { return state.values[ref].data(); }
  [[nodiscard]] std::int32_t* y() const { return state.values[number].data(); }
  [[nodiscard]] std::size_t cols() const { return infos[number].cols; }

  void operator()(const Linear& i) const {
    const std::size_t inputs = i.weight.cols;
    for (std::size_t r = 0; r < rows; ++r) {
      const std::int32_t* const x = value(i.x) + r * inputs;
      for (std::size_t o = 0; o < cols(); ++o) {
        const std::int32_t* const w = i.weight.codes.data() + o * inputs;
        std::int32_t sum = i.bias[o];
        for (std::size_t c = 0; c < inputs; ++c) sum += w[c] * x[c];
        y()[r * cols() + o] = sum;
      }
    }
  }

  void operator()(const Rescale& i) const {
    const std::int32_t* const x = value(i.x);
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < cols(); ++c) {
        const std::int64_t v = rescale(x[r * cols() + c], i.factor[i.factor.size() == 1 ? 0 : c]);
        const std::int64_t lo = i.lo[i.lo.size() == 1 ? 0 : c];
        const std::int64_t hi = i.hi[i.hi.size() == 1 ? 0 : c];
        y()[r * cols() + c] = static_cast<std::int32_t>(std::clamp(v, lo, hi));
      }
    }
  }

  void operator()(const Sign& i) const {
    const std::int32_t* const x = value(i.x);
    for (std::size_t k = 0; k < rows * cols(); ++k) y()[k] = x[k] >= 0 ? 1 : -1;
  }

  void operator()(const Product& i) const {
    const std::int32_t* const a = value(i.a);
    const std::int32_t* const b = value(i.b);
    for (std::size_t k = 0; k < rows * cols(); ++k) y()[k] = a[k] * b[k];
  }

  void operator()(const Scale& i) const {
    const std::int32_t* const x = value(i.x);
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < cols(); ++c) y()[r * cols() + c] = x[r * cols() + c] * i.row[c];
    }
  }

  void operator()(const Sum& i) const {
    kernels::rescale_add(rows, cols(), i.a_factor, value(i.a), i.b_factor, value(i.b), y());
  }

  void operator()(const AddRow& i) const { kernels::rescale_add_row(rows, cols(), i.factor, value(i.x), i.row, y()); }

  void operator()(const LayerNorm& i) const {
    std::vector<std::int64_t> sum(rows), spread(rows);
    kernels::layer_norm_integer({cols(), i.scale.data(), i.bias.data(), i.fraction, i.epsilon}, rows, value(i.x), y(),
                                sum.data(), spread.data());
  }

  void operator()(const Table& i) const {
    const std::int32_t* const x = value(i.x);
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < cols(); ++c) {
        const std::int32_t* const entries = i.entries.codes.data() + (i.entries.rows == 1 ? 0 : c * i.entries.cols);
        y()[r * cols() + c] = entries[x[r * cols() + c] - i.first];
      }
    }
  }

  void operator()(const Embedding& i) const {
    const std::int32_t* const ids = value(i.x);
    for (std::size_t r = 0; r < rows; ++r) {
      std::copy_n(i.table.codes.data() + static_cast<std::size_t>(ids[r]) * cols(), cols(), y() + r * cols());
    }
  }

  void operator()(const Scan& i) const {
    kernels::IntegerScan plan{i.from_input, i.limit, i.to_state, i.to_inner, i.shift, nullptr};
    const auto how = i.feedback ? QuantSpec::Rounding::feedback : QuantSpec::Rounding::nearest;
    const kernels::StateRounding rounding{nullptr, i.bound, nullptr, how};
    kernels::scan_integer(rows, cols() / 2, i.backward ? kernels::Direction::backward : kernels::Direction::forward,
                          i.lambda.data(), plan, rounding, value(i.x), y(), nullptr,
                          {state.recurrent[number].data(), state.sums[number].data()});
  }

  void operator()(const MeanPool& i) const {
    const std::int32_t* const x = value(i.x);
    for (std::size_t r = 0; r < true_rows; ++r) {
      for (std::size_t c = 0; c < cols(); ++c) state.sums[number][c] += x[r * cols() + c];
    }
  }

  void operator()(const Last& i) const {
    if (true_rows == 0) return;
    std::copy_n(value(i.x) + (true_rows - 1) * cols(), cols(), state.recurrent[number].data());
  }

  void operator()(const Concatenate& i) const {
    const std::size_t left = infos[i.a].cols;
    const std::size_t right = infos[i.b].cols;
    for (std::size_t r = 0; r < rows; ++r) {
      std::copy_n(value(i.a) + r * left, left, y() + r * cols());
      std::copy_n(value(i.b) + r * right, right, y() + r * cols() + left);
    }
  }
};

std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
  const std::int64_t q = a / b;
  return q - (a < 0 && a % b != 0 ? 1 : 0);
}

/// The value of a pool from what it has gathered.
void finish_pool(const Instruction& instruction, std::size_t number, State& state) {
  auto& y = state.values[number];
  if (const auto* const pool = std::get_if<MeanPool>(&instruction)) {
    const auto n = static_cast<std::int64_t>(state.steps);
    for (std::size_t c = 0; c < y.size(); ++c) {
      const std::int64_t numerator = state.sums[number][c] * (std::int64_t{2} << pool->fraction) + n;
      y[c] = static_cast<std::int32_t>(floor_divide(numerator, 2 * n));
    }
  } else {
    y = state.recurrent[number];
  }
}

bool is_pool(const Instruction& i) { return std::holds_alternative<MeanPool>(i) || std::holds_alternative<Last>(i); }

}  // namespace

Runner::Runner(Program program)
    : program_(std::move(program)), values_(analyse(program_)), streams_(can_stream(program_)) {}

State Runner::begin() const {
  State state;
  state.values.resize(values_.size());
  state.recurrent.resize(values_.size());
  state.sums.resize(values_.size());
  for (std::size_t i = 1; i < values_.size(); ++i) {
    const Instruction& instruction = program_.instructions[i - 1];
    const std::size_t cols = values_[i].cols;
    if (!values_[i].per_step) state.values[i].resize(cols);
    const bool scan = std::holds_alternative<Scan>(instruction);
    if (scan || std::holds_alternative<Last>(instruction)) state.recurrent[i].resize(cols);
    if (scan || std::holds_alternative<MeanPool>(instruction)) state.sums[i].resize(cols);
  }
  return state;
}

void Runner::check_input(std::span<const std::int32_t> input) const {
  require(input.size() % program_.input.cols == 0, "program", "{} input codes are no rows of {}", input.size(),
          program_.input.cols);
  const Grid& grid = program_.input.grid;
  for (std::size_t i = 0; i < input.size(); ++i) {
    require(input[i] >= grid.lo && input[i] <= grid.hi, "program", "the input code {} at step {} is not in {} to {}",
            input[i], i / program_.input.cols, grid.lo, grid.hi);
  }
}

/// One chunk through all instructions that have a row a step.
void Runner::advance(State& state, std::span<const std::int32_t> input, std::size_t true_steps) const {
  const std::size_t rows = input.size() / program_.input.cols;
  for (std::size_t i = 0; i < values_.size(); ++i) {
    if (values_[i].per_step && state.values[i].size() < rows * values_[i].cols) {
      state.values[i].resize(rows * values_[i].cols);
    }
  }
  std::copy(input.begin(), input.end(), state.values[0].begin());
  for (std::size_t i = 1; i < values_.size(); ++i) {
    const Instruction& instruction = program_.instructions[i - 1];
    if (values_[i].per_step || is_pool(instruction)) {
      std::visit(Execution{values_, i, state, rows, true_steps}, instruction);
    }
  }
  state.steps += true_steps;
}

void Runner::step(State& state, std::span<const std::int32_t> input, std::span<std::int32_t> output) const {
  require<UsageError>(streams_, "program", "a bidirectional model needs the whole sequence; use run()");
  check_input(input);
  const std::size_t width = program_.input.cols;
  const std::size_t steps = input.size() / width;
  require(output.size() == (per_step() ? steps * output_cols() : 0), "program", "{} outputs for {} steps",
          output.size(), steps);
  for (std::size_t first = 0; first < steps; first += chunk_steps) {
    const std::size_t count = std::min(chunk_steps, steps - first);
    advance(state, input.subspan(first * width, count * width), count);
    if (per_step()) {
      std::copy_n(state.values.back().data(), count * output_cols(), output.data() + first * output_cols());
    }
  }
}

void Runner::result(State& state, std::span<std::int32_t> output) const {
  require(!per_step() && output.size() == output_cols(), "program", "{} outputs, the program has {}", output.size(),
          output_cols());
  require(state.steps > 0, "program", "no step has been seen");
  for (std::size_t i = 1; i < values_.size(); ++i) {
    if (values_[i].per_step) continue;
    const Instruction& instruction = program_.instructions[i - 1];
    if (is_pool(instruction)) {
      finish_pool(instruction, i, state);
    } else {
      std::visit(Execution{values_, i, state, 1, 1}, instruction);
    }
  }
  std::copy(state.values.back().begin(), state.values.back().end(), output.begin());
}

std::vector<std::int32_t> Runner::run(std::span<const std::int32_t> input) const {
  check_input(input);
  const std::size_t width = program_.input.cols;
  const std::size_t steps = input.size() / width;
  require(steps > 0, "program", "the sequence has no steps");
  State state = begin();
  std::vector<std::int32_t> output(per_step() ? steps * output_cols() : output_cols());
  if (streams_) {
    step(state, input, per_step() ? std::span<std::int32_t>(output) : std::span<std::int32_t>());
  } else {
    std::vector<std::int32_t> padded(input.begin(), input.end());
    // padding is the number 0, whose code is 0, or 1 with one bit
    padded.resize(std::max<std::size_t>(steps, program_.padded_length) * width, program_.input.one_bit ? 1 : 0);
    advance(state, padded, steps);
    if (per_step()) std::copy_n(state.values.back().data(), output.size(), output.data());
  }
  if (!per_step()) result(state, output);
  return output;
}

std::size_t class_of(std::span<const std::int32_t> logits) {
  return static_cast<std::size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

}  // namespace bitstate::program
