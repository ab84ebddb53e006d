// A data set is size() and read(i): whatever stands behind it, the trainer sees nothing else.
#pragma once

#include "core/units.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace bitstate::datasets {

using bitstate::Units;

/// What the numbers and ids that a model sees stand for: fixed by the training part, kept with the weights.
struct Reading {
  Units input_units, target_units;
  std::string vocabulary;   ///< SHA-256 of the symbols in the order of their ids; empty: no vocabulary was made
  std::size_t inputs = 0;   ///< columns, or tokens, as d_input and
  std::size_t outputs = 0;  ///< columns, or classes, as d_output of Splits; 0: not known yet
  std::vector<std::string> classes = {};  ///< their names, as labels have them; empty: their numbers
  std::size_t max_length = 0;             ///< of the sequences, as in Splits; 0: not known
  bool operator==(const Reading&) const = default;
};

/// The label of a step that is not asked for.
inline constexpr std::int32_t no_label = -1;

/// One sequence, or a pair of documents.
struct Example {
  std::size_t length = 0;                 ///< true length L, at least 1
  std::vector<float> x;                   ///< inputs [L, d_input], row-major; empty for token data
  std::vector<std::int32_t> tokens;       ///< token ids [L]; empty for real-valued data
  std::vector<std::int32_t> second;       ///< token ids of the second document of a pair; else empty
  std::int32_t label = 0;                 ///< class, for classification
  std::vector<float> target;              ///< targets [L, d_output] for regression, [d_output] for values per sequence
  std::vector<std::int32_t> labels = {};  ///< class of each step [L], or no_label, for labelling
  bool continues = false;                 ///< an evaluation begins it with the state behind the example before it

  /// As a new one, but the arrays keep their memory, so that who reads many examples allocates only while they grow.
  void clear() {
    length = 0;
    label = 0;
    continues = false;
    x.clear(), tokens.clear(), second.clear(), labels.clear(), target.clear();
  }
};

/// One split of a data set.
class Dataset {
 public:
  virtual ~Dataset() = default;
  [[nodiscard]] virtual std::size_t size() const = 0;
  /// Fills `out`, which is empty: new, or cleared. May be called from several threads at once, each with its own.
  virtual void read(std::size_t index, Example& out) const = 0;
};

/// What is learnt of a sequence: its class, a target at every step, one target, or a class at every step or at some.
enum class Task { classification, regression, value, labelling };

/// What results are judged by: a table shows it, and training minimises cross entropy, the mean squared error or sMAPE.
/// rmse is the root of the mean squared error over all steps and targets, in the units of the target; bits_per_byte and
/// bits_per_token the cross entropy of the labelled steps in bits, where a step is a byte or another token.
enum class Metric { accuracy, mse, rmse, smape, bits_per_byte, bits_per_token };

/// A data set with its splits. `validation` may be null (Q-S5's dynamical systems have none: the test part is used).
struct Splits {
  std::string name;
  Task task = Task::classification;
  bool tokens = false;                ///< inputs are token ids below d_input
  bool pairs = false;                 ///< an example is two documents
  std::size_t d_input = 0;            ///< input features, or size of the vocabulary
  std::size_t d_output = 0;           ///< classes, or target features
  std::size_t max_length = 0;         ///< longest sequence (the padded length of the reference)
  std::optional<Metric> metric = {};  ///< that the literature judges by; none: accuracy for classes, rmse for values
  bool streams = false;               ///< examples of validation and test may continue the one before
  Reading reading;
  std::string origin{};  ///< of the user's own data: what the files hold and what of it is read
  /// Of the user's own tables: columns, as the line of names calls them; empty where there are no names.
  std::vector<std::string> input_names{}, target_names{};
  std::shared_ptr<const Dataset> train;
  std::shared_ptr<const Dataset> validation;
  std::shared_ptr<const Dataset> test;
};

}  // namespace bitstate::datasets
