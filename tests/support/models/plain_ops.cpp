#include "tests/support/models/plain_ops.h"

#include "autograd/kernels/math.h"

#include <algorithm>
#include <cmath>

namespace bitstate::tests {
namespace {

using Layout = Plain::Layout;
constexpr std::int64_t accumulator_end = std::int64_t{1} << 31;
constexpr std::int64_t sum_bound = (std::int64_t{1} << 28) + 18;

Plain empty(std::size_t rows, std::size_t cols, bool columns) {
  Plain out;
  out.rows = rows;
  out.cols = cols;
  out.codes.resize(rows * cols);
  out.scale.resize(columns ? cols : 1);
  out.layout = columns ? Layout::column : Layout::tensor;
  return out;
}

bool by_column(const Plain& a) { return a.layout == Layout::column; }

std::int64_t magnitude(std::int64_t a) { return a < 0 ? -a : a; }

int binary_digits(std::int64_t bound) {
  int digits = 0;
  for (; bound > 0; bound /= 2) ++digits;
  return digits;
}

float value_of(Function function, float x) {
  if (function == Function::gelu) return kernels::gelu(x);
  if (function == Function::sigmoid) return kernels::sigmoid(x);
  if (function == Function::qgelu) return x * std::clamp(x + 2.0F, 0.0F, 4.0F) * 0.25F;
  return std::clamp(x + 3.0F, 0.0F, 6.0F) * (1.0F / 6.0F);
}

}  // namespace

std::string_view name_of(Function function) {
  switch (function) {
    case Function::gelu:
      return "gelu";
    case Function::qgelu:
      return "qgelu";
    case Function::sigmoid:
      return "sigmoid";
    default:
      return "hard_sigmoid";
  }
}

Plain PlainOps::quantize(const Plain& x, const Quantizer& site) const {
  const QuantSpec& spec = site.spec;
  require_codes(!spec.is_dynamic(), site.site);
  const bool channels = spec.granularity == QuantSpec::Granularity::channel;
  Plain y = empty(x.rows, x.cols, channels);
  for (std::size_t c = 0; c < x.cols; ++c) {
    const PlainGrid grid = plain_grid(site, channels ? c : 0);
    y.scale[channels ? c : 0] = grid.scale;
    y.bound = std::max(y.bound, grid.bound());
    const PlainRatio ratio = x.has_codes() ? plain_ratio(double{x.scale_of(0, c)} / double{grid.scale}) : PlainRatio{};
    for (std::size_t r = 0; r < x.rows; ++r) {
      std::int64_t& code = y.codes[r * x.cols + c];
      if (!x.has_codes()) {
        code = plain_code(x.value[r * x.cols + c], spec, grid, mutation_);
      } else if (is_sign(spec)) {
        code = x.code(r, c) >= 0 ? 1 : -1;
      } else {
        code = plain_clamp(rescale(x.code(r, c), ratio), grid, mutation_);
      }
    }
  }
  return y;
}

Plain PlainOps::linear(const Plain& x, const Plain& weight, const Plain& bias) const {
  require_codes(x.has_one_scale() && weight.has_codes(), "linear");
  Plain y = empty(x.rows, weight.rows, weight.layout == Layout::row);
  y.bound = 1;
  for (std::size_t o = 0; o < weight.rows; ++o) {
    const float scale = x.scale[0] * weight.scale_of(o, 0);
    y.scale[by_column(y) ? o : 0] = scale;
    std::int64_t beta = 0;
    if (!bias.value.empty()) {
      beta = plain_round(double{bias.value[o]} / double{scale}, mutation_ == Mutation::bias_rounding, "linear");
    }
    Wide limit = magnitude(beta);
    for (std::size_t i = 0; i < x.cols; ++i) limit += Wide{magnitude(weight.code(o, i))} * x.bound;
    require_codes(limit < accumulator_end, "linear");
    y.bound = std::max(y.bound, static_cast<std::int64_t>(limit));
    for (std::size_t t = 0; t < x.rows; ++t) {
      std::int64_t& code = y.codes[t * y.cols + o];
      code = beta;
      for (std::size_t i = 0; i < x.cols; ++i) code += weight.code(o, i) * x.code(t, i);
    }
  }
  return y;
}

Plain PlainOps::product(const Plain& a, const Plain& b) const {
  require_codes(a.has_codes() && b.has_codes() && Wide{a.bound} * b.bound < accumulator_end, "product");
  Plain y = empty(a.rows, a.cols, by_column(a) || by_column(b));
  for (std::size_t c = 0; c < y.scale.size(); ++c) y.scale[c] = a.scale_of(0, c) * b.scale_of(0, c);
  y.bound = a.bound * b.bound;
  for (std::size_t r = 0; r < y.rows; ++r) {
    for (std::size_t c = 0; c < y.cols; ++c) y.codes[r * y.cols + c] = a.code(r, c) * b.code(b.rows > 1 ? r : 0, c);
  }
  return y;
}

Plain PlainOps::sum(const Plain& a, const Plain& b) const {
  const bool constants = !b.value.empty();
  require_codes(a.has_codes() && (constants || b.has_codes()), "sum");
  Plain y = empty(a.rows, a.cols, constants || by_column(a) || by_column(b));
  y.bound = sum_bound;
  for (std::size_t c = 0; c < y.cols; ++c) {
    const double of_a = static_cast<double>(a.bound) * double{a.scale_of(0, c)};
    const double of_b =
        constants ? std::fabs(double{b.value[c]}) : static_cast<double>(b.bound) * double{b.scale_of(0, c)};
    const auto scale = static_cast<float>((of_a + of_b) * 0x1.0p-28);
    y.scale[by_column(y) ? c : 0] = scale;
    const PlainRatio ratio_a = plain_ratio(double{a.scale_of(0, c)} / double{scale});
    const PlainRatio ratio_b = constants ? PlainRatio{} : plain_ratio(double{b.scale_of(0, c)} / double{scale});
    const std::int64_t constant =
        constants ? plain_round(double{b.value[c]} / double{scale}, mutation_ == Mutation::bias_rounding, "sum") : 0;
    for (std::size_t r = 0; r < y.rows; ++r) {
      const std::int64_t other = constants ? constant : rescale(b.code(r, c), ratio_b);
      y.codes[r * y.cols + c] = rescale(a.code(r, c), ratio_a) + other;
    }
  }
  return y;
}

Plain PlainOps::table(const Plain& x, Function function, const Quantizer& site) {
  require_codes(x.has_one_scale() && x.bound <= 1 << 15 && site.spec.active() && !site.spec.is_dynamic(),
                name_of(function));
  const bool channels = site.spec.granularity == QuantSpec::Granularity::channel;
  Plain y = empty(x.rows, x.cols, channels);
  const std::size_t entries = static_cast<std::size_t>(2 * x.bound + 1);
  for (std::size_t g = 0; g < y.scale.size(); ++g) {
    const PlainGrid grid = plain_grid(site, g);
    y.scale[g] = grid.scale;
    y.bound = std::max(y.bound, grid.bound());
    std::vector<std::int64_t> entry(entries);
    for (std::size_t e = 0; e < entries; ++e) {
      const float operand = static_cast<float>(static_cast<std::int64_t>(e) - x.bound) * x.scale[0];
      entry[e] = plain_code(value_of(function, operand), site.spec, grid, mutation_);
    }
    if (mutation_ == Mutation::table_entry && !planted_ && !x.codes.empty()) {
      std::int64_t& wrong = entry[static_cast<std::size_t>(x.code(0, g) + x.bound)];
      wrong += wrong < grid.hi ? 1 : -1;
      planted_ = true;
    }
    for (std::size_t r = 0; r < x.rows; ++r) {
      for (std::size_t c = channels ? g : 0; c < (channels ? g + 1 : x.cols); ++c) {
        y.codes[r * x.cols + c] = entry[static_cast<std::size_t>(x.code(r, c) + x.bound)];
      }
    }
  }
  return y;
}

Plain PlainOps::mean_pool(const Plain& x, const Sequences& sequences) const {
  require_codes(x.has_codes(), "mean_pool");
  const int fraction = std::max(0, 29 - binary_digits(x.bound));
  Plain y = empty(sequences.count(), x.cols, by_column(x));
  for (std::size_t c = 0; c < x.scale.size(); ++c) {
    y.scale[c] = static_cast<float>(double{x.scale[c]} * std::ldexp(1.0, -fraction));
  }
  y.bound = x.bound << fraction;
  std::size_t first = 0;
  for (std::size_t s = 0; s < sequences.count(); ++s) {
    for (std::size_t c = 0; c < x.cols; ++c) {
      Wide total = 0;
      for (std::size_t i = 0; i < sequences.lengths[s]; ++i) total += x.code(first + i, c);
      const Wide n = sequences.lengths[s];
      const Wide half = mutation_ == Mutation::pool_rounding ? Wide{0} : n;
      y.codes[s * x.cols + c] = static_cast<std::int64_t>(floor_division((total << (fraction + 1)) + half, 2 * n));
    }
    first += sequences.rows[s];
  }
  return y;
}

Plain PlainOps::last(const Plain& x, const Sequences& sequences) const {
  require_codes(x.has_codes(), "last");
  Plain y = x;
  y.rows = sequences.count();
  y.codes.clear();
  std::size_t first = 0;
  for (std::size_t s = 0; s < sequences.count(); ++s) {
    for (std::size_t c = 0; c < x.cols; ++c) y.codes.push_back(x.code(first + sequences.lengths[s] - 1, c));
    first += sequences.rows[s];
  }
  return y;
}

Plain PlainOps::concatenate(const Plain& a, const Plain& b) const {
  require_codes(a.has_codes() && b.has_codes(), "concatenate");
  Plain y = empty(a.rows, a.cols + b.cols, true);
  y.bound = std::max(a.bound, b.bound);
  for (std::size_t c = 0; c < y.cols; ++c) {
    const Plain& part = c < a.cols ? a : b;
    const std::size_t column = c < a.cols ? c : c - a.cols;
    y.scale[c] = part.scale_of(0, column);
    for (std::size_t r = 0; r < y.rows; ++r) y.codes[r * y.cols + c] = part.code(r, column);
  }
  return y;
}

Plain PlainOps::embedding(std::span<const std::int32_t> ids, const Plain& table) const {
  require_codes(table.has_one_scale(), "embedding");
  Plain y = empty(ids.size(), table.cols, false);
  y.scale = table.scale;
  y.bound = table.bound;
  for (std::size_t t = 0; t < ids.size(); ++t) {
    for (std::size_t c = 0; c < y.cols; ++c) y.codes[t * y.cols + c] = table.code(static_cast<std::size_t>(ids[t]), c);
  }
  return y;
}

}  // namespace bitstate::tests
