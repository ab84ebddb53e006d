#include "models/model.h"

#include "autograd/ops.h"
#include "core/error.h"
#include "models/layers/linear.h"
#include "models/s5/models.h"
#include "tests/support/models/computed.h"

#include <doctest/doctest.h>

#include <concepts>
#include <cstddef>
#include <utility>
#include <vector>

namespace bitstate::tests::model_test {
namespace {

/// A model that no list names: a dense layer, and the mean over the steps where it gives a row per example.
struct Mean {
  Linear dense{2, 3, 1, "dense"};
  OutputSpec spec{Output::values_per_sequence};

  [[nodiscard]] OutputSpec output() const { return spec; }
  Value forward(Tape& tape, const Batch& batch) const {
    const Value y = dense.forward(tape, tape.input(batch.x.size() / 2, 2, batch.x.data()));
    return is_per_step(spec.output) ? y : ops::mean_pool(tape, y, batch.sequences);
  }
  template <class V>
  void visit(V& v) {
    v("dense", dense);
  }
};

struct WithoutOutput {
  Value forward(Tape&, const Batch&) const;
  template <class V>
  void visit(V&);
};
struct WithoutVisit {
  OutputSpec output() const;
  Value forward(Tape&, const Batch&) const;
};
struct ChangedByForward {
  OutputSpec output() const;
  Value forward(Tape&, const Batch&);
  template <class V>
  void visit(V&);
};

static_assert(ModelStruct<Mean> && ModelStruct<S5Classifier> && ModelStruct<S5Regressor> && ModelStruct<S5Retrieval>);
static_assert(!ModelStruct<WithoutOutput> && !std::constructible_from<Model, WithoutOutput>);
static_assert(!ModelStruct<WithoutVisit> && !std::constructible_from<Model, WithoutVisit>);
static_assert(!ModelStruct<ChangedByForward> && !std::constructible_from<Model, ChangedByForward>);
static_assert(std::movable<Model> && std::copyable<Model> && !std::default_initializable<Model>);

/// The result for two sequences of three steps and one.
std::vector<float> result(const Model& model) {
  const std::vector<std::size_t> rows{3, 1};
  const std::vector<float> x{0.5F, -1.0F, 2.0F, 0.25F, 1.5F, 1.0F, -0.5F, 3.0F};
  Tape tape;
  tape.begin({});
  const Computed y = computed(tape, model.forward(tape, {{rows, rows}, x}));
  return y.value;
}

TEST_CASE("model: a struct that no list names has its own result, names and output") {
  const Mean mean;
  Model model = mean;
  CHECK(model.output().output == Output::values_per_sequence);
  CHECK(model.output().sequences == 1);
  const Inventory inventory = take_inventory(model);
  REQUIRE(inventory.parameters.size() == 2);
  CHECK(inventory.parameters[0].name == "dense.weight");
  CHECK(inventory.sites() == std::vector<Site>{{"weight:dense", SiteKind::weight}, {"bias:dense", SiteKind::bias}});
  const std::vector<float> y = result(model);
  REQUIRE(y.size() == 6);
  const Tensor& w = mean.dense.weight.value;
  for (std::size_t k = 0; k < 3; ++k) CHECK(y[3 + k] == doctest::Approx(-0.5F * w(k, 0) + 3.0F * w(k, 1)));
}

TEST_CASE("model: an inventory stays valid when the model is moved, and a copy has parameters of its own") {
  Model model = Mean();
  const Inventory inventory = take_inventory(model);
  const Model copy = model;
  const std::vector<float> before = result(model);
  Model moved = std::move(model);
  for (float& w : inventory.parameters[0].parameter->value.data) w *= 2.0F;
  const std::vector<float> after = result(moved);
  for (std::size_t i = 0; i < before.size(); ++i) CHECK(after[i] == doctest::Approx(2.0F * before[i]));
  CHECK(result(copy) == before);
  moved = copy;
  CHECK(result(moved) == before);
}

TEST_CASE("model: as() gives the struct that it was made from, and S5's SSMs are looked for in S5's models only") {
  Model model = Mean();
  CHECK(model.as<S5Classifier>() == nullptr);
  REQUIRE(model.as<Mean>() != nullptr);
  CHECK(take_inventory(model).parameters[0].parameter == &model.as<Mean>()->dense.weight);
  CHECK(ssms(model).empty());
}

TEST_CASE("model: a result with other rows than output() says is refused") {
  Mean mean;
  mean.spec = {Output::values_per_sequence, 2};  // but it gives a row for each of the two sequences
  CHECK_THROWS_WITH_AS(result(mean),
                       "[model] its output is values per sequence: 2 sequences, 2 per example, need 1 rows, but "
                       "forward() gave 2",
                       Error);
  mean.spec = {Output::class_per_sequence, 0};
  CHECK_THROWS_WITH_AS(result(mean), "[model] its output() has no sequence per example", Error);
  mean.spec = {Output::class_per_step};
  CHECK(result(mean).size() == 4 * 3);
}

TEST_CASE("model: the heads of S5 say what they give") {
  S5Options options;
  options.layers = 1;
  options.layer.sizes.H = 4;
  options.layer.sizes.P_full = 4;
  options.layer.sizes.blocks = 1;
  const auto output_of = [](const Model& model) { return std::pair(model.output().output, model.output().sequences); };
  CHECK(output_of(S5Classifier(options, 1)) == std::pair(Output::class_per_sequence, std::size_t{1}));
  CHECK(output_of(S5Regressor(options, 1)) == std::pair(Output::values_per_step, std::size_t{1}));
  CHECK(output_of(S5Retrieval(options, 1)) == std::pair(Output::class_per_sequence, std::size_t{2}));
  options.values = true;
  CHECK(output_of(S5Classifier(options, 1)) == std::pair(Output::values_per_sequence, std::size_t{1}));
}

/// Declares a site of a kind that does not exist.
struct OddKind {
  Quantizer quantizer;
  template <class V>
  void visit(V& v) {
    v.site("weights", "w", quantizer);
  }
};

TEST_CASE("inventory: a site of a kind that does not exist is refused by its name") {
  OddKind model;
  CHECK_THROWS_WITH_AS(take_inventory(model),
                       "[model] the site weights:w must be of kind weight, bias, act, acc or state", Error);
}

}  // namespace
}  // namespace bitstate::tests::model_test
