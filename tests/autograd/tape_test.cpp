#include "autograd/ops.h"
#include "core/error.h"

#include <doctest/doctest.h>

#include <array>
#include <vector>

namespace bitstate {
namespace {

TEST_CASE("tape: a value used twice gets the sum of both gradients") {
  Parameter x{Tensor(1, 2), 0};
  x.value.data = {3.0F, -2.0F};
  std::vector<float> gradient(2, 0.0F);
  Tape tape;
  Pass pass;
  pass.gradients = true;
  pass.gradient = gradient;
  tape.begin(pass);
  const Value v = tape.parameter(x);
  const Value y = ops::sum(tape, ops::product(tape, v, v), v);  // x^2 + x
  tape.backward(y, std::array<float, 2>{1.0F, 1.0F});
  CHECK(gradient[0] == 7.0F);
  CHECK(gradient[1] == -3.0F);
}

TEST_CASE("tape: gradients add up over passes, as a lane's sequences do") {
  Parameter x{Tensor(1, 1, 2.0F), 0};
  std::vector<float> gradient(1, 0.0F);
  Tape tape;
  Pass pass;
  pass.gradients = true;
  pass.gradient = gradient;
  for (int i = 0; i < 3; ++i) {
    tape.begin(pass);
    const Value v = tape.parameter(x);
    tape.backward(ops::product(tape, v, v));
  }
  CHECK(gradient[0] == 12.0F);
}

TEST_CASE("tape: equal passes do not grow the arena") {
  Parameter w{Tensor(64, 64, 0.1F), 0};
  const std::vector<float> input(200 * 64, 1.0F);
  std::vector<float> gradient(64 * 64, 0.0F);
  Tape tape;
  Pass pass;
  pass.gradients = true;
  pass.gradient = gradient;
  const auto run = [&] {
    tape.begin(pass);
    Value x = tape.input(200, 64, input.data());
    for (int i = 0; i < 20; ++i) x = ops::gelu(tape, ops::linear(tape, x, tape.parameter(w)));
    tape.backward(x, std::vector<float>(200 * 64, 1.0F));
    return tape.arena().peak_bytes();
  };
  const auto first = run();
  CHECK(run() == first);
  CHECK(run() == first);
  CHECK(first > 20 * 200 * 64 * 2 * sizeof(float));
}

TEST_CASE("tape: errors are sentences that name the op and the sizes") {
  Tape tape;
  tape.begin({});
  const std::vector<float> data(12, 0.0F);
  const Value a = tape.input(3, 4, data.data());
  const Value b = tape.input(4, 3, data.data());
  CHECK_THROWS_WITH_AS(ops::linear(tape, a, b), "[linear] x has 4 columns, w has 3", Error);
  CHECK_THROWS_WITH_AS(ops::sum(tape, a, b), "[sum] a is [3, 4], b is [4, 3]", Error);
  CHECK_THROWS_WITH_AS(ops::embedding(tape, std::array<std::int32_t, 2>{1, 4}, b),
                       "[embedding] token 4 at step 1, allowed are 0 to 3", Error);
}

}  // namespace
}  // namespace bitstate
