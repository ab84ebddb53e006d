#include "experiments/training/judge.h"

#include "autograd/ops.h"
#include "core/error.h"
#include "experiments/training/details.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace bitstate {
namespace {

static_assert(ops::no_label == datasets::no_label);

double mean(const float* values, std::size_t rows, std::size_t counted) {
  double sum = 0.0;
  for (std::size_t row = 0; row < rows; ++row) sum += values[row];
  return sum / static_cast<double>(counted);
}

/// Of the labelled steps the share whose largest logit is that of the label.
double share_right(const float* logits, std::size_t classes, std::span<const std::int32_t> labels, std::size_t scored) {
  std::size_t right = 0;
  for (std::size_t t = 0; t < labels.size(); ++t, logits += classes) {
    if (labels[t] != ops::no_label && std::max_element(logits, logits + classes) - logits == labels[t]) ++right;
  }
  return static_cast<double>(right) / static_cast<double>(scored);
}

}  // namespace

Judge::Judge(const OutputSpec& output, Metric metric, datasets::Units target_units, std::vector<double> class_weights)
    : output_(output),
      metric_(metric),
      target_units_(std::move(target_units)),
      class_weights_(std::move(class_weights)) {
  require(gives_classes(output.output) == (metric == Metric::accuracy || is_in_bits(metric_name(metric))), "lanes",
          "the model gives {}, which {} does not judge", name_of(output.output), metric_name(metric));
  require(output.sequences == 1 || (output.sequences == 2 && !is_per_step(output.output)), "lanes",
          "the model gives {} for {} sequences per example; an example is one sequence, or a pair with one result",
          name_of(output.output), output.sequences);
}

void Judge::append(Asked& asked, const datasets::Example& example, std::size_t rows) const {
  const auto& labels = example.labels;
  const auto unlabelled = static_cast<std::size_t>(std::count(labels.begin(), labels.end(), ops::no_label));
  const std::size_t scored = labels.size() - unlabelled;
  require(labels_steps() == (scored > 0), "lanes", "the model gives {}, but the example has {}",
          name_of(output_.output), scored > 0 ? "labels of steps" : "no labels of steps");
  const std::size_t padding = is_per_step(output_.output) ? rows - example.length : 0;
  asked.targets.insert(asked.targets.end(), example.target.begin(), example.target.end());
  asked.targets.resize(asked.targets.size() + example.target.size() / example.length * padding);
  if (labels_steps()) {
    asked.labels.insert(asked.labels.end(), labels.begin(), labels.end());
    asked.labels.resize(asked.labels.size() + padding, ops::no_label);
  } else {
    asked.labels.push_back(example.label);
  }
  asked.scored.push_back(labels_steps() ? scored : 1);
}

Value Judge::loss(Tape& tape, Value output, const Sequences& steps, const Asked& asked) const {
  if (gives_classes(output_.output)) return ops::cross_entropy(tape, output, asked.labels);
  const std::vector<std::size_t> ones(asked.scored.size(), 1);  // one target per sequence is one of one step
  const Sequences targets = is_per_step(output_.output) ? steps : Sequences{ones, ones};
  if (metric_ == Metric::smape) return ops::smape(tape, output, asked.targets, targets);
  return ops::squared_error(tape, output, asked.targets, targets);
}

std::span<const float> Judge::loss_gradient(Asked& asked, const Sequences& steps, float share) const {
  asked.loss_gradient.clear();
  for (std::size_t n = 0; n < asked.scored.size(); ++n) {
    const std::size_t rows = labels_steps() ? steps.rows[n] : 1;
    const float each = share / static_cast<float>(asked.scored[n]);
    asked.loss_gradient.resize(asked.loss_gradient.size() + rows, each);
  }
  if (class_weights_.empty()) return asked.loss_gradient;
  for (std::size_t i = 0; i < asked.labels.size(); ++i) {  // one gradient per label
    if (asked.labels[i] == ops::no_label) continue;
    asked.loss_gradient[i] *= static_cast<float>(class_weights_.at(static_cast<std::size_t>(asked.labels[i])));
  }
  return asked.loss_gradient;
}

void Judge::judge(Tape& tape, Value output, Value loss, const Sequences& steps, const Asked& asked,
                  const Judgements& found) const {
  const float* losses = tape.value(loss);
  const float* const results = tape.value(output);
  const std::size_t cols = tape[output].cols;
  const bool per_step = is_per_step(output_.output);
  for (std::size_t n = 0, first = 0; n < asked.scored.size(); ++n) {
    const std::size_t rows = labels_steps() ? steps.rows[n] : 1;
    found.losses[n] = mean(losses, rows, asked.scored[n]);
    require<DivergedError>(std::isfinite(found.losses[n]), "loss", "the loss of a sequence is {}", found.losses[n]);
    losses += rows;
    const std::size_t count = (per_step ? steps.lengths[n] : 1) * cols;
    found.weights[n] = static_cast<double>(metric_ == Metric::rmse ? count : asked.scored[n]);
    const std::size_t each = found.details.size() / asked.scored.size();
    if (each > 0) {
      describe({results + first * cols, count}, cols, first, asked, n, found.details.subspan(n * each, each));
    }
    found.metrics[n] = metric({results + first * cols, count}, cols, first, asked, n, found.losses[n]);
    first += per_step ? steps.rows[n] : 1;
  }
}

std::size_t Judge::details_of(const datasets::Example& example) const {
  if (labels_steps()) return 0;
  if (gives_classes(output_.output)) return EvaluationDetails::of_class;
  const std::size_t rows = is_per_step(output_.output) ? example.length : 1;
  return EvaluationDetails::per_target * (example.target.size() / rows);
}

void Judge::describe(std::span<const float> results, std::size_t cols, std::size_t first, const Asked& asked,
                     std::size_t n, std::span<double> numbers) const {
  if (gives_classes(output_.output)) {
    EvaluationDetails::describe(static_cast<std::size_t>(asked.labels[n]), results, numbers);
  } else {
    EvaluationDetails::describe(results, std::span(asked.targets).subspan(first * cols, results.size()), numbers);
  }
}

/// Of example n, whose `results` begin at row `first` of all.
double Judge::metric(std::span<const float> results, std::size_t cols, std::size_t first, const Asked& asked,
                     std::size_t n, double loss) const {
  switch (metric_) {
    case Metric::accuracy: {
      const std::size_t labels = results.size() / cols;
      return share_right(results.data(), cols, std::span(asked.labels).subspan(first, labels), asked.scored[n]);
    }
    case Metric::rmse:
      return mean_square(results, std::span(asked.targets).subspan(first * cols, results.size()), target_units_);
    case Metric::bits_per_byte:
    case Metric::bits_per_token:
      return loss / std::numbers::ln2;
    case Metric::mse:
    case Metric::smape:
      return loss;
  }
  return loss;
}

}  // namespace bitstate
