// States of a rounded scan that are computed again from those before every block of steps: the same bits.
#include "autograd/ledger.h"
#include "autograd/ops.h"
#include "tests/support/models/plain.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace bitstate::tests::replayed_states_test {
namespace {

using ops::Direction;
using Rounding = QuantSpec::Rounding;

constexpr std::size_t P = 5;
constexpr std::size_t width = 2 * P;
constexpr std::size_t outputs = 3;
const std::vector<std::size_t> rows{150, 1, 64, 77};
constexpr std::size_t steps = 292;
constexpr std::size_t blocks = 3 + 1 + 1 + 2;  // of 64 steps

struct How {
  Rounding rounding = Rounding::feedback;
  bool power_of_two = true;
  bool shear = false;
  Direction direction = Direction::forward;
};

std::vector<float> numbers(std::size_t count, std::uint64_t stream, double size) {
  const Random random{51, stream};
  std::vector<float> all(count);
  for (std::size_t i = 0; i < count; ++i) all[i] = static_cast<float>(size * random.normal(i));
  return all;
}

/// What a pass gave.
struct Outcome {
  std::vector<std::int32_t> codes;
  std::vector<float> y, of_lambda, of_bu, of_c, observed;
  std::size_t of_codes = 0, of_starts = 0, used = 0;  // bytes
};

Outcome outcome(const How& how, bool replay) {
  std::vector<float> lambda(width), bu = numbers(steps * width, 2, 0.4), weight = numbers(outputs * width, 3, 1.0);
  for (std::size_t p = 0; p < P; ++p) {
    lambda[p] = 0.97F - 0.1F * static_cast<float>(p);
    lambda[P + p] = -0.02F * static_cast<float>(p + 1);
  }
  Quantizer a = quantizer_of("weight:A", 12);
  a.spec.scale_kind = how.power_of_two ? QuantSpec::Scale::pow2 : QuantSpec::Scale::free;
  if (how.shear) {
    a.poles = true;
    a.spec.pole.form = PoleSpec::Form::shear;
    a.spec.bits = 6;
  }
  Quantizer state = quantizer_of("state:layers.0.ssm", 8, {1.2F});
  state.spec.rounding = how.rounding;
  const Quantizer acc = quantizer_of("acc:bu", 14, {2.0F}), operand = quantizer_of("act:x", 6, {1.1F}),
                  c = quantizer_of("weight:C", 8);
  std::vector<float> observed(8, 0.0F);
  Pass pass;
  pass.training = pass.gradients = true;
  pass.replay_states = replay;
  pass.observed = observed;
  Tape tape;
  tape.begin(pass);
  const auto leaf = [&](std::size_t count, const std::vector<float>& data) {
    const Value v = tape.input(count, data.size() / count, data.data());
    tape.keep_gradient(v);
    return v;
  };
  const Value of_lambda = leaf(1, lambda), of_bu = leaf(steps, bu), of_c = leaf(outputs, weight);
  const Value poles = how.shear ? ops::quantize_lambda(tape, of_lambda, a, true) : ops::quantize(tape, of_lambda, a);
  const Sequences sequences{rows, rows};
  const Value x = (how.shear ? ops::scan_shear : ops::scan)(tape, poles, ops::quantize(tape, of_bu, acc), sequences,
                                                            how.direction, &state);
  const Value y = ops::linear(tape, ops::quantize(tape, x, operand), ops::quantize(tape, of_c, c));
  Outcome all;
  const float* const real = tape.value(y);
  all.y.assign(real, real + tape[y].size());
  for (const LedgerEntry& entry : ledger(tape)) {
    if (entry.node.id == x.id && entry.what == "codes") all.of_codes += entry.bytes;
    if (entry.what == "starts") all.of_starts += entry.bytes;
  }
  all.used = tape.used_bytes();
  tape.backward(y, numbers(steps * outputs, 4, 1.0));
  CHECK((tape[x].codes.data == nullptr) == replay);
  const auto gradient = [&](Value v) {
    return std::vector<float>(tape[v].gradient, tape[v].gradient + tape[v].size());
  };
  all.of_lambda = gradient(of_lambda), all.of_bu = gradient(of_bu), all.of_c = gradient(of_c);
  all.observed = observed;
  all.codes = tape.codes32(x);
  return all;
}

void check(const How& how) {
  CAPTURE(static_cast<int>(how.rounding));
  CAPTURE(how.power_of_two);
  CAPTURE(how.shear);
  CAPTURE(static_cast<int>(how.direction));
  const Outcome kept = outcome(how, false), again = outcome(how, true);
  CHECK(again.codes == kept.codes);
  CHECK(again.y == kept.y);
  CHECK(again.of_lambda == kept.of_lambda);
  CHECK(again.of_bu == kept.of_bu);
  CHECK(again.of_c == kept.of_c);
  CHECK(again.observed == kept.observed);
  CHECK(std::count(kept.of_bu.begin(), kept.of_bu.end(), 0.0F) > 0);  // some states are clamped
  CHECK(kept.of_codes > 0);
  CHECK(again.of_codes == 0);
  CHECK(again.of_starts == Arena::taken_by(blocks * width * (sizeof(std::int64_t) + sizeof(std::int32_t))));
  CHECK(again.used < kept.used);
}

TEST_CASE("replayed_states: codes and gradients are those of states that are kept, bit for bit") {
  for (const Direction direction : {Direction::forward, Direction::backward}) {
    for (const Rounding rounding : {Rounding::nearest, Rounding::feedback, Rounding::decayed}) {
      for (const bool power_of_two : {true, false}) check({rounding, power_of_two, false, direction});
      if (rounding != Rounding::decayed) check({rounding, true, true, direction});
    }
  }
}

}  // namespace
}  // namespace bitstate::tests::replayed_states_test
