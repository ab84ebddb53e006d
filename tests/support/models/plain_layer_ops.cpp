// Norms and the recurrence of the integer reference: docs/numerics.md, sections 4 (batch norm), 5 and 6.
#include "tests/support/models/plain_ops.h"

#include <algorithm>
#include <cmath>

namespace bitstate::tests {
namespace {

using Layout = Plain::Layout;

/// floor(sqrt(v)) by bisection, v < 2^62.
std::int64_t square_root(Wide v) {
  std::int64_t low = 0;
  std::int64_t high = std::int64_t{1} << 31;
  while (high - low > 1) {
    const std::int64_t middle = low + (high - low) / 2;
    (Wide{middle} * middle <= v ? low : high) = middle;
  }
  return low;
}

/// The normalised codes p of one row, with F bits behind the point.
std::vector<std::int64_t> normalised(std::span<const std::int64_t> x, double constant, int fraction) {
  const auto features = static_cast<std::int64_t>(x.size());
  std::int64_t total = 0;
  for (const std::int64_t v : x) total += v;
  Wide w = constant < 1.0 ? 1 : constant > 0x1.0p60 ? Wide{1} << 60 : static_cast<Wide>(constant);
  for (const std::int64_t v : x) w += Wide{features * v - total} * (features * v - total);
  int t = 0;
  while (Wide{1} << (2 * (t + 1)) <= w) ++t;
  const Wide u = square_root(w << (2 * (30 - t)));
  const Wide rho = (Wide{1} << 60) / u;
  const int k = 30 + t - fraction;
  std::vector<std::int64_t> p;
  for (const std::int64_t v : x) {
    const Wide scaled = Wide{features * v - total} * rho + (Wide{1} << (k - 1));
    p.push_back(static_cast<std::int64_t>(floor_division(scaled, Wide{1} << k)));
  }
  return p;
}

/// The number k of s = 2^-k; false where s is no power of two.
bool power_of_two(float s, int& k) {
  k = 0;
  for (; s < 1.0F; s *= 2.0F) ++k;
  for (; s > 1.0F; s *= 0.5F) --k;
  return s == 1.0F;
}

/// The recurrence of one sequence: what does not change from step to step.
struct Recurrence {
  double scale = 0.0;  ///< s of Lambda
  bool power = false;  ///< it is 2^-k
  int k = 0;
  std::int64_t bound = 0;  ///< Q of the state
  Wide input_bound = 0;    ///< U
  PlainRatio down, up;     ///< by s, by 1 / s

  /// The state before its clamp, from z.
  [[nodiscard]] std::int64_t rounded(std::int64_t z, Mutation mutation) const {
    if (mutation == Mutation::state_rounding) {  // to the left, by the exact ratio
      return static_cast<std::int64_t>(std::floor(static_cast<long double>(z) * static_cast<long double>(scale)));
    }
    if (!power) return plain_rescale(z, down, mutation);
    if (k == 0) return z;
    const Wide half = (Wide{1} << (k - 1)) - (mutation == Mutation::rescale_half_down ? 1 : 0);
    return static_cast<std::int64_t>(floor_division(z + half, Wide{1} << k));
  }
  /// What is left of z when the state is x.
  [[nodiscard]] std::int64_t residue(std::int64_t z, std::int64_t x, Mutation mutation) const {
    if (power) return z - (x << k);
    return z - plain_rescale(x, up, mutation);
  }
};

Recurrence recurrence(const Plain& lambda, std::int64_t bound, const Quantizer& site) {
  const std::int64_t reach = site.spec.rounding == QuantSpec::Rounding::decayed ? 5 : 4;
  Recurrence r;
  r.scale = double{lambda.scale[0]};
  r.bound = bound;
  r.power = power_of_two(lambda.scale[0], r.k) && r.k >= 0 && r.k <= 40;
  if (!r.power) require_codes(0x1.0p30 * r.scale >= static_cast<double>(reach * bound), site.site);
  if (!r.power && reach == 5) {
    require_codes(2.0 * static_cast<double>(lambda.bound) * (1.0 / r.scale + 10.0) <= 0x3.0p30, site.site);
  }
  r.input_bound = r.power ? Wide{reach * bound} << r.k : Wide{1} << 30;
  r.down = plain_ratio(r.scale);
  r.up = plain_ratio(1.0 / r.scale);
  return r;
}

}  // namespace

Plain PlainOps::layer_norm(const Plain& x, const Plain& factor, const Plain& offset) const {
  const auto features = static_cast<std::int64_t>(x.cols);
  const std::int64_t cube = features * features * features;
  require_codes(x.has_one_scale() && factor.has_one_scale(), "layer_norm");
  require_codes(Wide{cube} * x.bound * x.bound <= Wide{1} << 60, "layer_norm");
  int digits = 0;
  for (std::int64_t b = factor.bound; b > 0; b /= 2) ++digits;
  const int fraction = 30 - digits - (mutation_ == Mutation::norm_fraction ? 1 : 0);
  Plain y = x;
  const double root = std::sqrt(static_cast<double>(features));
  y.scale = {static_cast<float>(root * std::ldexp(1.0, -fraction) * double{factor.scale[0]})};
  std::vector<std::int64_t> beta(x.cols, 0);
  for (std::size_t c = 0; c < x.cols; ++c) {
    const double b = offset.value.empty() ? 0.0 : double{offset.value[c]};
    beta[c] = plain_round(b / double{y.scale[0]}, mutation_ == Mutation::bias_rounding, "layer_norm");
    const std::int64_t size = beta[c] < 0 ? -beta[c] : beta[c];
    require_codes(size < std::int64_t{1} << 30, "layer_norm");
    y.bound = std::max(c == 0 ? std::int64_t{0} : y.bound, (std::int64_t{1} << fraction) * factor.bound + size);
  }
  const double epsilon = mutation_ == Mutation::norm_epsilon ? 1e-5 : 1e-6;
  const double s = double{x.scale[0]};
  const double constant = std::floor(epsilon * static_cast<double>(cube) / (s * s) + 0.5);
  for (std::size_t r = 0; r < x.rows; ++r) {
    const auto p = normalised(std::span(x.codes).subspan(r * x.cols, x.cols), constant, fraction);
    for (std::size_t c = 0; c < x.cols; ++c) y.codes[r * x.cols + c] = p[c] * factor.code(0, c) + beta[c];
  }
  return y;
}

Plain PlainOps::batch_norm(const Plain& x, const Plain& factor, const Plain& offset, const Tensor& mean,
                           const Tensor& variance) const {
  require_codes(x.has_codes(), "batch_norm");
  Plain y = x;
  y.layout = Layout::tensor;
  y.bound = (std::int64_t{1} << 28) + 18;
  std::vector<float> a(x.cols);
  std::vector<float> b(x.cols);
  double largest = 0.0;
  for (std::size_t c = 0; c < x.cols; ++c) {
    a[c] = factor.value[c] / std::sqrt(variance.data[c] + 1e-5F);
    b[c] = offset.value[c] - mean.data[c] * a[c];
    const double size = static_cast<double>(x.bound) * double{x.scale_of(0, c)} * std::fabs(double{a[c]});
    largest = std::max(largest, size + std::fabs(double{b[c]}));
  }
  y.scale = {static_cast<float>(std::max(largest, 0x1.0p-60) * 0x1.0p-28)};
  const double s = double{y.scale[0]};
  for (std::size_t c = 0; c < x.cols; ++c) {
    const PlainRatio ratio = plain_ratio(std::fabs(double{a[c]}) * double{x.scale_of(0, c)} / s);
    const std::int64_t beta = plain_round(double{b[c]} / s, mutation_ == Mutation::bias_rounding, "batch_norm");
    for (std::size_t r = 0; r < x.rows; ++r) {
      const std::int64_t code = a[c] < 0.0F ? -x.code(r, c) : x.code(r, c);
      y.codes[r * x.cols + c] = (a[c] == 0.0F ? 0 : rescale(code, ratio)) + beta;
    }
  }
  return y;
}

Plain PlainOps::states_of(std::string_view op, const Plain& lambda, const Plain& bu, const Quantizer& site,
                          std::vector<PlainRatio>& input) {
  require_codes(site.spec.active(), op);
  require_codes(lambda.has_one_scale() && bu.has_codes(), site.site);
  const std::size_t states = bu.cols / 2;
  const bool channels = site.spec.granularity == QuantSpec::Granularity::channel;
  Plain y = bu;
  y.layout = channels ? Layout::column : Layout::tensor;
  y.scale.clear();
  for (std::size_t c = 0; c < bu.cols; ++c) {
    const PlainGrid grid = plain_grid(site, channels ? c % states : 0);
    if (channels || c == 0) y.scale.push_back(grid.scale);
    y.bound = grid.hi;
    const float inner = lambda.scale[0] * grid.scale;
    input.push_back(plain_ratio(double{bu.scale_of(0, c)} / double{inner}));
  }
  return y;
}

Plain PlainOps::scan(const Plain& lambda, const Plain& bu, const Sequences& sequences, bool forward,
                     const Quantizer& site) const {
  const std::size_t states = bu.cols / 2;
  std::vector<PlainRatio> input;
  Plain y = states_of("scan", lambda, bu, site, input);
  const Recurrence step = recurrence(lambda, y.bound, site);
  const bool decayed = site.spec.rounding == QuantSpec::Rounding::decayed;
  const bool keeps =
      (decayed || site.spec.rounding == QuantSpec::Rounding::feedback) && mutation_ != Mutation::no_residue;
  std::size_t first = 0;
  for (const std::size_t length : sequences.rows) {
    std::vector<std::int64_t> x(bu.cols, 0);
    std::vector<std::int64_t> e(bu.cols, 0);
    for (std::size_t i = 0; i < length; ++i) {
      const std::size_t t = first + (forward ? i : length - 1 - i);
      std::vector<std::int64_t> z = e;
      for (std::size_t p = 0; decayed && p < states; ++p) {
        const std::int64_t re = lambda.codes[p];
        const std::int64_t im = lambda.codes[states + p];
        z[p] = step.rounded(re * e[p] - im * e[states + p], Mutation::none);
        z[states + p] = step.rounded(re * e[states + p] + im * e[p], Mutation::none);
      }
      for (std::size_t c = 0; c < bu.cols; ++c) {
        const Wide u = rescale(bu.code(t, c), input[c]);
        z[c] += static_cast<std::int64_t>(std::clamp(u, -step.input_bound, step.input_bound));
      }
      for (std::size_t p = 0; p < states; ++p) {
        const std::int64_t re = lambda.codes[p];
        const std::int64_t im = lambda.codes[states + p];
        z[p] += re * x[p] - im * x[states + p];
        z[states + p] += re * x[states + p] + im * x[p];
      }
      for (std::size_t c = 0; c < bu.cols; ++c) {
        const std::int64_t rounded = step.rounded(z[c], mutation_);
        x[c] = std::clamp(rounded, -step.bound, step.bound);
        e[c] = keeps && x[c] == rounded ? step.residue(z[c], x[c], mutation_) : 0;
        y.codes[t * bu.cols + c] = x[c];
      }
    }
    first += length;
  }
  return y;
}

Plain PlainOps::scan_shear(const Plain& lambda, const std::vector<PlainShear>& shears, const Plain& bu,
                           const Sequences& sequences, bool forward, const Quantizer& site) const {
  const std::size_t states = bu.cols / 2;
  std::vector<PlainRatio> input;
  Plain y = states_of("scan_shear", lambda, bu, site, input);
  const bool feedback = site.spec.rounding == QuantSpec::Rounding::feedback && mutation_ != Mutation::no_residue;
  const Wide one = 32768;
  const Wide half = mutation_ == Mutation::state_rounding      ? 0
                    : mutation_ == Mutation::rescale_half_down ? 16383
                                                               : 16384;
  std::size_t first = 0;
  for (const std::size_t length : sequences.rows) {
    std::vector<std::int64_t> x(bu.cols, 0);
    std::vector<std::int64_t> e(bu.cols, 0);
    for (std::size_t i = 0; i < length; ++i) {
      const std::size_t t = first + (forward ? i : length - 1 - i);
      const auto next = [&](std::size_t c, Wide z) {
        const Wide u = rescale(bu.code(t, c), input[c]);
        z += std::clamp<Wide>(u, -5 * y.bound * one, 5 * y.bound * one) + e[c];
        const auto rounded = static_cast<std::int64_t>(floor_division(z + half, one));
        x[c] = std::clamp(rounded, -y.bound, y.bound);
        e[c] = feedback && x[c] == rounded ? static_cast<std::int64_t>(z - one * x[c]) : 0;
        y.codes[t * bu.cols + c] = x[c];
      };
      for (std::size_t p = 0; p < states; ++p) {
        const auto& [g, a, turn] = shears[p];
        next(p, g * (Wide{a} * x[p] - Wide{turn} * x[states + p]));
        next(states + p, g * Wide{a} * x[states + p] + Wide{turn} * x[p]);
      }
    }
    first += length;
  }
  return y;
}

}  // namespace bitstate::tests
