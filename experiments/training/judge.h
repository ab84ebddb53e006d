// Judges what a model gives for a group of examples: the loss of each, its metric, and its weight in the mean of
// metrics.
#pragma once

#include "autograd/tape.h"
#include "datasets/dataset.h"
#include "experiments/training/metric.h"
#include "models/model.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace bitstate {

/// What the examples of a group ask for, one behind the other.
struct Asked {
  std::vector<float> targets;
  std::vector<std::int32_t> labels;
  std::vector<std::size_t> scored;   ///< of each example: labelled steps; 1 where it has no labels of steps
  std::vector<float> loss_gradient;  ///< of Judge::loss_gradient()

  void clear() {
    targets.clear();
    labels.clear();
    scored.clear();
  }
};

/// Of each example of a group.
struct Judgements {
  std::span<double> losses, metrics, weights;
  std::span<double> details = {};  ///< Judge::details_of() of each, all 0 before; empty: they are not wanted
};

class Judge {
 public:
  /// Throws Error when the metric does not judge what the model gives (accuracy and the bits: classes; the
  /// others: values), and for a model that no example fits: more than pairs of sequences.
  /// `class_weights`: of each class in loss_gradient(); empty: 1.
  Judge(const OutputSpec& output, Metric metric, datasets::Units target_units, std::vector<double> class_weights = {});

  [[nodiscard]] const OutputSpec& output() const { return output_; }

  /// Adds an example that is padded to `rows` steps. Throws Error where it is labelled otherwise than the model's
  /// output is.
  void append(Asked& asked, const datasets::Example& example, std::size_t rows) const;

  /// The losses, [rows, 1]: one per sequence, but of a class per step one per step. `steps` are those of the examples.
  Value loss(Tape& tape, Value output, const Sequences& steps, const Asked& asked) const;

  /// That of `share` times the sum of the mean losses of all examples, each loss times the weight of its class, for
  /// Tape::backward(). Held by `asked`.
  std::span<const float> loss_gradient(Asked& asked, const Sequences& steps, float share) const;

  /// How many numbers EvaluationDetails takes of an example like this one.
  [[nodiscard]] std::size_t details_of(const datasets::Example& example) const;

  /// Throws DivergedError when a loss is not finite.
  void judge(Tape& tape, Value output, Value loss, const Sequences& steps, const Asked& asked,
             const Judgements& found) const;

 private:
  [[nodiscard]] bool labels_steps() const { return output_.output == Output::class_per_step; }
  [[nodiscard]] double metric(std::span<const float> results, std::size_t cols, std::size_t first, const Asked& asked,
                              std::size_t n, double loss) const;
  void describe(std::span<const float> results, std::size_t cols, std::size_t first, const Asked& asked, std::size_t n,
                std::span<double> numbers) const;

  OutputSpec output_;
  Metric metric_;
  datasets::Units target_units_;
  std::vector<double> class_weights_;
};

}  // namespace bitstate
