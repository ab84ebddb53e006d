// What an evaluation tells besides its metric, against sums that are made by hand, and what class weights change.
#include "experiments/training/details.h"
#include "autograd/ops.h"
#include "core/error.h"
#include "experiments/run_folder/test_details.h"
#include "experiments/run_folder/train.h"
#include "experiments/training/class_weights.h"
#include "experiments/training/judge.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace bitstate::tests::details_test {
namespace {

/// Sequences of one step with these labels.
struct Labelled : datasets::Dataset {
  std::vector<std::int32_t> labels;
  explicit Labelled(std::vector<std::int32_t> all) : labels(std::move(all)) {}
  [[nodiscard]] std::size_t size() const override { return labels.size(); }
  void read(std::size_t index, datasets::Example& out) const override {
    out.length = 1;
    out.x = {0.0F};
    out.label = labels[index];
  }
};

EvaluationDetails of_classes(const std::vector<std::pair<std::size_t, std::size_t>>& pairs, std::size_t classes) {
  EvaluationDetails details;
  for (const auto& [label, given] : pairs) {
    std::vector<float> logits(classes, -1.0F);
    logits[given] = 0.5F;
    std::array<double, EvaluationDetails::of_class> numbers{};
    EvaluationDetails::describe(label, logits, numbers);
    details.add_class(numbers);
  }
  return details;
}

}  // namespace

TEST_CASE("details: recall, precision and F1 of classes, of which one never occurs and one is never given") {
  const EvaluationDetails details = of_classes({{0, 0}, {0, 0}, {0, 2}, {1, 0}, {1, 1}}, 4);
  CHECK(details.confusion() == std::vector<std::uint64_t>{2, 0, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  const auto figures = class_figures(details.confusion());
  REQUIRE(figures.size() == 4);
  CHECK(figures[0].recall() == doctest::Approx(2.0 / 3.0));
  CHECK(figures[0].precision() == doctest::Approx(2.0 / 3.0));
  CHECK(figures[1].recall() == 0.5);
  CHECK(figures[1].precision() == 1.0);
  CHECK(figures[1].f1() == doctest::Approx(2.0 / 3.0));
  CHECK(std::isnan(figures[2].recall()));
  CHECK(figures[2].precision() == 0.0);
  CHECK(std::isnan(figures[3].f1()));
  CHECK(balanced_accuracy(figures) == doctest::Approx(0.5 * (2.0 / 3.0 + 0.5)));
  CHECK(macro_f1(figures) == doctest::Approx(2.0 / 3.0));
}

TEST_CASE("details: RMSE, NRMSE and fit of each target, in its units") {
  // targets 1, 3 and 10, 10; results miss by 1 and -1, and by 2 and 0
  const std::vector<float> y{2.0F, 12.0F, 2.0F, 10.0F}, targets{1.0F, 10.0F, 3.0F, 10.0F};
  EvaluationDetails details;
  for (std::size_t row = 0; row < 2; ++row) {  // two sequences of one step
    std::vector<double> numbers(2 * EvaluationDetails::per_target);
    EvaluationDetails::describe({y.data() + 2 * row, 2}, {targets.data() + 2 * row, 2}, numbers);
    details.add_targets(numbers);
  }
  const auto errors = details.target_errors({{0.0, 0.0}, {10.0, 3.0}});
  REQUIRE(errors.size() == 2);
  CHECK(errors[0].rmse == doctest::Approx(10.0));
  CHECK(errors[0].nrmse == doctest::Approx(1.0));  // the deviation of 1 and 3 is 1
  CHECK(errors[0].fit() == doctest::Approx(0.0));
  CHECK(errors[1].rmse == doctest::Approx(3.0 * std::sqrt(2.0)));
  CHECK(std::isinf(errors[1].nrmse));  // of a constant
}

TEST_CASE("details: they are kept with a result, and a damaged matrix is none") {
  experiments::TrainResult result;
  result.status = "done";
  result.metric_name = "accuracy";
  result.test_details.names = {"down", "up"};
  result.test_details.confusion = {5, 1, 2, 7};
  const std::string text = experiments::to_json(result);
  const auto back = experiments::result_from_json(text, "result.json").test_details;
  CHECK(back.names == result.test_details.names);
  CHECK(back.confusion == result.test_details.confusion);
  CHECK(experiments::to_json(experiments::result_from_json(text, "result.json")) == text);

  std::string short_row = text;
  short_row.replace(short_row.find("[2,7]"), 5, "[2]");
  CHECK(experiments::result_from_json(short_row, "result.json").test_details.confusion.empty());

  experiments::TrainResult values;
  values.status = "done";
  values.metric_name = "rmse";
  values.test_details.names = {"y"};
  values.test_details.targets = {{0.5, std::numeric_limits<double>::infinity()}};
  const std::string of_values = experiments::to_json(values);
  CHECK(std::isinf(experiments::result_from_json(of_values, "result.json").test_details.targets.at(0).nrmse));
}

TEST_CASE("class weights: balanced classes count the same in sum, and the mean is 1") {
  const Labelled data({0, 0, 0, 0, 0, 0, 2, 2});
  CHECK(class_weights("none", data, 3).empty());
  const auto weights = class_weights("balanced", data, 3);
  CHECK(weights == std::vector<double>{8.0 / 18.0, 1.0, 8.0 / 6.0});
  CHECK(class_weights("1,2.5,3", data, 3) == std::vector<double>{1.0, 2.5, 3.0});
  CHECK_THROWS_WITH_AS((void)class_weights("1,2", data, 3),
                       "[class_weights] expected 3 numbers, one per class, got \"1,2\"", UsageError);
  for (const char* bad : {"", "equal", "1,-2", "0,1", "nan,1", "inf"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(check_class_weights(bad), UsageError);
  }
}

TEST_CASE("class weights: the gradient of a sequence's loss is that many times as large") {
  for (const Output output : {Output::class_per_sequence, Output::class_per_step}) {
    const bool steps = output == Output::class_per_step;
    const Judge plain({output}, Metric::accuracy, {}), weighted({output}, Metric::accuracy, {}, {0.5, 3.0});
    datasets::Example example;
    example.length = 3;
    example.x = {0.0F, 0.0F, 0.0F};
    example.label = 1;
    if (steps) example.labels = {0, datasets::no_label, 1};
    Asked asked, of_weighted;
    plain.append(asked, example, 3);
    weighted.append(of_weighted, example, 3);
    const std::array<std::size_t, 1> three{3};
    const auto before = plain.loss_gradient(asked, {three, three}, 1.0F);
    const auto after = weighted.loss_gradient(of_weighted, {three, three}, 1.0F);
    REQUIRE(before.size() == (steps ? 3 : 1));
    REQUIRE(after.size() == before.size());
    if (steps) {
      CHECK(after[0] == 0.5F * before[0]);
      CHECK(after[2] == 3.0F * before[2]);
    } else {
      CHECK(after[0] == 3.0F * before[0]);
    }
  }
}

}  // namespace bitstate::tests::details_test
