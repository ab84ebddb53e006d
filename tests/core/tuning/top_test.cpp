// A top layer in training: the formulas of docs/numerics.md, section 13, their bounds, and what is refused.
#include "core/tuning/top.h"

#include "core/error.h"
#include "core/program/run/runner.h"
#include "tests/support/drawn_programs.h"
#include "tests/support/layered_program.h"
#include "tests/support/plain_program.h"
#include "tests/support/small_program.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bitstate::tests::top_test {
namespace {

using namespace drawn;  // NOLINT(google-build-using-namespace): with the instructions

__extension__ using Wide = __int128;

constexpr Wide int32_limit = (Wide{1} << 31) - 1;
constexpr Wide int64_limit = (Wide{1} << 63) - 1;

std::int64_t in(Wide number, Wide limit) {
  REQUIRE((number >= -limit && number <= limit));
  return static_cast<std::int64_t>(number);
}

/// Section 13 in numbers of 128 bits, number by number, which checks that each is in the type that the section names.
class PlainTop {
 public:
  PlainTop(Program program, TrainableHead head, TrainableLayer layer)
      : program_(std::move(program)), head_(program_, head), layer_(std::move(layer)) {
    for (const TrainedWeight& w : layer_.weights) {
      const Instruction& i = program_.instructions[w.number - 1];
      const auto* const map = std::get_if<Linear>(&i);
      for (const std::int32_t code : map != nullptr ? map->weight.codes : std::get<Scale>(i).row) {
        numbers.push_back(code * 65536);
      }
      if (w.bias) numbers.insert(numbers.end(), map->bias.begin(), map->bias.end());
    }
  }

  std::int32_t tune(const std::vector<std::int32_t>& entering, std::size_t label) {
    const Program now = tuned();
    const auto x = values_of(now, entering, head_.head().x);
    std::vector<std::int64_t> g(head_.head().rows);
    const std::int32_t loss = head_.gradients(head_.logits(x), label, g);
    // the head: sum of W A over the classes, brought to 29 bits
    std::vector<std::int64_t> sums, wide;
    for (std::size_t o = 0; o < g.size(); ++o) sums.push_back(scaled(Wide{g[o]} * 8192, of(layer_.sums, o)));
    std::int64_t largest = 0;
    for (std::size_t c = 0; c < x.size(); ++c) {
      Wide sum = 0;
      for (std::size_t o = 0; o < g.size(); ++o) {
        sum = in(sum + Wide{code(head_.weights()[o * x.size() + c])} * sums[o], int64_limit);
      }
      wide.push_back(static_cast<std::int64_t>(sum));
      largest = std::max(largest, std::abs(wide.back()));
    }
    head_.descend(x, g);
    if (largest == 0) return loss;
    int exponent = 0;
    for (; std::ldexp(double(largest), -exponent) >= 0x1.0p29; ++exponent) continue;
    for (; std::ldexp(double(largest), -exponent) < 0x1.0p28; --exponent) continue;
    for (std::int64_t& s : wide) {
      s = exponent < 0 ? in(Wide{s} << -exponent, Wide{1} << 29) : halved(s, static_cast<unsigned>(exponent));
    }
    if (layer_.before_head) {
      const auto pooled = values_of(now, entering, static_cast<Ref>(layer_.pool));
      const auto& i = std::get<Rescale>(now.instructions[head_.head().x - 1]);
      for (std::size_t c = 0; c < wide.size(); ++c) {
        wide[c] = passes(i, pooled[c], c) ? scaled(wide[c], of(layer_.before_head->factor, c)) : 0;
      }
    }
    spread(now, entering, wide, exponent);
    return loss;
  }

  [[nodiscard]] Program tuned() const {
    Program p = head_.tuned(program_);
    for (const TrainedWeight& w : layer_.weights) {
      auto* const map = std::get_if<Linear>(&p.instructions[w.number - 1]);
      auto& codes = map != nullptr ? map->weight.codes : std::get<Scale>(p.instructions[w.number - 1]).row;
      for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = code(numbers[w.first + i]);
      if (map != nullptr) map->weight.bits = 16;
      for (std::size_t o = 0; o < w.biases(); ++o) map->bias[o] = numbers[w.first + codes.size() + o];
    }
    return p;
  }

  std::vector<std::int32_t> numbers;
  [[nodiscard]] const HeadTuner& head() const { return head_; }

 private:
  static std::int32_t code(std::int32_t number) {
    return static_cast<std::int32_t>(in(Wide{number} + 32768, int32_limit) >> 16);
  }
  template <class T>
  static const T& of(const std::vector<T>& all, std::size_t c) {
    return all.size() == 1 ? all[0] : all[c];
  }
  static std::int64_t scaled(Wide a, const FixedPoint& f) {
    REQUIRE((a >= -Wide{3} * (1 << 30) && a <= Wide{3} * (1 << 30)));
    REQUIRE((f.shift >= 1 && f.shift <= 62));
    return in(a * f.multiplier + (Wide{1} << (f.shift - 1)), int64_limit) >> f.shift;
  }
  static std::int64_t halved(Wide v, unsigned shift) {
    REQUIRE(shift <= 62);
    return in(v + (Wide{1} << shift) / 2, int64_limit) >> shift;
  }
  static bool passes(const Rescale& i, std::int32_t x, std::size_t c) {
    const std::int64_t y = rescale(x, of(i.factor, c));
    return y >= of(i.lo, c) && y <= of(i.hi, c);
  }

  /// The codes of a value of the program, computed by its formulas.
  static std::vector<std::int32_t> values_of(Program p, const std::vector<std::int32_t>& input, Ref value) {
    p.instructions.resize(value);
    p.output = {false, {1.0F}, {}};
    return plain_run(p, input);
  }

  void spread(const Program& now, const std::vector<std::int32_t>& entering, const std::vector<std::int64_t>& pooled,
              int exponent) {
    const bool mean = std::holds_alternative<MeanPool>(now.instructions[layer_.pool - 1]);
    const Ref last = operands_of(now.instructions[layer_.pool - 1])[0];
    std::vector<std::vector<std::int32_t>> values(layer_.pool);
    for (Ref v = layer_.entry; v < layer_.pool; ++v) values[v] = values_of(now, entering, v);
    const std::size_t steps = values[last].size() / pooled.size();
    std::vector<std::int64_t> gradient(numbers.size(), 0);
    for (std::size_t t = mean ? 0 : steps - 1; t < steps; ++t) {
      std::vector<std::vector<std::int64_t>> adjoint(layer_.pool);
      for (const Adjoint& a : layer_.adjoints) {
        if (a.value < layer_.pool) adjoint[a.value].assign(a.cols, 0);
      }
      adjoint[last] = pooled;
      const auto row = [&](Ref v) { return values[v].data() + t * (values[v].size() / steps); };
      for (const Backward& way : layer_.backward) go(now, way, row, adjoint[way.number], adjoint[way.to]);
      for (const TrainedWeight& w : layer_.weights) {
        const bool map = std::holds_alternative<Linear>(now.instructions[w.number - 1]);
        const auto& from = adjoint[w.number];
        for (std::size_t i = 0; i < w.weights(); ++i) {
          const Wide product = Wide{from[map ? i / w.cols : i]} * row(w.x)[map ? i % w.cols : i];
          gradient[w.first + i] = in(Wide{gradient[w.first + i]} + halved(product, w.shift), int32_limit);
        }
        for (std::size_t o = 0; o < w.biases(); ++o) {
          std::int64_t& sum = gradient[w.first + w.weights() + o];
          sum = in(Wide{sum} + halved(from[o], w.bias_shift), int32_limit);
        }
      }
    }
    descend(now, gradient, exponent, mean ? steps : 1);
  }

  template <class Row>
  void go(const Program& now, const Backward& way, const Row& row, const std::vector<std::int64_t>& from,
          std::vector<std::int64_t>& to) const {
    const Instruction& i = now.instructions[way.number - 1];
    for (std::size_t c = 0; c < to.size(); ++c) {
      Wide by = 0;
      if (const auto* const map = std::get_if<Linear>(&i)) {
        for (std::size_t o = 0; o < from.size(); ++o) {
          by = in(by + Wide{map->weight.codes[o * to.size() + c]} * from[o], int64_limit);
        }
        by = halved(by, way.shift);
      } else if (const auto* const rounding = std::get_if<Rescale>(&i)) {
        by = passes(*rounding, row(way.to)[c], c) ? scaled(from[c], of(way.factor, c)) : 0;
      } else if (const auto* const table = std::get_if<Table>(&i)) {
        const std::int64_t row_of_table = table->of_column.empty() ? 0 : table->of_column[c];
        const std::int64_t entry = row_of_table * table->entries.cols + row(way.to)[c] - table->first;
        by = halved(Wide{from[c]} * way.slopes.codes[static_cast<std::size_t>(entry)], way.shift);
      } else if (std::holds_alternative<Product>(i)) {
        by = halved(Wide{from[c]} * row(way.other)[c], way.shift);
      } else {
        by = scaled(from[c], of(way.factor, c));
      }
      to[c] = in(to[c] + by, Wide{1} << 29);
    }
  }

  void descend(const Program& now, const std::vector<std::int64_t>& gradient, int exponent, std::size_t steps) {
    const auto n = static_cast<std::int64_t>(steps);
    const auto move = [&](std::size_t i, const FixedPoint& rate, std::int32_t most) {
      const std::int64_t shift = rate.shift - exponent;
      const Wide sum =
          shift > 62 ? Wide{0} : Wide{scaled(gradient[i], {rate.multiplier, std::max<std::int64_t>(shift, 1)})};
      const Wide numerator = in(2 * sum + n, int64_limit);
      const Wide by = numerator / (2 * n) - (numerator % (2 * n) < 0 ? 1 : 0);
      numbers[i] = static_cast<std::int32_t>(std::clamp<Wide>(numbers[i] - by, -most, most));
    };
    for (const TrainedWeight& w : layer_.weights) {
      const bool map = std::holds_alternative<Linear>(now.instructions[w.number - 1]);
      for (std::size_t i = 0; i < w.weights(); ++i) move(w.first + i, of(w.rates, map ? i / w.cols : i), w.most_weight);
      for (std::size_t o = 0; o < w.biases(); ++o) {
        move(w.first + w.weights() + o, of(w.bias_rates, o), w.most_bias);
      }
    }
  }

  Program program_;
  HeadTuner head_;
  TrainableLayer layer_;
};

/// The codes that enter the layer of a sequence.
std::vector<std::int32_t> entering(const Program& p, const TrainableLayer& layer,
                                   const std::vector<std::int32_t>& input) {
  return Runner(before_layer(p, layer)).run(input);
}

void check_against_plain(const LayeredProgram& drawn, double rate, std::size_t examples, bool moves, Draw& draw) {
  const Program& p = drawn.program;
  const TrainableHead head = trainable_head(p, drawn.head_training(rate));
  const TrainableLayer layer = trainable_layer(p, head, drawn.training(rate, 12));
  TopTuner tuner(p, head, layer);
  PlainTop plain(p, head, layer);
  for (std::size_t k = 0; k < examples; ++k) {
    const auto input =
        draw.codes(static_cast<std::size_t>(draw(1, 12)) * p.input.cols, p.input.grid.lo, p.input.grid.hi);
    const auto label = static_cast<std::size_t>(draw(0, static_cast<std::int64_t>(head.rows) - 1));
    REQUIRE(tuner.tune(entering(p, layer, input), label) == plain.tune(input, label));
    REQUIRE(tuner.numbers() == plain.numbers);
    REQUIRE(tuner.head().weights() == plain.head().weights());
    REQUIRE(tuner.head().biases() == plain.head().biases());
    REQUIRE(tuner.logits(entering(p, layer, input)) == Runner(tuner.tuned()).run(input));
  }
  const TopTuner fresh(p, head, layer);
  for (const TrainedWeight& w : layer.weights) {
    std::size_t moved = 0;
    for (std::size_t i = w.first; i < w.first + w.weights() + w.biases(); ++i) {
      if (tuner.numbers()[i] != fresh.numbers()[i]) ++moved;
    }
    CAPTURE(w.number);
    CHECK((!moves || 2 * moved >= w.weights()));
  }
}

TEST_CASE("top layer: each step is that of the formulas, and no number leaves its type") {
  Draw draw(1);
  for (const double rate : {1e-3, 0.1, 100.0}) {
    for (const int bits : {2, 4, 8}) {
      for (int kind = 0; kind < 6; ++kind) {
        CAPTURE(rate);
        CAPTURE(bits);
        CAPTURE(kind);
        LayerShape shape;
        shape.weight_bits = bits;
        shape.act_bits = kind == 5 ? 12 : bits == 2 ? 4 : bits;
        shape.last = kind % 2 == 1;
        shape.value = kind >= 3;
        shape.shear = kind == 2;
        shape.head_rounded = kind != 1;
        shape.two_tables = kind == 4;
        check_against_plain(LayeredProgram(shape, draw), rate, 25, rate == 0.1 && bits == 8, draw);
      }
    }
  }
}

TEST_CASE("top layer: at the limits of its weights, too") {
  Draw draw(2);
  for (const bool last : {false, true}) {
    LayerShape shape;
    shape.last = last;
    LayeredProgram drawn(shape, draw);
    const TrainableHead head = trainable_head(drawn.program, drawn.head_training(1.0));
    const TrainableLayer layer = trainable_layer(drawn.program, head, drawn.training(1.0, 12));
    drawn.program = at_limits(drawn.program, head, layer);
    CHECK_NOTHROW(static_cast<void>(analyse(drawn.program)));
    for (Instruction& i : drawn.program.instructions) {
      if (auto* const map = std::get_if<Linear>(&i)) map->weight.bits = 8;
    }
    check_against_plain(drawn, 1e3, 60, false, draw);
  }
}

TEST_CASE("top layer: no number leaves its type where units are further apart than 64 bits") {
  Draw draw(6);
  LayerShape shape;
  shape.value = true;
  LayeredProgram drawn(shape, draw);
  std::vector<Instruction>& all = drawn.program.instructions;
  std::get<Rescale>(all[11]).factor = {to_fixed_point(0x1.8p28, "test")};  // before the gate's table, a step
  auto& step = std::get<Table>(all[12]);
  for (std::size_t i = 0; i < step.entries.codes.size(); ++i) step.entries.codes[i] = 2 * i < 254 ? -127 : 127;
  std::get<Rescale>(all[14]).factor = {to_fixed_point(0x1.0p-31, "test")};  // of the gated sums
  const TrainableHead head = trainable_head(drawn.program, drawn.head_training(0.1));
  const TrainableLayer layer = trainable_layer(drawn.program, head, drawn.training(0.1, 12));
  const auto is_furthest = [](const Backward& way) { return way.shift == 62; };
  CHECK(std::any_of(layer.backward.begin(), layer.backward.end(), is_furthest));
  check_against_plain(drawn, 0.1, 20, false, draw);
}

TEST_CASE("top layer: what is no example moves nothing, and saved numbers are brought into their limits") {
  Draw draw(4);
  const LayeredProgram drawn(LayerShape{}, draw);
  const TrainableHead head = trainable_head(drawn.program, drawn.head_training(0.1));
  const TrainableLayer layer = trainable_layer(drawn.program, head, drawn.training(0.1, 5));
  TopTuner tuner(drawn.program, head, layer);
  const auto before = tuner.numbers();
  const std::vector<std::int32_t> none, some(6 * 5, 3), many(6 * 6, 3), torn(7, 3);
  CHECK(tuner.tune(some, 4) == no_loss);
  CHECK(tuner.tune(none, 0) == no_loss);
  CHECK(tuner.tune(many, 0) == no_loss);
  CHECK_THROWS_AS(static_cast<void>(tuner.tune(torn, 0)), Error);
  CHECK(tuner.numbers() == before);
  CHECK(tuner.tune(some, 0) > 0);
  CHECK(tuner.numbers() != before);
  std::vector<std::int32_t> wild(before.size(), INT32_MAX);
  tuner.restore(tuner.head().weights(), tuner.head().biases(), wild);
  for (const TrainedWeight& w : layer.weights) {
    CHECK(tuner.numbers()[w.first] == w.most_weight);
    if (w.bias) CHECK(tuner.numbers()[w.first + w.weights()] == w.most_bias);
  }
  CHECK_NOTHROW(static_cast<void>(tuner.tune(some, 0)));
  tuner.restore(tuner.head().weights(), tuner.head().biases(), before);
  CHECK(tuner.numbers() == before);
  wild.pop_back();
  CHECK_THROWS_AS(tuner.restore(tuner.head().weights(), tuner.head().biases(), wild), Error);
}

TEST_CASE("top layer: the slopes of a table are those of its function, but for its rounding") {
  for (const int bits : {8, 12}) {
    const std::int32_t end = (1 << (bits - 1)) - 1;
    Matrix entries{1, static_cast<std::uint32_t>(2 * end + 1), 16, {}};
    std::vector<double> exact;
    const double step = 8.0 / end;  // to 8, of results to 8
    for (std::int32_t c = -end; c <= end; ++c) {
      const double x = c * step, inner = std::sqrt(2.0 / 3.14159265358979) * (x + 0.044715 * x * x * x);
      const double tanh = std::tanh(inner);
      entries.codes.push_back(static_cast<std::int32_t>(std::lround(0.5 * x * (1.0 + tanh) / step)));
      exact.push_back(0.5 * (1.0 + tanh) +
                      0.5 * x * (1.0 - tanh * tanh) * std::sqrt(2.0 / 3.14159265358979) * (1.0 + 0.134145 * x * x));
    }
    const Slopes slopes = slopes_of(entries);
    CHECK(slopes.shift == 14);
    for (std::size_t i = 0; i < exact.size(); ++i) {
      CAPTURE(i);
      CHECK(std::fabs(std::ldexp(slopes.codes[i], -14) - exact[i]) < 0.09);
    }
  }
  CHECK(slopes_of({1, 5, 8, {7, 7, 7, 7, 7}}).codes == std::vector<std::int32_t>(5, 0));
  CHECK(slopes_of({2, 1, 8, {7, -7}}).codes == std::vector<std::int32_t>(2, 0));
  CHECK(slopes_of({1, 3, 8, {-1, 0, 1}}).codes == std::vector<std::int32_t>(3, 1 << 14));
}

TEST_CASE("top layer: what is no trainable layer is refused in a sentence that names what was found") {
  Draw draw(5);
  const LayeredProgram drawn(LayerShape{}, draw);
  const auto refused = [&](const Program& p, const LayerTraining& training, const char* words) {
    const TrainableHead head = trainable_head(p, drawn.head_training(0.1));
    CHECK_THROWS_WITH_AS(static_cast<void>(trainable_layer(p, head, training)), doctest::Contains(words), UsageError);
  };
  const LayerTraining training = drawn.training(0.1, 5);
  const auto changed = [&](auto change) {
    LayerTraining other = training;
    change(other);
    return other;
  };
  const Program& p = drawn.program;
  refused(p, changed([](auto& t) { t.rate = 0.0; }), "[layer_rate] expected a positive number, got 0");
  refused(p, changed([](auto& t) { t.rate = std::nan(""); }), "expected a positive number");
  refused(p, changed([](auto& t) { t.rate = 1e-40; }), "[layer_rate] expected a larger rate, got 1e-40");
  refused(p, changed([](auto& t) { t.rate = 1e40; }), "[layer_rate] expected a smaller rate");
  refused(p, changed([](auto& t) { t.rate = 1e-20; }), "[layer_rate] expected a larger rate");
  refused(p, changed([](auto& t) { t.rate = 1e-320; }), "[layer_rate] expected a larger rate");
  refused(p, changed([](auto& t) { t.rate = 1e308; }), "[layer_rate] expected a smaller rate");
  refused(p, changed([](auto& t) { t.max_steps = 0; }), "[tune_steps] expected 1 to");
  refused(p, changed([](auto& t) { t.weights[1].bits = 1; }), "weight:test has 1 bits");
  refused(p, changed([](auto& t) { t.weights[0].bits = 2; }), "beyond its 2 bits");
  refused(p, changed([](auto& t) { t.weights[2].symmetric = false; }), "is asymmetric");
  const auto with = [&](auto change) {
    Program other = p;
    change(other.instructions);
    return other;
  };
  refused(with([](auto& all) {
            all[16] = Rescale{16, {{1 << 30, 30}}, {-127}, {127}};
          }),
          training, "expected a mean pool or the last step before the head");
  CHECK_THROWS_AS(static_cast<void>(trainable_layer(p, trainable_head(p, drawn.head_training(0.1)), {})), Error);
  refused(with([](auto& all) { std::get<Scan>(all[3]).backward = true; }), training, "reads sequences from both ends");
  refused(with([](auto& all) {
            all[3] = Rescale{3, {{1 << 30, 30}}, {-127}, {127}};
          }),
          training, "found no recurrence");
  refused(with([](auto& all) { all[8] = Sign{8}; }), training, "found sign, which its training does not know");
  refused(with([](auto& all) {
            all[1] = all[3];
            std::get<Scan>(all[1]).x = 1;
          }),
          training, "the top layer reads what comes before the scan of the layer below");
  LayerShape wide;
  wide.features = 200;
  const LayeredProgram many(wide, draw);
  refused(many.program, many.training(0.1, 1 << 24), "[tune_steps] expected at most 10737418 steps, as 200 codes");
  Program direct = p;
  std::get<Rescale>(direct.instructions[1]).x = 0;
  refused(direct, training, "the top layer reads the input itself");
}

}  // namespace
}  // namespace bitstate::tests::top_test
