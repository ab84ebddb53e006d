// The static proof: from the interval of the input follows that of every value.
#include "core/error.h"
#include "core/io/sha256.h"
#include "core/kernels/hadamard.h"
#include "core/kernels/quantize.h"
#include "core/program/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <span>

namespace bitstate::program {
namespace {

constexpr std::int64_t int32_end = std::int64_t{1} << 31;
constexpr std::uint32_t max_cols = 1U << 20;
constexpr std::uint32_t max_padding = 1U << 24;
constexpr std::uint32_t most_taps = 1U << 10;

/// Checks one instruction after the other.
class Analyst {
 public:
  explicit Analyst(const Program& program) : program_(program) {
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

  std::vector<ValueInfo> values() {
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
    return values_;
  }

 private:
  template <class... Args>
  void check(bool condition, fmt::format_string<Args...> sentence, Args&&... args) const {
    if (condition) return;
    const std::string where = number_ == 0 ? "program"
                                           : fmt::format("program: instruction {}, {}", number_ - 1,
                                                         name_of(program_.instructions[number_ - 1]));
    throw Error(fmt::format("[{}] {}", where, fmt::format(sentence, std::forward<Args>(args)...)));
  }

  /// None, or one mean and one deviation for each of the columns.
  void check_units(const Units& units, std::size_t cols, std::string_view what) const {
    const auto& [mean, deviation, single] = units;
    check(mean.size() == deviation.size() && (mean.empty() || mean.size() == cols),
          "the {} has {} means and {} deviations for {} columns with units", what, mean.size(), deviation.size(), cols);
    const auto finite = [](double v) { return std::isfinite(v); };
    check(std::all_of(mean.begin(), mean.end(), finite), "a mean of the {} is not finite", what);
    check(std::all_of(deviation.begin(), deviation.end(), [&](double v) { return finite(v) && v > 0.0; }),
          "a deviation of the {} is not positive", what);
  }

  const ValueInfo& at(Ref ref) const { return values_[ref]; }

  /// Whether the operands have one row per step.
  [[nodiscard]] bool check_operands(const Instruction& instruction) const {
    const std::vector<Ref> operands = operands_of(instruction);
    for (const Ref x : operands) check(x < values_.size(), "it reads value {} of {}", x, values_.size());
    const bool per_step = at(operands.front()).per_step;
    check(std::all_of(operands.begin(), operands.end(), [&](Ref x) { return at(x).per_step == per_step; }),
          "one operand has one row per step, the other only one row");
    check(per_step || (order_of(instruction) == Order::any && !is_pool(traits_of(instruction))),
          "it reads one row, not one row per step");
    return per_step;
  }

  void check_sizes(std::size_t count, std::size_t cols, bool one_is_enough, std::string_view what) const {
    check(count == cols || (one_is_enough && count == 1), "there are {} {} for {} columns", count, what, cols);
  }

  void check_factors(std::span<const FixedPoint> factors, std::size_t cols, bool negative) const {
    check_sizes(factors.size(), cols, true, "factors");
    for (const FixedPoint& f : factors) {
      check(f.multiplier > -int32_end && f.multiplier < int32_end && f.shift >= 1 && f.shift <= 62 &&
                (negative || f.multiplier >= 0),
            "a factor is {} * 2^-{}, which is out of range", f.multiplier, f.shift);
    }
  }

  void check_matrix(const Matrix& m) const {
    check(m.rows >= 1 && m.cols >= 1 && m.rows <= max_cols && m.cols <= max_cols &&
              m.codes.size() == std::uint64_t{m.rows} * m.cols,
          "a matrix of {} rows and {} columns has {} codes", m.rows, m.cols, m.codes.size());
    check_bits(m.codes, m.bits);
  }

  void check_bits(std::span<const std::int32_t> codes, std::uint32_t bits) const {
    check(bits >= 1 && bits <= 32, "codes have {} bits, not 1 to 32", bits);
    const std::int64_t end = std::int64_t{1} << (bits - 1);
    const auto fits = [&](std::int64_t c) { return bits == 1 ? c == 1 || c == -1 : c >= -end && c < end; };
    check(std::all_of(codes.begin(), codes.end(), fits), "a code needs more than {} bits", bits);
  }

  // Columns and interval of a result; its rows follow from the traits.
  ValueInfo result_of(const Linear& i) const {
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

  ValueInfo result_of(const Rescale& i) const {
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

  ValueInfo result_of(const Sign& i) const {
    const ValueInfo& x = at(i.x);
    return {x.cols, -1, 1};
  }

  ValueInfo product_of(const ValueInfo& a, const ValueInfo& b) const {
    const std::int64_t largest = a.magnitude() * b.magnitude();
    return {a.cols, -largest, largest};
  }

  ValueInfo result_of(const Product& i) const {
    check_sizes(at(i.b).cols, at(i.a).cols, false, "columns of b");
    return product_of(at(i.a), at(i.b));
  }

  ValueInfo result_of(const Scale& i) const {
    const ValueInfo& x = at(i.x);
    check_sizes(i.row.size(), x.cols, false, "elements of the row");
    const auto [low, high] = std::minmax_element(i.row.begin(), i.row.end());
    return product_of(x, {x.cols, *low, *high});
  }

  ValueInfo result_of(const Sum& i) const {
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

  ValueInfo result_of(const AddRow& i) const {
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

  ValueInfo result_of(const LayerNorm& i) const {
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

  ValueInfo result_of(const RmsNorm& i) const {
    const ValueInfo& x = at(i.x);
    check_sizes(i.scale.size(), x.cols, false, "scales");
    check(i.groups >= 1 && x.cols % i.groups == 0, "{} columns cannot be parted into {} equal groups", x.cols,
          i.groups);
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

  ValueInfo result_of(const Conv& i) const {
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

  ValueInfo result_of(const Rotate& i) const {
    const ValueInfo& x = at(i.x);
    check(Hadamard::exists(x.cols), "there is no Hadamard matrix of {} rows", x.cols);
    const std::int64_t largest = static_cast<std::int64_t>(x.cols) * x.magnitude();
    return {x.cols, -largest, largest};
  }

  ValueInfo result_of(const Table& i) const {
    const ValueInfo& x = at(i.x);
    check_matrix(i.entries);
    check_sizes(i.entries.rows, x.cols, true, "tables");
    check(i.first <= x.lo && i.first + std::int64_t{i.entries.cols} > x.hi,
          "there are {} entries from {} on for codes from {} to {}", i.entries.cols, i.first, x.lo, x.hi);
    const auto [low, high] = std::minmax_element(i.entries.codes.begin(), i.entries.codes.end());
    return {x.cols, *low, *high};
  }

  ValueInfo result_of(const Embedding& i) const {
    check_matrix(i.table);
    check(i.x == 0 && program_.input.tokens, "its ids are not the input");
    check(program_.input.grid.hi < static_cast<std::int64_t>(i.table.rows), "there are {} rows for ids up to {}",
          i.table.rows, program_.input.grid.hi);
    const auto [low, high] = std::minmax_element(i.table.codes.begin(), i.table.codes.end());
    return {i.table.cols, *low, *high};
  }

  ValueInfo result_of(const Scan& i) const {
    const ValueInfo& x = at(i.x);
    check(x.cols % 2 == 0, "{} columns do not form pairs", x.cols);
    check_sizes(i.lambda.size(), x.cols, false, "eigenvalues");
    check_sizes(i.from_input.size(), x.cols, false, "factors");
    check_factors(i.from_input, x.cols, false);
    check_factors({&i.to_state, 1}, 1, false);
    check_factors({&i.to_inner, 1}, 1, false);
    check_bits(i.lambda, i.lambda_bits);
    check(i.lambda_bits <= 17 && i.bound >= 1 && i.bound < 1 << 15,
          "lambda has {} bits and the state has codes up to {}, which is out of range", i.lambda_bits, i.bound);
    check(i.shift >= -1 && i.shift <= 40 && i.limit >= 0 && i.limit <= std::int64_t{1} << 58,
          "its shift is {} and its limit {}, which is out of range", i.shift, i.limit);
    std::int64_t largest = 0;
    for (const std::int32_t l : i.lambda) largest = std::max(largest, std::abs(std::int64_t{l}));
    // lambda x, the input, and a residue of at most half a code of the state
    if (i.shift < 0 && i.feedback) {
      const double both =
          std::ldexp(static_cast<double>(i.to_state.multiplier) * static_cast<double>(i.to_inner.multiplier),
                     -static_cast<int>(i.to_state.shift + i.to_inner.shift));
      check(std::fabs(both - 1.0) <= 0x1.0p-29, "the factors from and to the scale of the state multiply to {}", both);
    }
    const std::int64_t inner = 2 * largest * i.bound + i.limit + (i.feedback ? residue_bound(i) : 0);
    check(i.shift >= 0 || inner <= std::int64_t{3} << 30, "its sums can reach {}", inner);
    return {x.cols, -std::int64_t{i.bound}, i.bound};
  }

  ValueInfo result_of(const SelectiveScan& i) const {
    const ValueInfo& u = at(i.u);
    const ValueInfo& dt = at(i.dt);
    check_selective_shape(i);
    check(i.bound >= 1 && i.bound < 1 << 15 && i.input_bound >= 1 && i.input_bound < 1 << 15,
          "its state has codes up to {} and its input up to {}, which is out of range", i.bound, i.input_bound);
    check(i.limit >= 0 && i.limit <= std::int64_t{1} << 40 && i.fraction >= 1 && i.fraction <= 20 &&
              i.residue <= Residue::decayed,
          "its limit is {}, its fraction {} and its residue {}, which is out of range", i.limit, i.fraction,
          static_cast<int>(i.residue));
    check_factors(i.to_input, u.cols, false);
    check_factors(i.to_inner, u.cols, false);
    check(i.first <= dt.lo && i.first + static_cast<std::int64_t>(i.delta.size()) > dt.hi,
          "there are {} steps from {} on for codes from {} to {}", i.delta.size(), i.first, dt.lo, dt.hi);
    const auto [shortest, longest] = std::minmax_element(i.delta.begin(), i.delta.end());
    const auto lowest_rate = *std::min_element(i.rate.codes.begin(), i.rate.codes.end());
    check(*shortest >= 0 && lowest_rate >= 0, "it has a step or a rate below 0: {}, {}", *shortest, lowest_rate);
    check(*longest * u.magnitude() <= std::int64_t{3} << 30, "its steps times its input can reach {}",
          *longest * u.magnitude());
    check(at(i.b).magnitude() <= 1 << 15, "B has codes up to {}, not 2^15", at(i.b).magnitude());
    const std::int64_t largest = at(i.c).magnitude() * i.states * i.bound;
    check(at(i.c).magnitude() <= 1 << 15 && largest < int32_end, "its sums can reach {}", largest);
    return {u.cols, -largest, largest};
  }

  void check_selective_shape(const SelectiveScan& i) const {
    const std::size_t cols = at(i.u).cols;
    check_matrix(i.rate);
    const std::size_t heads = i.rate.rows;
    check(cols % heads == 0 && at(i.dt).cols == heads, "{} columns and {} of dt do not form {} heads", cols,
          at(i.dt).cols, heads);
    check(i.groups >= 1 && heads % i.groups == 0, "{} heads cannot be parted into {} equal groups", heads, i.groups);
    check(i.states >= 1 && i.states <= max_cols && (i.rate.cols == i.states || i.rate.cols == 1),
          "it has {} states and {} rates for a head", i.states, i.rate.cols);
    const std::uint64_t shared = std::uint64_t{i.groups} * i.states;
    check(at(i.b).cols == shared && at(i.c).cols == shared, "B has {} columns and C {}, for {} groups of {} states",
          at(i.b).cols, at(i.c).cols, i.groups, i.states);
    check(cols * i.states <= std::size_t{1} << 28, "it has {} columns of {} states", cols, i.states);
  }

  /// One number from `lo` to `hi` for each state.
  void check_parts(const std::vector<std::int32_t>& numbers, std::size_t states, std::int32_t lo, std::int32_t hi,
                   std::string_view what) const {
    check(numbers.size() == states, "there are {} {} for {} states", numbers.size(), what, states);
    const auto inside = [=](std::int32_t v) { return v >= lo && v <= hi; };
    check(std::all_of(numbers.begin(), numbers.end(), inside), "one of the {} is not from {} to {}", what, lo, hi);
  }

  ValueInfo result_of(const ScanShear& i) const {
    const ValueInfo& x = at(i.x);
    check(x.cols % 2 == 0, "{} columns do not form pairs", x.cols);
    check_sizes(i.from_input.size(), x.cols, false, "factors");
    check_factors(i.from_input, x.cols, false);
    check(i.step_bits >= 2 && i.step_bits <= 16 && i.decay_bits >= 1 && i.decay_bits <= 15,
          "its steps have {} bits and its decays {}, which is out of range", i.step_bits, i.decay_bits);
    check(i.bound >= 1 && i.bound < 1 << 15 && i.limit >= 0 && i.limit <= std::int64_t{1} << 58,
          "its state has codes up to {} and its input sums up to {}, which is out of range", i.bound, i.limit);
    const std::size_t states = x.cols / 2;
    const std::int32_t steps = (1 << (i.step_bits - 1)) - 1;
    check_parts(i.sign, states, -1, 1, "signs");
    check_parts(i.decay, states, 1, (1 << i.decay_bits) - 1, "decays");
    check_parts(i.decay_shift, states, 0, Shear::fraction, "shifts of decays");
    check_parts(i.step, states, -steps, steps, "steps");
    check_parts(i.step_shift, states, 0, Shear::fraction, "shifts of steps");
    for (std::size_t p = 0; p < states; ++p) check_shear(i.at(p));
    return {x.cols, -std::int64_t{i.bound}, i.bound};
  }

  /// Its eigenvalues are a pair inside the unit circle. So A < 2^15 and |E| < 2^16: with a state of 15 bits, an input
  /// of 58 and a residue, sums fit 60 bits.
  void check_shear(const Shear& shear) const {
    const std::int64_t decay = std::int64_t{shear.decay} << (Shear::fraction - shear.decay_shift);
    const std::int64_t turn = std::int64_t{shear.step} * (std::int64_t{1} << (Shear::fraction - shear.step_shift));
    check(shear.sign != 0 && decay <= Shear::most_decay && Shear::turns(Shear::one - decay, turn),
          "a state with the sign {}, the decay {} * 2^-{} and the step {} * 2^-{} has no eigenvalues inside the circle",
          shear.sign, shear.decay, shear.decay_shift, shear.step, shear.step_shift);
  }

  ValueInfo result_of(const MeanPool& i) const {
    ValueInfo y = at(i.x);
    check(i.fraction >= 0 && i.fraction <= 30, "its fraction is {}, not 0 to 30", i.fraction);
    y.lo = y.lo * (std::int64_t{1} << i.fraction);
    y.hi = y.hi * (std::int64_t{1} << i.fraction);
    return y;
  }

  ValueInfo result_of(const Last& i) const { return at(i.x); }

  ValueInfo result_of(const Concatenate& i) const {
    const ValueInfo& a = at(i.a);
    const ValueInfo& b = at(i.b);
    check(a.cols + b.cols <= max_cols, "it has {} columns, but at most {} are allowed", a.cols + b.cols, max_cols);
    return {a.cols + b.cols, std::min(a.lo, b.lo), std::max(a.hi, b.hi)};
  }

  const Program& program_;
  std::vector<ValueInfo> values_;
  std::size_t number_ = 0;  // of the value that is looked at
};

}  // namespace

std::int32_t padding_code(const Input& input) { return input.one_bit ? 1 : 0; }

std::int64_t residue_bound(const Scan& scan) {
  // half a code of the state, two roundings, and what the two factors are not inverse of sums below 3 * 2^30
  return scan.shift >= 0 ? std::int64_t{1} << scan.shift : rescale(1, scan.to_inner) + 8;
}

std::vector<ValueInfo> analyse(const Program& program) { return Analyst(program).values(); }

bool can_stream(const Program& program) {
  return std::none_of(program.instructions.begin(), program.instructions.end(),
                      [](const Instruction& i) { return order_of(i) == Order::backward; });
}

std::string architecture_digest(const Program& program) {
  std::string text = fmt::format("{} {} {}\n", program.input.cols, program.input.tokens, program.output.classes);
  for (const Instruction& i : program.instructions) {
    const std::string shape = std::visit([](const auto& in) { return in.shape(); }, i);
    text += fmt::format("{} {}{}{}\n", name_of(i), fmt::join(operands_of(i), " "), shape.empty() ? "" : " ", shape);
  }
  return sha256_hex(text);
}

void encode_input(const Program& program, std::span<const float> x, std::span<std::int32_t> codes) {
  const auto finite = [](float v) { return std::isfinite(v); };
  require(codes.size() == x.size(), "program", "{} inputs do not fit an array of {} codes", x.size(), codes.size());
  require(std::all_of(x.begin(), x.end(), finite), "program", "the input holds a NaN or an infinity");
  const kernels::Grids grids{kernels::ScaleLayout::per_tensor, {&program.input.grid, 1}, program.input.one_bit};
  kernels::quantize(1, x.size(), x.data(), grids, {{codes.data(), Width::four, x.size()}});
}

}  // namespace bitstate::program
