// The whole models of the reference: pooled features, log-probabilities, loss, gradients, optimiser steps.
#include "autograd/optimizer.h"
#include "core/error.h"
#include "core/parallel.h"
#include "models/s5/groups.h"
#include "models/s5/models.h"
#include "tests/support/models/golden_model.h"

#include <cmath>
#include <string>
#include <vector>

namespace bitstate::tests::s5_model_golden_test {
namespace {

/// A batch of the fixture, or every lanes-th of its examples. Sequences keep their padding, as in S5. An example has
/// one document, or two (n and N + n) for retrieval.
struct LaneBatch {
  std::vector<std::size_t> examples;   ///< places in the whole batch
  std::vector<std::size_t> sequences;  ///< likewise
  std::vector<std::size_t> rows;
  std::vector<std::size_t> lengths;
  std::vector<float> x;
  std::vector<std::int32_t> tokens;
  std::vector<std::int32_t> labels;

  LaneBatch(const Golden& golden, const std::string& group, std::size_t lane, std::size_t lanes) {
    const auto all = golden.array(group + "/x");
    const auto ids = golden.exists(group + "/ids") ? golden.integers(group + "/ids") : std::vector<std::int64_t>();
    const auto true_lengths = golden.integers(group + "/lengths");
    const auto all_labels = golden.integers(group + "/labels");
    const std::size_t L = all.shape.at(1);
    const std::size_t width = all.shape.at(2);
    for (std::size_t n = lane; n < all_labels.size(); n += lanes) {
      examples.push_back(n);
      labels.push_back(static_cast<std::int32_t>(all_labels[n]));
    }
    for (std::size_t first = 0; first < all.shape.at(0); first += all_labels.size()) {
      for (const std::size_t n : examples) {
        sequences.push_back(first + n);
        rows.push_back(L);
        lengths.push_back(static_cast<std::size_t>(true_lengths.at(first + n)));
        for (std::size_t i = 0; i < L && !ids.empty(); ++i) {
          tokens.push_back(static_cast<std::int32_t>(ids.at((first + n) * L + i)));
        }
        for (std::size_t i = 0; i < L * width; ++i) {
          x.push_back(static_cast<float>(all.values[(first + n) * L * width + i]));
        }
      }
    }
  }
  [[nodiscard]] Batch batch() const { return {{rows, lengths}, x, tokens}; }
};

std::vector<double> log_softmax(std::span<const float> logits, std::size_t classes) {
  std::vector<double> out;
  for (std::size_t first = 0; first < logits.size(); first += classes) {
    const auto row = logits.subspan(first, classes);
    double total = 0.0;
    for (const float z : row) total += std::exp(double{z});
    for (const float z : row) out.push_back(double{z} - std::log(total));
  }
  return out;
}

/// Row k of `from` becomes row places[k] of `to`.
template <class T>
void scatter(const std::vector<T>& from, const std::vector<std::size_t>& places, std::vector<double>& to,
             std::size_t width) {
  REQUIRE(from.size() == places.size() * width);
  for (std::size_t i = 0; i < from.size(); ++i) to.at(places[i / width] * width + i % width) = from[i];
}

/// Whether a model reads two documents an example.
bool is_retrieval(const Golden& golden, const std::string& group) {
  const std::size_t examples = golden.integers(group + "/labels").size();
  const std::size_t documents = golden.integers(group + "/lengths").size();
  require(documents == examples || documents == 2 * examples, "golden", "{} has {} documents for {} labels", group,
          documents, examples);
  return documents == 2 * examples;
}

S5Options model_options(const Golden& golden, const std::string& group, bool tokens) {
  S5Options options;
  options.inputs = golden.count(group, "d_input");
  options.outputs = golden.count(group, "n_classes");
  options.layers = golden.count(group, "n_layers");
  options.tokens = tokens;
  options.layer = layer_options(golden, group);
  const std::string mode = golden.has(group, "mode") ? golden.text(group, "mode") : "pool";
  require(mode == "pool" || mode == "last", "golden", "{} has the mode \"{}\", known are pool and last", group, mode);
  options.pool_last = mode == "last";
  require(!options.pool_last || !is_retrieval(golden, group), "golden", "{} reads the last token of two documents",
          group);
  require(golden.number(group, "dropout") == 0.0, "golden", "{} is a model with dropout, which has no masks", group);
  return options;
}

/// Whether the inputs x are the one-hot vectors of token ids.
bool has_tokens(const Golden& golden, const std::string& group) {
  if (!golden.exists(group + "/ids")) return false;
  const auto ids = golden.integers(group + "/ids");
  const auto x = golden.array(group + "/x");
  const std::size_t width = x.shape.at(2);
  for (std::size_t i = 0; i < x.values.size(); ++i) {
    const bool hot = ids.at(i / width) == static_cast<std::int64_t>(i % width);
    if (x.values[i] != (hot ? 1.0 : 0.0)) return false;
  }
  return true;
}

/// What one lane computes in a training pass, in the order of its sequences and examples.
struct LaneResult {
  std::vector<float> pooled;      ///< [sequences, H]
  std::vector<double> log_probs;  ///< [examples, classes]
  double loss = 0.0;              ///< the lane's share of the mean over the batch
  std::vector<float> gradient;
};

template <class Model>
LaneResult run_lane(const Model& model, const LaneBatch& data, Pass pass, std::size_t examples) {
  LaneResult out;
  out.gradient.resize(pass.gradient.size());
  pass.gradient = out.gradient;
  Tape tape;
  tape.begin(pass);
  const Value logits = model.forward(tape, data.batch());
  const Value loss = ops::cross_entropy(tape, logits, data.labels);
  const auto means = values_of(tape, "mean_pool");
  const auto pooled = means.empty() ? values_of(tape, "last").at(0) : means.at(0);
  out.pooled.assign(pooled.begin(), pooled.end());
  out.log_probs = log_softmax(value_of(tape, logits), tape[logits].cols);
  for (const float term : value_of(tape, loss)) out.loss += double{term} / static_cast<double>(examples);
  tape.backward(loss, std::vector<float>(data.labels.size(), 1.0F / static_cast<float>(examples)));
  return out;
}

/// A training pass of the whole batch, dealt to lanes: pooled features, log-probabilities and loss are checked, the
/// gradient is left in `loaded`.
template <class Model>
void check_training_pass(const Golden& golden, const std::string& group, Loaded<Model>& loaded, std::size_t lanes) {
  const auto log_probs = golden.array(group + "/log_probs");
  const auto pooled = golden.array(group + "/pooled");
  const std::size_t examples = log_probs.shape.at(0);
  std::vector<LaneBatch> data;
  for (std::size_t lane = 0; lane < lanes; ++lane) data.emplace_back(golden, group, lane, lanes);
  std::vector<LaneResult> results(lanes);
  const Pass whole = loaded.training();
  Workers workers(2);
  workers.for_each_lane(lanes, [&](std::size_t lane, Meeting& meeting) {
    Pass pass = whole;
    pass.lane = lane;
    pass.meeting = &meeting;
    if (lane != 0) pass.statistics = {};
    results[lane] = run_lane(loaded.model, data[lane], pass, examples);
  });

  std::vector<double> got_log_probs(log_probs.values.size());
  std::vector<double> got_pooled(pooled.values.size());
  double loss = 0.0;
  for (std::size_t lane = 0; lane < lanes; ++lane) {
    const LaneResult& result = results[lane];
    loss += result.loss;
    for (std::size_t i = 0; i < loaded.gradient.size(); ++i) loaded.gradient[i] += result.gradient[i];
    scatter(result.log_probs, data[lane].examples, got_log_probs, log_probs.shape.at(1));
    scatter(result.pooled, data[lane].sequences, got_pooled, pooled.shape.at(1));
  }
  CHECK(relative_error(got_pooled, pooled.values) <= close);
  CHECK(relative_error(got_log_probs, log_probs.values) <= close);
  CHECK(loss == doctest::Approx(golden.scalar(group + "/loss")).epsilon(close));
}

/// Three AdamW steps with the gradient of the first pass, as in the fixture.
template <class Model>
void check_steps(const Golden& golden, const std::string& group, Loaded<Model>& loaded) {
  OptimizerSettings settings;
  const OptConfig opt_config = opt_config_of(golden.text(group, "opt_config"));
  settings.groups = s5_groups(opt_config);
  settings.method = method_of(opt_config);
  settings.weight_decay = golden.number(group, "weight_decay");
  Optimizer optimizer(loaded.inventory.parameters, settings);
  for (int step = 0; step < 3; ++step) {
    optimizer.step(loaded.inventory.parameters, loaded.gradient, golden.number(group, "lr"),
                   golden.number(group, "ssm_lr"));
  }
  const std::string after = group + "/param_after_3_steps_same_grad";
  for (const auto& name : golden.list(after)) {
    CAPTURE(name);
    const auto expected = golden.parameter(after + "/" + name).values;
    CHECK(relative_error(loaded.parameter(name).value.data, expected) <= close);
  }
}

template <class Model>
void check_model(const Golden& golden, const std::string& group, std::size_t lanes) {
  Loaded<Model> loaded(model_options(golden, group, false), 0U);
  loaded.load(golden, group + "/param");
  check_training_pass(golden, group, loaded, lanes);
  loaded.check_gradients(golden, group + "/grad");
  check_steps(golden, group, loaded);
}

/// The same model on token ids: the encoder is a table [vocabulary, H], the transpose of the dense weight.
template <class Model>
void check_token_model(const Golden& golden, const std::string& group) {
  Loaded<Model> loaded(model_options(golden, group, true), 0U);
  for (const auto& name : golden.list(group + "/param")) {
    const std::string path = group + "/param/" + name;
    loaded.set(name, name == "encoder.kernel" ? real_matrix(golden.array(path)) : golden.parameter(path));
  }
  check_training_pass(golden, group, loaded, 1);
  CHECK(relative_error(loaded.gradient_of("encoder.kernel"), golden.array(group + "/grad/encoder.kernel").values) <=
        close);
}

TEST_CASE("model: every model of the reference, and its three AdamW steps, on any number of lanes") {
  const Golden golden;
  const auto models = golden.groups(GoldenKind::model);
  REQUIRE(!models.empty());
  for (const auto& group : models) {
    for (const std::size_t lanes : {1U, 2U, 4U}) {
      CAPTURE(group);
      CAPTURE(lanes);
      if (is_retrieval(golden, group)) {
        check_model<S5Retrieval>(golden, group, lanes);
      } else {
        check_model<S5Classifier>(golden, group, lanes);
      }
    }
  }
}

TEST_CASE("model: token ids give what their one-hot vectors give") {
  const Golden golden;
  std::size_t tokens = 0;
  for (const auto& group : golden.groups(GoldenKind::model)) {
    if (!has_tokens(golden, group)) continue;
    CAPTURE(group);
    ++tokens;
    if (is_retrieval(golden, group)) {
      check_token_model<S5Retrieval>(golden, group);
    } else {
      check_token_model<S5Classifier>(golden, group);
    }
  }
  CHECK(tokens > 0);
}

}  // namespace
}  // namespace bitstate::tests::s5_model_golden_test
