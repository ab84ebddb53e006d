#include "core/tuning/top.h"

#include "core/error.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace bitstate::program {
namespace {

/// The operands of an instruction of a layer, as they are numbered from `entry` on.
void renumber(Instruction& instruction, Ref entry) {
  std::visit(
      [&](auto& i) {
        if constexpr (requires { i.x; }) i.x -= entry;
        if constexpr (requires {
                        i.a;
                        i.b;
                      }) {
          i.a -= entry;
          i.b -= entry;
        }
      },
      instruction);
}

std::int64_t floor_of(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

template <class T>
const T& one_of(const std::vector<T>& all, std::size_t c) {
  return all[all.size() == 1 ? 0 : c];
}

/// Whether a rescale does not clamp this code of its column c.
bool passes(const Rescale& i, std::int32_t code, std::size_t c) {
  const std::int64_t y = rescale(code, one_of(i.factor, c));
  return y >= one_of(i.lo, c) && y <= one_of(i.hi, c);
}

void clamp_into(std::int32_t& number, std::int64_t value, std::int32_t most) {
  number = static_cast<std::int32_t>(std::clamp<std::int64_t>(value, -most, most));
}

/// By which a number moves, for the mean of n steps.
std::int64_t move_of(std::int32_t gradient, const FixedPoint& rate, int exponent, std::size_t n) {
  const std::int64_t shift = rate.shift - exponent;
  if (shift > 62) return 0;
  const auto count = static_cast<std::int64_t>(n);
  const std::int64_t sum = rescale(gradient, {rate.multiplier, std::max<std::int64_t>(shift, 1)});
  return floor_of(2 * sum + count, 2 * count);
}

}  // namespace

Program before_layer(const Program& program, const TrainableLayer& layer) {
  Program before = program;
  before.instructions.resize(layer.entry);
  before.output = {false, {1.0F}, {}};
  return before;
}

TopTuner::TopTuner(Program program, TrainableHead head, TrainableLayer layer)
    : program_(std::move(program)),
      infos_(analyse(program_)),
      head_(program_, std::move(head)),
      layer_(std::move(layer)),
      gradients_(layer_.numbers()),
      adjoints_(layer_.adjoint_numbers()) {
  for (const TrainedWeight& w : layer_.weights) {
    const auto* const row = std::get_if<Scale>(&instruction(w.number));
    const auto& codes = row != nullptr ? row->row : std::get<Linear>(instruction(w.number)).weight.codes;
    for (const std::int32_t code : codes) numbers_.push_back(code * (1 << 16));
    if (!w.bias) continue;
    const auto& bias = std::get<Linear>(instruction(w.number)).bias;
    numbers_.insert(numbers_.end(), bias.begin(), bias.end());
  }
}

Program TopTuner::tuned() const {
  Program program = head_.tuned(program_);
  for (const TrainedWeight& w : layer_.weights) {
    Instruction& i = program.instructions[w.number - 1];
    const auto from = numbers_.begin() + static_cast<std::ptrdiff_t>(w.first);
    const auto end = from + static_cast<std::ptrdiff_t>(w.weights());
    if (auto* const row = std::get_if<Scale>(&i)) {
      std::transform(from, end, row->row.begin(), code_of);
      continue;
    }
    auto& linear = std::get<Linear>(i);
    std::transform(from, end, linear.weight.codes.begin(), code_of);
    linear.weight.bits = 16;
    if (w.bias) linear.bias.assign(end, end + static_cast<std::ptrdiff_t>(w.rows));
  }
  return program;
}

void TopTuner::restore(std::span<const std::int32_t> weights, std::span<const std::int32_t> biases,
                       std::span<const std::int32_t> numbers) {
  require(numbers.size() == numbers_.size(), "tuning", "{} numbers are given, but the layer has {}", numbers.size(),
          numbers_.size());
  head_.restore(weights, biases);
  for (const TrainedWeight& w : layer_.weights) {
    for (std::size_t i = w.first; i < w.first + w.weights(); ++i) clamp_into(numbers_[i], numbers[i], w.most_weight);
    const std::size_t end = w.first + w.weights();
    for (std::size_t i = end; i < end + w.biases(); ++i) clamp_into(numbers_[i], numbers[i], w.most_bias);
  }
}

TopTuner::Steps TopTuner::run(std::span<const std::int32_t> entering) const {
  const Program now = tuned();
  const Ref last = operands_of(now.instructions[layer_.pool - 1])[0];
  const ValueInfo& enters = infos_[layer_.entry];
  Program p;
  p.input = {static_cast<std::uint32_t>(enters.cols),
             false,
             false,
             {1.0F, static_cast<std::int32_t>(enters.lo), static_cast<std::int32_t>(enters.hi)}};
  p.instructions.assign(now.instructions.begin() + layer_.entry, now.instructions.begin() + last);
  for (Instruction& i : p.instructions) renumber(i, layer_.entry);
  Steps steps;
  steps.first.resize(infos_.size());
  std::vector<Ref> values = layer_.watched;
  values.push_back(last);
  Ref joined = 0;
  for (std::size_t k = 0; k < values.size(); ++k) {
    steps.first[values[k]] = steps.width;
    steps.width += columns(values[k]);
    if (k == 0) {
      joined = values[0] - layer_.entry;
    } else {
      p.instructions.emplace_back(Concatenate{joined, values[k] - layer_.entry});
      joined = static_cast<Ref>(p.instructions.size());
    }
  }
  p.output = {false, {1.0F}, {}};
  steps.rows = Runner(std::move(p)).run(entering);
  steps.count = entering.size() / enters.cols;
  return steps;
}

std::vector<std::int32_t> TopTuner::pooled(const Steps& steps) const {
  const Instruction& pool = instruction(layer_.pool);
  const Ref value = operands_of(pool)[0];
  const auto* const mean = std::get_if<MeanPool>(&pool);
  std::vector<std::int32_t> y;
  const auto n = static_cast<std::int64_t>(steps.count);
  for (std::size_t c = 0; c < columns(value); ++c) {
    std::int64_t sum = 0;
    for (std::size_t t = mean != nullptr ? 0 : steps.count - 1; t < steps.count; ++t) sum += steps.at(t, value)[c];
    y.push_back(static_cast<std::int32_t>(
        mean == nullptr ? sum : floor_of(sum * (std::int64_t{2} << mean->fraction) + n, 2 * n)));
  }
  return y;
}

std::vector<std::int32_t> TopTuner::operand_of_head(const std::vector<std::int32_t>& pooled) const {
  if (!layer_.before_head) return pooled;
  const auto& rounding = std::get<Rescale>(instruction(head_.head().x));
  std::vector<std::int32_t> x;
  for (std::size_t c = 0; c < pooled.size(); ++c) {
    x.push_back(static_cast<std::int32_t>(std::clamp<std::int64_t>(rescale(pooled[c], one_of(rounding.factor, c)),
                                                                   one_of(rounding.lo, c), one_of(rounding.hi, c))));
  }
  return x;
}

std::vector<std::int32_t> TopTuner::logits(std::span<const std::int32_t> entering) const {
  return head_.logits(operand_of_head(pooled(run(entering))));
}

std::int32_t TopTuner::tune(std::span<const std::int32_t> entering, std::size_t label) {
  const std::size_t cols = columns(layer_.entry);
  require(entering.size() % cols == 0, "tuning", "{} codes are no whole number of rows of {}", entering.size(), cols);
  const std::size_t count = entering.size() / cols;
  if (label >= head_.head().rows || count == 0 || count > layer_.max_steps) return no_loss;
  const Steps steps = run(entering);
  const std::vector<std::int32_t> rows = pooled(steps);
  const std::vector<std::int32_t> x = operand_of_head(rows);
  std::vector<std::int64_t> g(head_.head().rows);
  const std::int32_t loss = head_.gradients(head_.logits(x), label, g);
  int exponent = 0;
  const bool goes_on = begin_back(g, rows, exponent);
  head_.descend(x, g);
  if (!goes_on) return loss;

  std::fill(gradients_.begin(), gradients_.end(), 0);
  const Instruction& pool = instruction(layer_.pool);
  const Adjoint begin = layer_.adjoint(operands_of(pool)[0]);
  const bool mean = std::holds_alternative<MeanPool>(pool);
  for (std::size_t t = mean ? 0 : count - 1; t < count; ++t) {
    std::fill(adjoints_.begin() + static_cast<std::ptrdiff_t>(begin.first), adjoints_.end(), 0);
    std::copy_n(adjoint(static_cast<Ref>(layer_.pool)), begin.cols, adjoint(begin.value));
    for (const Backward& way : layer_.backward) {
      const Instruction& i = instruction(way.number);
      back(way, std::holds_alternative<Product>(i)                                       ? steps.at(t, way.other)
                : std::holds_alternative<Rescale>(i) || std::holds_alternative<Table>(i) ? steps.at(t, way.to)
                                                                                         : nullptr);
    }
    for (const TrainedWeight& w : layer_.weights) gather(w, steps.at(t, w.x));
  }
  for (const TrainedWeight& w : layer_.weights) descend(w, mean ? count : 1, exponent);
  return loss;
}

bool TopTuner::begin_back(std::span<const std::int64_t> g, const std::vector<std::int32_t>& pooled, int& exponent) {
  const TrainableHead& head = head_.head();
  std::int32_t* const sums = adjoint(static_cast<Ref>(head.number));
  for (std::size_t o = 0; o < head.rows; ++o) {
    sums[o] = static_cast<std::int32_t>(rescale(g[o] * (1 << 13), one_of(layer_.sums, o)));
  }
  std::vector<std::int64_t> wide(head.cols, 0);
  std::int64_t largest = 0;
  for (std::size_t c = 0; c < head.cols; ++c) {
    for (std::size_t o = 0; o < head.rows; ++o) {
      wide[c] += std::int64_t{code_of(head_.weights()[o * head.cols + c])} * sums[o];
    }
    largest = std::max(largest, std::abs(wide[c]));
  }
  if (largest == 0) return false;
  exponent = 0;
  while (largest >> exponent >= std::int64_t{1} << 29) ++exponent;
  while (largest < std::int64_t{1} << 28) {
    largest *= 2;
    --exponent;
  }
  std::int32_t* const x = adjoint(head.x);
  for (std::size_t c = 0; c < head.cols; ++c) {
    x[c] = static_cast<std::int32_t>(exponent < 0 ? wide[c] * (std::int64_t{1} << -exponent)
                                                  : shifted(wide[c], static_cast<unsigned>(exponent)));
  }
  if (!layer_.before_head) return true;
  std::fill_n(adjoint(static_cast<Ref>(layer_.pool)), head.cols, 0);
  back(*layer_.before_head, pooled.data());
  return true;
}

void TopTuner::back(const Backward& way, const std::int32_t* codes) {
  const std::int32_t* const from = adjoint(static_cast<Ref>(way.number));
  std::int32_t* const to = adjoint(way.to);
  const auto add = [&](std::size_t c, std::int64_t v) { to[c] += static_cast<std::int32_t>(v); };
  const Instruction& i = instruction(way.number);
  const std::size_t cols = columns(way.to);
  if (std::holds_alternative<Linear>(i)) {
    const TrainedWeight& w = *layer_.weight(way.number);
    for (std::size_t c = 0; c < cols; ++c) {
      std::int64_t sum = 0;
      for (std::size_t o = 0; o < w.rows; ++o) {
        sum += std::int64_t{code_of(numbers_[w.first + o * cols + c])} * from[o];
      }
      add(c, shifted(sum, way.shift));
    }
  } else if (const auto* const rounding = std::get_if<Rescale>(&i)) {
    for (std::size_t c = 0; c < cols; ++c) {
      if (passes(*rounding, codes[c], c)) add(c, rescale(from[c], one_of(way.factor, c)));
    }
  } else if (const auto* const table = std::get_if<Table>(&i)) {
    const std::vector<std::int32_t> offsets = table->offsets();
    for (std::size_t c = 0; c < cols; ++c) {
      const std::int32_t row = offsets.empty() ? 0 : one_of(offsets, c);
      const std::int32_t slope = way.slopes.codes[static_cast<std::size_t>(row + codes[c] - table->first)];
      add(c, shifted(std::int64_t{from[c]} * slope, way.shift));
    }
  } else if (std::holds_alternative<Product>(i)) {
    for (std::size_t c = 0; c < cols; ++c) add(c, shifted(std::int64_t{from[c]} * codes[c], way.shift));
  } else {
    for (std::size_t c = 0; c < cols; ++c) add(c, rescale(from[c], one_of(way.factor, c)));
  }
}

void TopTuner::gather(const TrainedWeight& w, const std::int32_t* x) {
  const std::int32_t* const from = adjoint(static_cast<Ref>(w.number));
  std::int32_t* const gradient = gradients_.data() + w.first;
  const bool row = std::holds_alternative<Scale>(instruction(w.number));
  for (std::size_t o = 0; o < w.rows; ++o) {
    for (std::size_t c = 0; c < w.cols; ++c) {
      gradient[o * w.cols + c] += static_cast<std::int32_t>(shifted(std::int64_t{from[row ? c : o]} * x[c], w.shift));
    }
  }
  for (std::size_t o = 0; o < w.biases(); ++o) {
    gradient[w.weights() + o] += static_cast<std::int32_t>(shifted(from[o], w.bias_shift));
  }
}

void TopTuner::descend(const TrainedWeight& w, std::size_t steps, int exponent) {
  const bool row = std::holds_alternative<Scale>(instruction(w.number));
  for (std::size_t i = 0; i < w.weights(); ++i) {
    std::int32_t& number = numbers_[w.first + i];
    const FixedPoint& rate = one_of(w.rates, row ? i : i / w.cols);
    clamp_into(number, number - move_of(gradients_[w.first + i], rate, exponent, steps), w.most_weight);
  }
  for (std::size_t o = 0; o < w.biases(); ++o) {
    std::int32_t& number = numbers_[w.first + w.weights() + o];
    const std::int32_t gradient = gradients_[w.first + w.weights() + o];
    clamp_into(number, number - move_of(gradient, one_of(w.bias_rates, o), exponent, steps), w.most_bias);
  }
}

}  // namespace bitstate::program
