#include "core/tuning/layer.h"

#include "core/error.h"
#include "core/tuning/find_layer.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>

namespace bitstate::program {
namespace {

constexpr std::int64_t most_sum = (std::int64_t{1} << 31) - 1;
constexpr double most_adjoint = 0x1.0p29;
constexpr std::int64_t most_operand = 1 << 15;
constexpr int most_shift = 62;            // of 64 bits
constexpr int most_exponent = 33;         // sigma
constexpr double most_entering = 0x1p31;  // codes, so that C counts them in 32 bits

const Instruction& instruction_of(const Program& program, std::size_t number) {
  return program.instructions[number - 1];
}

double real_of(const FixedPoint& f) {
  return std::ldexp(static_cast<double>(f.multiplier), -static_cast<int>(f.shift));
}

FixedPoint fixed_of(double number) { return number == 0.0 ? FixedPoint{} : to_fixed_point(number, "trainable"); }

/// Any number above 0 as a multiplier of 31 bits and a shift; one that double could not hold, as a shift beyond all
/// that training takes.
FixedPoint wide_fixed(double number) {
  number = std::min(std::max(0x1.0p-200, number), 0x1.0p200);
  int exponent = 0;
  const double fraction = std::frexp(number, &exponent);
  auto multiplier = static_cast<std::int64_t>(std::floor(std::ldexp(fraction, 31) + 0.5));
  if (multiplier == std::int64_t{1} << 31) {
    multiplier >>= 1;
    ++exponent;
  }
  return {multiplier, 31 - exponent};
}

const WeightScales& scales_of(const LayerTraining& training, std::size_t number) {
  const auto is = [&](const WeightScales& w) { return w.number == number; };
  const auto found = std::find_if(training.weights.begin(), training.weights.end(), is);
  require(found != training.weights.end(), "trainable", "the scales of value {} are not known", number);
  return *found;
}

/// Sizes and limits of a weight; `x` is its operand.
TrainedWeight sized(const Instruction& i, const WeightScales& scales, const ValueInfo& x) {
  require<UsageError>(scales.symmetric, "trainable", "{} is asymmetric, but only a symmetric grid can be trained",
                      scales.site);
  require<UsageError>(scales.bits >= 2 && scales.bits <= 16, "trainable", "{} has {} bits, but 2 to 16 can be trained",
                      scales.site, scales.bits);
  require(x.magnitude() <= most_operand, "trainable", "{} multiplies codes of up to {}, but 16 bits can be trained",
          scales.site, x.magnitude());
  TrainedWeight w;
  w.site = scales.site;
  w.number = scales.number;
  w.x = operands_of(i)[0];
  w.cols = x.cols;
  const std::int64_t bound = (1 << (scales.bits - 1)) - 1;
  w.most_weight = static_cast<std::int32_t>(bound << 16);
  const auto check_codes = [&](const std::vector<std::int32_t>& codes) {
    for (const std::int32_t code : codes) {
      require<UsageError>(std::abs(std::int64_t{code}) <= bound, "trainable",
                          "{} has the code {}, which is beyond its {} bits", scales.site, code, scales.bits);
    }
  };
  if (const auto* row = std::get_if<Scale>(&i)) {
    check_codes(row->row);
    return w;
  }
  const auto& linear = std::get<Linear>(i);
  require<UsageError>(linear.weight.levels.bits == 0, "trainable",
                      "{} has a scale for each group of columns, which training does not know", scales.site);
  check_codes(linear.weight.codes);
  w.rows = linear.weight.rows;
  w.bias = scales.bias;
  const std::int64_t left = most_sum - static_cast<std::int64_t>(w.cols) * bound * x.magnitude();
  for (const std::int32_t bias : linear.bias) {
    require(std::abs(std::int64_t{bias}) <= left, "trainable",
            "the sums of {} could need more than 31 bits when it is trained; give it fewer bits", scales.site);
  }
  w.most_bias = static_cast<std::int32_t>(left);
  return w;
}

/// The units of the adjoints and the constants that bring them from one to the other: what is one 1 of the adjoint of a
/// value is 2^exponent 1 of that of the head's operand.
class Units {
 public:
  Units(const Program& program, const std::vector<ValueInfo>& infos, TrainableLayer& layer)
      : program_(program),
        infos_(infos),
        layer_(layer),
        arriving_(layer.pool),
        exponent_(layer.pool + 2, 0),
        most_(layer.pool + 2, most_adjoint) {}

  void find(const TrainableHead& head, const FoundLayer& found) {
    if (head.x != layer_.pool) {
      const auto& rounding = std::get<Rescale>(instruction_of(program_, head.x));
      layer_.before_head = through(head.x, rounding.x, rounding.factor);
      settle(rounding.x, {{&*layer_.before_head, largest(rounding.factor)}});
    }
    const Instruction& pool = instruction_of(program_, layer_.pool);
    const Ref last = operands_of(pool)[0];
    const auto* const mean = std::get_if<MeanPool>(&pool);
    exponent_[last] = exponent_[layer_.pool] + (mean == nullptr ? 0 : mean->fraction);
    most_[last] = most_[layer_.pool];
    for (std::size_t number = last; number > layer_.scan; --number) {
      if (!found.trained[number]) continue;
      const auto value = static_cast<Ref>(number);
      if (value != last) settle_arriving(value);
      layer_.adjoints.push_back(next(value, infos_[value].cols));
      send(instruction_of(program_, number), number, found.trained);
    }
  }

  [[nodiscard]] int exponent(Ref value) const { return exponent_[value]; }
  [[nodiscard]] Adjoint next(Ref value, std::size_t cols) const {
    return {value, layer_.adjoints.empty() ? 0 : layer_.adjoint_numbers(), cols};
  }

 private:
  /// A way to a value, and the largest factor on it.
  struct Way {
    Backward* backward;
    double most;
  };

  static double largest(const std::vector<FixedPoint>& factors) {
    double most = 0.0;
    for (const FixedPoint& f : factors) most = std::max(most, real_of(f));
    return most;
  }

  static Backward through(std::size_t number, Ref to, const std::vector<FixedPoint>& factor) {
    Backward b;
    b.number = number;
    b.to = to;
    b.factor = factor;
    return b;
  }

  /// The unit of `value` by all ways to it, and their constants in it.
  void settle(Ref value, const std::vector<Way>& ways) {
    double most = 0.0;
    int least = 0;
    for (const Way& way : ways) {
      const int from = exponent_[way.backward->number];
      most += std::ldexp(way.most * most_[way.backward->number], from);
      least = std::max(least, from);
    }
    const double room = most_adjoint - 2.0 * static_cast<double>(ways.size());
    int unit = most == 0.0 ? least : static_cast<int>(std::ceil(std::log2(most / room)));
    for (const Way& way : ways) {
      const Backward& b = *way.backward;
      if (b.factor.empty()) unit = std::max(unit, exponent_[b.number] - bits_of(b));
    }
    exponent_[value] = unit;
    most_[value] = std::ldexp(most, -unit) + 2.0 * static_cast<double>(ways.size());
    for (const Way& way : ways) {
      Backward& b = *way.backward;
      const int finer = exponent_[b.number] - unit;
      for (FixedPoint& f : b.factor) f = fixed_of(std::ldexp(real_of(f), finer));
      if (b.factor.empty()) b.shift = static_cast<unsigned>(std::min(bits_of(b) - finer, most_shift));
    }
  }

  /// Behind the point of what a product on this way multiplies by.
  static int bits_of(const Backward& b) { return b.slopes.codes.empty() ? 0 : static_cast<int>(b.slopes.shift); }

  void settle_arriving(Ref value) {
    std::vector<Way> ways;
    for (const auto& [index, most] : arriving_[value]) ways.push_back({&layer_.backward[index], most});
    settle(value, ways);
  }

  void add(Backward b, double most) {
    arriving_[b.to].emplace_back(layer_.backward.size(), most);
    layer_.backward.push_back(std::move(b));
  }

  /// The ways from a value to its operands.
  void send(const Instruction& i, std::size_t number, const std::vector<bool>& trained) {
    const auto wanted = [&](Ref x) { return x > layer_.scan && trained[x]; };
    if (const auto* rescale = std::get_if<Rescale>(&i)) {
      if (!wanted(rescale->x)) return;
      watch(rescale->x);
      add(through(number, rescale->x, rescale->factor), largest(rescale->factor));
    } else if (const auto* sum = std::get_if<Sum>(&i)) {
      if (wanted(sum->a)) add(through(number, sum->a, sum->a_factor), largest(sum->a_factor));
      if (wanted(sum->b)) add(through(number, sum->b, sum->b_factor), largest(sum->b_factor));
    } else if (const auto* product = std::get_if<Product>(&i)) {
      send_to_factor(number, product->a, product->b, wanted(product->a));
      send_to_factor(number, product->b, product->a, wanted(product->b));
    } else if (const auto* table = std::get_if<Table>(&i)) {
      if (wanted(table->x)) send_to_table(*table, number);
    } else if (const auto* linear = std::get_if<Linear>(&i)) {
      watch(linear->x);
      if (!wanted(linear->x)) return;
      const TrainedWeight& w = *layer_.weight(number);
      const double most = static_cast<double>(w.rows) * (w.most_weight >> 16);
      require(most * most_adjoint <= 0x1.0p61, "trainable", "{} outputs of a linear map are too many to be trained",
              w.rows);
      add(through(number, linear->x, {}), most);
    } else if (const auto* scale = std::get_if<Scale>(&i)) {
      watch(scale->x);
      require<UsageError>(!wanted(scale->x), "trainable",
                          "a row multiplies what is trained, which its training does not know");
    } else {
      fail<UsageError>("trainable",
                       "expected C, D and a GLU between the recurrence and the pool, found {}, which its training does "
                       "not know",
                       name_of(i));
    }
  }

  void send_to_factor(std::size_t number, Ref to, Ref other, bool wanted) {
    if (!wanted) return;
    watch(other);
    Backward b = through(number, to, {});
    b.other = other;
    add(std::move(b), static_cast<double>(std::max<std::int64_t>(infos_[other].magnitude(), 1)));
  }

  void send_to_table(const Table& table, std::size_t number) {
    require(infos_[table.x].magnitude() <= most_operand, "trainable", "a table is read by more than 16 bits");
    watch(table.x);
    Backward b = through(number, table.x, {});
    b.slopes = slopes_of(table.entries);
    std::int64_t most = 0;
    for (const std::int32_t slope : b.slopes.codes) most = std::max(most, std::abs(std::int64_t{slope}));
    add(std::move(b), std::ldexp(static_cast<double>(most), -static_cast<int>(b.slopes.shift)));
  }

  void watch(Ref value) {
    auto& all = layer_.watched;
    if (std::find(all.begin(), all.end(), value) == all.end()) all.push_back(value);
  }

  const Program& program_;
  const std::vector<ValueInfo>& infos_;
  TrainableLayer& layer_;
  std::vector<std::vector<std::pair<std::size_t, double>>> arriving_;  // ways to each value: numbers and factors
  std::vector<int> exponent_;
  std::vector<double> most_;  // of the magnitude of each adjoint, at most 2^29
};

/// The fewest bits to drop from numbers up to `most` so that `count` of them add up in 31 bits.
unsigned shift_of(double most, std::size_t count) {
  unsigned shift = 0;
  while (static_cast<double>(count) * (std::ldexp(most, -static_cast<int>(shift)) + 1.0) > 0x1.fffffffp30) ++shift;
  return shift;
}

/// What a gradient of 1 moves a number by, for each of the scales: `move` is what it is for a scale of 1. With a shift
/// beyond those of sigma and of 64 bits nothing would ever move.
std::vector<FixedPoint> rates_of(const std::vector<double>& scales, double move, double given) {
  std::vector<FixedPoint> rates;
  for (const double scale : scales) {
    const FixedPoint f = wide_fixed(move / (scale * scale));
    require<UsageError>(f.shift >= 0 && f.shift <= most_shift + most_exponent, "layer_rate",
                        "expected a {} rate, got {}: it is beyond the units of the layer",
                        f.shift < 0 ? "smaller" : "larger", given);
    rates.push_back(f);
  }
  return rates;
}

void check_training(const LayerTraining& training) {
  require<UsageError>(training.rate > 0.0 && std::isfinite(training.rate), "layer_rate",
                      "expected a positive number, got {}", training.rate);
  require<UsageError>(training.max_steps >= 1 && training.max_steps <= std::size_t{1} << 24, "tune_steps",
                      "expected 1 to {} steps, got {}", 1 << 24, training.max_steps);
}

/// That no number depends on what the limits of `before` have not considered.
void check_limits(const std::vector<ValueInfo>& before, const std::vector<ValueInfo>& after,
                  const TrainableLayer& layer) {
  for (const TrainedWeight& w : layer.weights) {
    require(before[w.x].magnitude() == after[w.x].magnitude(), "trainable",
            "value {} is not rounded before a weight that is trained multiplies it", w.x);
  }
}

}  // namespace

std::size_t TrainableLayer::numbers() const {
  const TrainedWeight& last = weights.back();
  return last.first + last.weights() + last.biases();
}

const Adjoint& TrainableLayer::adjoint(Ref value) const {
  return *std::find_if(adjoints.begin(), adjoints.end(), [&](const Adjoint& a) { return a.value == value; });
}

const TrainedWeight* TrainableLayer::weight(std::size_t number) const {
  const auto is = [&](const TrainedWeight& w) { return w.number == number; };
  const auto found = std::find_if(weights.begin(), weights.end(), is);
  return found == weights.end() ? nullptr : &*found;
}

std::size_t top_bytes(const TrainableHead& head, const TrainableLayer& layer) {
  return head.bytes() + 4 * (2 * layer.numbers() + layer.adjoint_numbers());
}

TrainableLayer trainable_layer(const Program& program, const TrainableHead& head, const LayerTraining& training) {
  check_training(training);
  const FoundLayer found = find_layer(program, head);
  const std::vector<ValueInfo> exported = analyse(program);
  const std::size_t codes = exported[found.entry].cols;
  require<UsageError>(static_cast<double>(training.max_steps) * static_cast<double>(codes) <= most_entering,
                      "tune_steps", "expected at most {} steps, as {} codes are kept for each, got {}",
                      static_cast<std::size_t>(most_entering) / codes, codes, training.max_steps);
  TrainableLayer layer;
  layer.entry = found.entry;
  layer.scan = found.scan;
  layer.pool = found.pool;
  layer.max_steps = training.max_steps;
  for (std::size_t number = found.scan + 1; number < found.pool; ++number) {
    const Instruction& i = instruction_of(program, number);
    const bool weighted = std::holds_alternative<Linear>(i) || std::holds_alternative<Scale>(i);
    if (!weighted || !found.trained[number]) continue;
    TrainedWeight w = sized(i, scales_of(training, number), exported[operands_of(i)[0]]);
    w.first = layer.weights.empty() ? 0 : layer.numbers();
    layer.weights.push_back(w);
  }
  const std::vector<ValueInfo> infos = analyse(at_limits(program, head, layer));
  check_limits(exported, infos, layer);

  const std::vector<double> sums = scales_of_sums(program);
  const double largest = *std::max_element(sums.begin(), sums.end());
  for (const double scale : sums) layer.sums.push_back(fixed_of(scale / largest));
  require(static_cast<double>(head.rows) * (head.most_weight >> 16) * most_adjoint <= 0x1.0p61, "trainable",
          "{} classes are too many to train what is below them", head.rows);
  Units units(program, infos, layer);
  layer.adjoints = {{static_cast<Ref>(head.number), 0, head.rows}};
  layer.adjoints.push_back(units.next(head.x, head.cols));
  if (head.x != layer.pool) layer.adjoints.push_back(units.next(static_cast<Ref>(layer.pool), head.cols));
  units.find(head, found);
  const bool mean = std::holds_alternative<MeanPool>(instruction_of(program, layer.pool));
  for (TrainedWeight& w : layer.weights) {
    const WeightScales& scales = scales_of(training, w.number);
    const std::size_t steps = mean ? layer.max_steps : 1;
    w.shift = shift_of(most_adjoint * static_cast<double>(infos[w.x].magnitude()), steps);
    w.bias_shift = shift_of(most_adjoint, steps);
    const double unit = std::ldexp(training.rate * largest, units.exponent(static_cast<Ref>(w.number)) - 29);
    w.rates = rates_of(scales.weight, std::ldexp(unit, 16 + static_cast<int>(w.shift)), training.rate);
    if (w.bias) w.bias_rates = rates_of(scales.result, std::ldexp(unit, static_cast<int>(w.bias_shift)), training.rate);
  }
  return layer;
}

Program at_limits(Program program, const TrainableHead& head, const TrainableLayer& layer) {
  program = at_limits(std::move(program), head);
  for (const TrainedWeight& w : layer.weights) {
    const std::int32_t bound = w.most_weight >> 16;
    Instruction& i = program.instructions[w.number - 1];
    if (auto* row = std::get_if<Scale>(&i)) {
      std::fill(row->row.begin(), row->row.end(), bound);
      continue;
    }
    auto& linear = std::get<Linear>(i);
    std::fill(linear.weight.codes.begin(), linear.weight.codes.end(), bound);
    linear.weight.bits = 32;
    for (std::size_t o = 0; o < w.biases(); ++o) linear.bias[o] = o % 2 == 0 ? w.most_bias : -w.most_bias;
  }
  return program;
}

}  // namespace bitstate::program
