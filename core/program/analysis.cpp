// The static proof: from the interval of the input follows that of every value. Scans are in analysis_scans.cpp.
#include "core/program/analyst.h"

#include "core/kernels/hadamard.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace bitstate::program {
namespace {

ValueInfo product_of(const ValueInfo& a, const ValueInfo& b) {
  const std::int64_t largest = a.magnitude() * b.magnitude();
  return {a.cols, -largest, largest};
}

}  // namespace

Analyst::Analyst(const Program& program) : program_(program) {
  const Input& in = program.input;
  check(in.cols >= 1 && in.cols <= max_cols && in.grid.lo <= in.grid.hi && in.grid.lo > -int32_end / 2 &&
            in.grid.hi < int32_end / 2,
        "the input has {} columns and codes from {} to {}, which is out of range", in.cols, in.grid.lo, in.grid.hi);
  check(!in.tokens || (in.cols == 1 && in.grid.lo == 0), "token ids must be one column from 0 on");
  check(!in.tokens || !in.one_bit, "token ids must not be rounded to one bit");
  const std::int32_t padding = padding_code(in);
  check(program.padded_length <= max_padding &&
            (program.padded_length == 0 || (padding >= in.grid.lo && padding <= in.grid.hi)),
        "expected padding of at most {2} steps with a code from {3} to {4}, got {0} steps with the code {1}",
        program.padded_length, padding, max_padding, in.grid.lo, in.grid.hi);
  check(std::isfinite(in.grid.scale) && in.grid.scale > 0.0F,
        "the scale of the input is {}, which is not a positive number", in.grid.scale);
  check_units(in.units, in.tokens ? 0 : in.cols, "input");
  values_.push_back({in.cols, in.grid.lo, in.grid.hi, true});
}

std::vector<ValueInfo> Analyst::values() {
  for (const Instruction& instruction : program_.instructions) {
    ++number_;
    const bool per_step = check_operands(instruction);
    ValueInfo y = std::visit([&](const auto& i) { return result_of(i); }, instruction);
    y.per_step = per_step && !is_pool(traits_of(instruction));
    check(y.lo > -int32_end && y.hi < int32_end, "codes from {} to {} need more than 32 bits", y.lo, y.hi);
    values_.push_back(y);
  }
  check(number_ > 0, "the program has no instructions");
  const ValueInfo& out = values_.back();
  const auto& scale = program_.output.scale;
  number_ = 0;
  check(scale.size() == 1 || scale.size() == out.cols, "there are {} scales for {} outputs", scale.size(), out.cols);
  check(std::all_of(scale.begin(), scale.end(), [](float s) { return std::isfinite(s) && s > 0.0F; }),
        "a scale of the output is not positive");
  check(!program_.output.classes || scale.size() == 1, "classes need logits with one scale");
  check_units(program_.output.units, program_.output.classes ? 0 : out.cols, "output");
  const auto& names = program_.output.class_names;
  check(names.empty() || (program_.output.classes && names.size() == out.cols),
        "there are {} names of classes for {} {}", names.size(), out.cols,
        program_.output.classes ? "classes" : "outputs that are no classes");
  const std::size_t inputs = program_.input.tokens ? 0 : program_.input.cols;
  const std::size_t outputs = program_.output.classes ? 0 : out.cols;
  check(program_.input.names.empty() || program_.input.names.size() == inputs,
        "there are {} names of inputs for {} columns of numbers", program_.input.names.size(), inputs);
  check(program_.output.names.empty() || program_.output.names.size() == outputs,
        "there are {} names of outputs for {} columns of values", program_.output.names.size(), outputs);
  return values_;
}

void Analyst::check_units(const Units& units, std::size_t cols, std::string_view what) const {
  const auto& [mean, deviation, single] = units;
  check(mean.size() == deviation.size() && (mean.empty() || mean.size() == cols),
        "the {} has {} means and {} deviations for {} columns with units", what, mean.size(), deviation.size(), cols);
  const auto finite = [](double v) { return std::isfinite(v); };
  check(std::all_of(mean.begin(), mean.end(), finite), "a mean of the {} is not finite", what);
  check(std::all_of(deviation.begin(), deviation.end(), [&](double v) { return finite(v) && v > 0.0; }),
        "a deviation of the {} is not positive", what);
}

bool Analyst::check_operands(const Instruction& instruction) const {
  const std::vector<Ref> operands = operands_of(instruction);
  for (const Ref x : operands) check(x < values_.size(), "it reads value {} of {}", x, values_.size());
  const bool per_step = at(operands.front()).per_step;
  check(std::all_of(operands.begin(), operands.end(), [&](Ref x) { return at(x).per_step == per_step; }),
        "one operand has one row per step, the other only one row");
  check(per_step || (order_of(instruction) == Order::any && !is_pool(traits_of(instruction))),
        "it reads one row, not one row per step");
  return per_step;
}

void Analyst::check_sizes(std::size_t count, std::size_t cols, bool one_is_enough, std::string_view what) const {
  check(count == cols || (one_is_enough && count == 1), "there are {} {} for {} columns", count, what, cols);
}

void Analyst::check_factors(std::span<const FixedPoint> factors, std::size_t cols, bool negative) const {
  check_sizes(factors.size(), cols, true, "factors");
  for (const FixedPoint& f : factors) {
    check(f.multiplier > -int32_end && f.multiplier < int32_end && f.shift >= 1 && f.shift <= 62 &&
              (negative || f.multiplier >= 0),
          "a factor is {} * 2^-{}, which is out of range", f.multiplier, f.shift);
  }
}

void Analyst::check_matrix(const Matrix& m) const {
  check(m.rows >= 1 && m.cols >= 1 && m.rows <= max_cols && m.cols <= max_cols &&
            m.codes.size() == std::uint64_t{m.rows} * m.cols,
        "a matrix of {} rows and {} columns has {} codes", m.rows, m.cols, m.codes.size());
  check_bits(m.codes, m.bits);
  if (m.levels.bits > 0) check_levels(m);
}

void Analyst::check_levels(const Matrix& m) const {
  const Levels& levels = m.levels;
  check(levels.bits >= 2 && levels.bits <= 8 && levels.group >= 1 && levels.shift >= 1 && levels.shift <= 30 &&
            levels.bound >= 0,
        "levels have {} bits, groups of {} columns and a shift of {}", levels.bits, levels.group, levels.shift);
  check(levels.steps.size() == m.rows * levels.groups(m.cols), "there are {} steps for {} x {} codes in groups of {}",
        levels.steps.size(), m.rows, m.cols, levels.group);
  const auto negative = [](std::int32_t step) { return step < 0; };
  check(std::none_of(levels.steps.begin(), levels.steps.end(), negative), "a step is negative");
  for (std::size_t k = 0; k < m.codes.size(); ++k) {
    check(levels.level_of(m.codes[k], levels.step(m.cols, k / m.cols, k % m.cols)).has_value(),
          "the code {} is not made of its levels", m.codes[k]);
  }
}

void Analyst::check_bits(std::span<const std::int32_t> codes, std::uint32_t bits) const {
  check(bits >= 1 && bits <= 32, "codes have {} bits, not 1 to 32", bits);
  const std::int64_t end = std::int64_t{1} << (bits - 1);
  const auto fits = [&](std::int64_t c) { return bits == 1 ? c == 1 || c == -1 : c >= -end && c < end; };
  check(std::all_of(codes.begin(), codes.end(), fits), "a code needs more than {} bits", bits);
}

ValueInfo Analyst::result_of(const Linear& i) const {
  const ValueInfo& x = at(i.x);
  check_matrix(i.weight);
  check_sizes(i.weight.cols, x.cols, false, "columns of the weight");
  check_sizes(i.bias.size(), i.weight.rows, false, "biases");
  ValueInfo y{i.weight.rows, 0, 0};
  for (std::size_t o = 0; o < i.weight.rows; ++o) {
    std::int64_t sum = 0;
    for (std::size_t c = 0; c < i.weight.cols; ++c) sum += std::abs(std::int64_t{i.weight.codes[o * x.cols + c]});
    check(sum < int32_end, "the sum of a row of weights needs more than 31 bits");
    const std::int64_t largest = sum * x.magnitude();
    check(largest + std::abs(std::int64_t{i.bias[o]}) < int32_end, "the sum of row {} can reach {}", o, largest);
    y.lo = std::min(y.lo, i.bias[o] - largest);
    y.hi = std::max(y.hi, i.bias[o] + largest);
  }
  return y;
}

ValueInfo Analyst::result_of(const Rescale& i) const {
  const ValueInfo& x = at(i.x);
  check_factors(i.factor, x.cols, false);
  check_sizes(i.lo.size(), x.cols, true, "lower bounds");
  check_sizes(i.hi.size(), x.cols, true, "upper bounds");
  ValueInfo y{x.cols, i.lo[0], i.hi[0]};
  for (std::size_t c = 0; c < x.cols; ++c) {
    const std::int64_t lo = i.lo[i.lo.size() == 1 ? 0 : c];
    const std::int64_t hi = i.hi[i.hi.size() == 1 ? 0 : c];
    check(lo <= hi, "codes from {} to {}", lo, hi);
    y.lo = std::min(y.lo, lo);
    y.hi = std::max(y.hi, hi);
  }
  return y;
}

ValueInfo Analyst::result_of(const Sign& i) const {
  const ValueInfo& x = at(i.x);
  return {x.cols, -1, 1};
}

ValueInfo Analyst::result_of(const Product& i) const {
  check_sizes(at(i.b).cols, at(i.a).cols, false, "columns of b");
  return product_of(at(i.a), at(i.b));
}

ValueInfo Analyst::result_of(const Scale& i) const {
  const ValueInfo& x = at(i.x);
  check_sizes(i.row.size(), x.cols, false, "elements of the row");
  const auto [low, high] = std::minmax_element(i.row.begin(), i.row.end());
  return product_of(x, {x.cols, *low, *high});
}

ValueInfo Analyst::result_of(const Sum& i) const {
  const ValueInfo& a = at(i.a);
  const ValueInfo& b = at(i.b);
  check_sizes(b.cols, a.cols, false, "columns of b");
  check_factors(i.a_factor, a.cols, false);
  check_factors(i.b_factor, a.cols, false);
  // column by column: the scales of the two operands belong together
  ValueInfo y{a.cols, 0, 0};
  for (std::size_t c = 0; c < a.cols; ++c) {
    const FixedPoint fa = i.a_factor[i.a_factor.size() == 1 ? 0 : c];
    const FixedPoint fb = i.b_factor[i.b_factor.size() == 1 ? 0 : c];
    y.lo = std::min(y.lo, rescale(a.lo, fa) + rescale(b.lo, fb));
    y.hi = std::max(y.hi, rescale(a.hi, fa) + rescale(b.hi, fb));
  }
  return y;
}

ValueInfo Analyst::result_of(const AddRow& i) const {
  const ValueInfo& x = at(i.x);
  check_factors(i.factor, x.cols, true);
  check_sizes(i.row.size(), x.cols, false, "elements of the row");
  ValueInfo y{x.cols, 0, 0};
  for (std::size_t c = 0; c < x.cols; ++c) {
    const FixedPoint f = i.factor[i.factor.size() == 1 ? 0 : c];
    const auto [low, high] = std::minmax({rescale(x.lo, f), rescale(x.hi, f)});
    y.lo = std::min(y.lo, low + i.row[c]);
    y.hi = std::max(y.hi, high + i.row[c]);
  }
  return y;
}

ValueInfo Analyst::result_of(const LayerNorm& i) const {
  const ValueInfo& x = at(i.x);
  check_sizes(i.scale.size(), x.cols, false, "scales");
  check_sizes(i.bias.size(), x.cols, false, "biases");
  check(i.fraction >= 0 && i.fraction <= 29 && i.epsilon >= 1 && i.epsilon <= std::int64_t{1} << 60,
        "its fraction is {} and its epsilon {}, which is out of range", i.fraction, i.epsilon);
  const double cube = std::pow(static_cast<double>(x.cols), 3.0);
  const auto b = static_cast<double>(x.magnitude());
  check(cube * b * b <= 0x1.0p60, "the squares of {} codes up to {} need more than 60 bits", x.cols, x.magnitude());
  ValueInfo y{x.cols, 0, 0};
  for (std::size_t c = 0; c < x.cols; ++c) {
    const std::int64_t largest = std::abs(std::int64_t{i.scale[c]}) << i.fraction;
    y.lo = std::min(y.lo, i.bias[c] - largest);
    y.hi = std::max(y.hi, i.bias[c] + largest);
  }
  return y;
}

ValueInfo Analyst::result_of(const RmsNorm& i) const {
  const ValueInfo& x = at(i.x);
  check_sizes(i.scale.size(), x.cols, false, "scales");
  check(i.groups >= 1 && x.cols % i.groups == 0, "{} columns cannot be parted into {} equal groups", x.cols, i.groups);
  check(i.fraction >= 0 && i.fraction <= 29 && i.epsilon >= 1 && i.epsilon <= std::int64_t{1} << 60,
        "its fraction is {} and its epsilon {}, which is out of range", i.fraction, i.epsilon);
  const auto b = static_cast<double>(x.magnitude());
  const std::size_t width = x.cols / i.groups;
  check(static_cast<double>(width) * b * b <= 0x1.0p60, "the squares of {} codes up to {} need more than 60 bits",
        width, x.magnitude());
  std::int64_t largest = 0;
  for (const std::int32_t scale : i.scale) largest = std::max(largest, std::abs(std::int64_t{scale}) << i.fraction);
  return {x.cols, -largest, largest};
}

ValueInfo Analyst::result_of(const Conv& i) const {
  const ValueInfo& x = at(i.x);
  check_matrix(i.weight);
  check_sizes(i.weight.rows, x.cols, false, "rows of the weight");
  check_sizes(i.bias.size(), x.cols, false, "biases");
  check(i.weight.cols <= most_taps, "it has {} taps, but at most {} are allowed", i.weight.cols, most_taps);
  ValueInfo y{x.cols, 0, 0};
  for (std::size_t c = 0; c < x.cols; ++c) {
    std::int64_t sum = 0;
    for (std::size_t k = 0; k < i.weight.cols; ++k)
      sum += std::abs(std::int64_t{i.weight.codes[c * i.weight.cols + k]});
    check(sum < int32_end, "the sum of a row of weights needs more than 31 bits");
    const std::int64_t largest = sum * x.magnitude();
    check(largest + std::abs(std::int64_t{i.bias[c]}) < int32_end, "the sum of row {} can reach {}", c, largest);
    y.lo = std::min(y.lo, i.bias[c] - largest);
    y.hi = std::max(y.hi, i.bias[c] + largest);
  }
  return y;
}

ValueInfo Analyst::result_of(const Rotate& i) const {
  const ValueInfo& x = at(i.x);
  check(Hadamard::exists(x.cols), "there is no Hadamard matrix of {} rows", x.cols);
  const std::int64_t largest = static_cast<std::int64_t>(x.cols) * x.magnitude();
  return {x.cols, -largest, largest};
}

ValueInfo Analyst::result_of(const Table& i) const {
  const ValueInfo& x = at(i.x);
  check_matrix(i.entries);
  check(std::ssize(i.entries.codes) < int32_end, "the tables have {} entries", i.entries.codes.size());
  if (i.of_column.empty()) {
    check_sizes(i.entries.rows, x.cols, true, "tables");
  } else {
    check_sizes(i.of_column.size(), x.cols, false, "choices of a table");
    const auto exists = [&](std::int32_t row) { return row >= 0 && std::int64_t{row} < i.entries.rows; };
    check(std::all_of(i.of_column.begin(), i.of_column.end(), exists), "a column reads none of the {} tables",
          i.entries.rows);
  }
  check(i.first <= x.lo && i.first + std::int64_t{i.entries.cols} > x.hi,
        "there are {} entries from {} on for codes from {} to {}", i.entries.cols, i.first, x.lo, x.hi);
  const auto [low, high] = std::minmax_element(i.entries.codes.begin(), i.entries.codes.end());
  return {x.cols, *low, *high};
}

ValueInfo Analyst::result_of(const Embedding& i) const {
  check_matrix(i.table);
  check(i.table.levels.bits == 0 || i.table.levels.group >= i.table.cols,
        "a row of its table has {} columns in groups of {}; it takes one group", i.table.cols, i.table.levels.group);
  check(i.x == 0 && program_.input.tokens, "its ids are not the input");
  check(program_.input.grid.hi < static_cast<std::int64_t>(i.table.rows), "there are {} rows for ids up to {}",
        i.table.rows, program_.input.grid.hi);
  const auto [low, high] = std::minmax_element(i.table.codes.begin(), i.table.codes.end());
  return {i.table.cols, *low, *high};
}

ValueInfo Analyst::result_of(const MeanPool& i) const {
  ValueInfo y = at(i.x);
  check(i.fraction >= 0 && i.fraction <= 30, "its fraction is {}, not 0 to 30", i.fraction);
  y.lo = y.lo * (std::int64_t{1} << i.fraction);
  y.hi = y.hi * (std::int64_t{1} << i.fraction);
  return y;
}

ValueInfo Analyst::result_of(const Last& i) const { return at(i.x); }

ValueInfo Analyst::result_of(const Concatenate& i) const {
  const ValueInfo& a = at(i.a);
  const ValueInfo& b = at(i.b);
  check(a.cols + b.cols <= max_cols, "it has {} columns, but at most {} are allowed", a.cols + b.cols, max_cols);
  return {a.cols + b.cols, std::min(a.lo, b.lo), std::max(a.hi, b.hi)};
}

std::vector<ValueInfo> analyse(const Program& program) { return Analyst(program).values(); }

}  // namespace bitstate::program
