// What a top layer in training learns, and its head alone does not.
#include "core/program/run/runner.h"
#include "core/tuning/top.h"
#include "tests/support/drawn_programs.h"
#include "tests/support/layered_program.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bitstate::tests::top_learning_test {
namespace {

using namespace drawn;  // NOLINT(google-build-using-namespace): with the instructions

TEST_CASE("top layer: it learns classes that its head alone cannot, and the loss falls") {
  Draw draw(3);
  LayerShape shape;
  shape.classes = 2;
  LayeredProgram drawn(shape, draw);
  const TrainableHead head = trainable_head(drawn.program, drawn.head_training(1e-6));
  const TrainableLayer layer = trainable_layer(drawn.program, head, drawn.training(0.5, 12));
  TopTuner tuner(drawn.program, head, layer);
  std::vector<std::vector<std::int32_t>> examples;
  for (std::int32_t k = 0; k < 2; ++k) {
    std::vector<std::int32_t> input;
    for (std::int32_t i = 0; i < 12 * 6; ++i) input.push_back((i % 2 == k ? 80 : -80) + i * 37 % 40);
    examples.push_back(Runner(before_layer(drawn.program, layer)).run(input));
  }
  double first = 0.0, last = 0.0;
  for (int round = 0; round < 200; ++round) {
    last = 0.0;
    for (std::size_t k = 0; k < 2; ++k) last += tuner.tune(examples[k], k) / 65536.0;
    if (round == 0) first = last;
  }
  CAPTURE(first);
  CAPTURE(last);
  CHECK(last < 0.3 * first);
  for (std::size_t k = 0; k < 2; ++k) CHECK(class_of(tuner.logits(examples[k])) == k);
}

/// An example whose class is whether two features have the same sign at each step: no mean tells it.
std::vector<std::int32_t> correlated(std::size_t label, Draw& draw) {
  std::vector<std::int32_t> input;
  for (int t = 0; t < 12; ++t) {
    const std::int32_t sign = draw(0, 1) == 0 ? -1 : 1;
    for (int c = 0; c < 12; ++c) {
      const std::int32_t mean = c == 0 ? 60 * sign : c == 1 ? (label == 0 ? 60 * sign : -60 * sign) : 0;
      input.push_back(std::clamp(mean + draw.code(-30, 30), -127, 127));
    }
  }
  return input;
}

TEST_CASE("top layer: with its head it tells examples that it has not seen, where the head alone does worse") {
  Draw draw(10);
  LayerShape shape;
  shape.classes = 2;
  shape.features = 12;
  const LayeredProgram drawn(shape, draw);
  const TrainableHead head = trainable_head(drawn.program, drawn.head_training(0.03));
  const TrainableLayer layer = trainable_layer(drawn.program, head, drawn.training(8.0, 12));
  TopTuner top(drawn.program, head, layer);
  HeadTuner alone(drawn.program, head);
  const Runner before_top(before_layer(drawn.program, layer)), before(before_head(drawn.program, head));
  for (std::size_t i = 0; i < 3000; ++i) {
    const auto input = correlated(i % 2, draw);
    top.tune(before_top.run(input), i % 2);
    alone.tune(before.run(input), i % 2);
  }
  int right_top = 0, right_alone = 0;
  for (std::size_t i = 0; i < 400; ++i) {
    const auto input = correlated(i % 2, draw);
    if (class_of(top.logits(before_top.run(input))) == i % 2) ++right_top;
    if (class_of(alone.logits(before.run(input))) == i % 2) ++right_alone;
  }
  CAPTURE(right_alone);
  CAPTURE(right_top);
  CHECK(right_alone < 240);  // of 400: hardly better than chance
  CHECK(right_top > 290);
}

}  // namespace
}  // namespace bitstate::tests::top_learning_test
