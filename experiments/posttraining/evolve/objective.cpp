#include "experiments/posttraining/evolve/objective.h"

#include "core/error.h"
#include "core/program/run/runner.h"
#include "experiments/posttraining/evolve/losses.h"
#include "experiments/training/export_model.h"

#include <algorithm>
#include <limits>
#include <span>
#include <utility>

namespace bitstate {
namespace {

constexpr std::size_t most_rows = 100;  // of a sequence

}  // namespace

Objective::Objective(const Model& model, const Model& teacher, std::vector<datasets::Example> examples,
                     const ObjectiveSettings& settings, Workers& workers)
    : model_(model), examples_(std::move(examples)), settings_(settings), workers_(workers) {
  require(!examples_.empty(), "evolve", "expected at least one sequence");
  std::size_t rows = 0;
  for (const datasets::Example& example : examples_) {
    first_row_.push_back(rows);
    rows += rows_of(example).size();
  }
  first_row_.push_back(rows);
  teach(teacher);
}

/// The steps whose outputs count: the last one is among them.
std::vector<std::size_t> Objective::rows_of(const datasets::Example& example) const {
  if (!is_per_step(model_.output().output)) return {0};
  const std::size_t count = std::min(example.length, most_rows);
  std::vector<std::size_t> rows;
  for (std::size_t i = 1; i <= count; ++i) rows.push_back(i * example.length / count - 1);
  return rows;
}

void Objective::teach(const Model& teacher) {
  {
    Tape tape;
    cols_ = tape[forward_example(teacher, examples_[0], settings_.padded_length, tape)].cols;
  }
  teacher_.resize(first_row_.back() * cols_);
  workers_.for_each(examples_.size(), [&](std::size_t s) {
    Tape tape;
    const Value output = forward_example(teacher, examples_[s], settings_.padded_length, tape, true);
    const float* const real = tape.value(output);
    double* to = &teacher_[first_row_[s] * cols_];
    for (const std::size_t row : rows_of(examples_[s])) to = std::copy_n(real + row * cols_, cols_, to);
  });
}

/// A backward scan begins in the padding, which the codes between two blocks do not show.
bool Objective::can_cut(const program::Program& whole) const {
  if (!settings_.cached) return false;
  return program::can_stream(whole) || std::all_of(examples_.begin(), examples_.end(), [&](const auto& example) {
           return example.length >= whole.padded_length;
         });
}

std::vector<std::int32_t> Objective::entering(std::size_t sequence, const program::Program& program) const {
  return settled_ == 0 ? input_codes(program, examples_[sequence]) : kept_[sequence].unpacked();
}

void Objective::settle(std::size_t block) {
  if (block < settled_) {
    settled_ = 0;
    kept_.clear();
  }
  if (block == settled_) return;
  const auto whole = part_program(model_, examples_[0], 0, all_parts, settings_.padded_length);
  if (!whole || !can_cut(*whole)) return;
  auto part = part_program(model_, examples_[0], settled_, block);
  if (!part || !part_program(model_, examples_[0], block, all_parts)) return;
  const program::Runner runner(std::move(*part));
  std::vector<PackedCodes> behind(examples_.size());
  workers_.for_each(examples_.size(),
                    [&](std::size_t s) { behind[s] = PackedCodes(runner.run(entering(s, runner.header()))); });
  kept_ = std::move(behind);
  settled_ = block;
}

double Objective::from(std::size_t block) {
  if (settings_.stop && settings_.stop()) throw TransformStopped{};
  settle(std::min(block, settled_));
  auto part = part_program(model_, examples_[0], settled_, all_parts, settings_.padded_length);
  if (!part) return std::numeric_limits<double>::infinity();
  const program::Runner runner(std::move(*part));
  const std::vector<float>& scale = runner.header().output.scale;
  std::vector<double> outputs(teacher_.size());
  workers_.for_each(examples_.size(), [&](std::size_t s) {
    const std::vector<std::int32_t> codes = runner.run(entering(s, runner.header()));
    double* to = &outputs[first_row_[s] * cols_];
    for (const std::size_t row : rows_of(examples_[s])) {
      for (std::size_t c = 0; c < cols_; ++c) {
        *to++ = codes[row * cols_ + c] * double{scale[scale.size() == 1 ? 0 : c]};
      }
    }
  });
  return loss_of(outputs);
}

double Objective::loss_of(const std::vector<double>& outputs) const {
  const std::size_t rows = first_row_.back();
  const std::size_t batch = std::min(settings_.batch, rows);
  std::vector<double> losses(rows / batch);
  workers_.for_each(losses.size(), [&](std::size_t b) {
    const auto q = std::span(outputs).subspan(b * batch * cols_, batch * cols_);
    const auto k = std::span(teacher_).subspan(b * batch * cols_, batch * cols_);
    switch (settings_.loss) {
      case EvolveLoss::infonce:
        losses[b] = info_nce(q, k, cols_, {settings_.temperature});
        break;
      case EvolveLoss::mse:
        losses[b] = mean_squared_error(q, k);
        break;
      case EvolveLoss::kl:
        losses[b] = kl_divergence(q, k, cols_);
        break;
    }
  });
  double sum = 0.0;
  for (const double loss : losses) sum += loss;
  return sum / static_cast<double>(losses.size());
}

}  // namespace bitstate
