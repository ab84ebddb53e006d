#include "core/quantization/gptq.h"

#include "core/error.h"

#include <algorithm>
#include <cmath>

namespace bitstate {
namespace {

/// A weight of no codes yet, its sizes and options checked.
GroupedCodes grouped(std::span<const double> weight, std::size_t cols, const GptqOptions& options) {
  require(options.bits >= 2 && options.bits <= 8, "gptq", "codes have {} bits, expected 2 to 8", options.bits);
  require(options.group > 0, "gptq", "a group has no columns");
  require(cols > 0 && weight.size() % cols == 0, "gptq", "{} weights are not a whole number of rows of {}",
          weight.size(), cols);
  for (const double w : weight) require(std::isfinite(w), "gptq", "a weight is {}, expected a finite number", w);
  const std::size_t rows = weight.size() / cols;
  const std::size_t groups = (cols + options.group - 1) / options.group;
  return {rows, cols, options.group, std::vector<std::int8_t>(rows * cols), std::vector<double>(groups * rows)};
}

/// The scale with which the largest magnitude is at the edge; 1 for zeros.
double scale_of(std::span<const double> values, const GptqOptions& options) {
  double most = 0.0;
  for (const double v : values) most = std::max(most, std::fabs(v));
  return most > 0.0 ? most * (1.0 / ((1 << (options.bits - 1)) - 1 + options.edge)) : 1.0;
}

/// Half to even, as published.
double code_of(double value, double scale, const GptqOptions& options) {
  const double end = 1 << (options.bits - 1);
  return std::clamp(std::nearbyint(value / scale), options.symmetric ? 1.0 - end : -end, end - 1.0);
}

/// Rounds a row from left to right; after each column `spread(col, error)` may change the later ones. `whole` is the
/// scale of all groups, or 0.
template <class Spread>
void round_row(std::span<double> row, std::size_t index, const GptqOptions& options, double whole, GroupedCodes& to,
               const Spread& spread) {
  for (std::size_t first = 0; first < to.cols; first += to.group) {
    const std::size_t count = std::min(to.group, to.cols - first);
    const double scale = whole > 0.0 ? whole : scale_of(row.subspan(first, count), options);
    to.scales[first / to.group * to.rows + index] = scale;
    for (std::size_t col = first; col < first + count; ++col) {
      const double code = code_of(row[col], scale, options);
      to.codes[index * to.cols + col] = static_cast<std::int8_t>(code);
      spread(col, row[col] - code * scale);
    }
  }
}

/// H = M M^T of an upper M, in place of H's upper triangle.
void factor_upper(std::vector<double>& h, std::size_t n) {
  for (std::size_t j = n; j-- > 0;) {
    double* const row_j = h.data() + j * n;
    for (std::size_t k = j + 1; k < n; ++k) row_j[j] -= row_j[k] * row_j[k];
    require(row_j[j] > 0.0 && std::isfinite(row_j[j]), "gptq", "the Hessian of {} inputs is not positive definite", n);
    row_j[j] = std::sqrt(row_j[j]);
    for (std::size_t i = 0; i < j; ++i) {
      double* const row_i = h.data() + i * n;
      double sum = row_i[j];
      for (std::size_t k = j + 1; k < n; ++k) sum -= row_i[k] * row_j[k];
      row_i[j] = sum / row_j[j];
    }
  }
}

}  // namespace

void LinearHessian::add(std::span<const float> x) {
  require(inputs_ > 0 && x.size() % inputs_ == 0, "gptq", "{} values are not a whole number of rows of {} inputs",
          x.size(), inputs_);
  for (const float v : x) require(std::isfinite(v), "gptq", "an input is {}, expected a finite number", v);
  const std::size_t rows = x.size() / inputs_;
  for (std::size_t i = 0; i < inputs_; ++i) {
    double* const sum = sum_.data() + i * inputs_;
    for (std::size_t r = 0; r < rows; ++r) {
      const float* const row = x.data() + r * inputs_;
      const double factor = row[i];
      for (std::size_t j = i; j < inputs_; ++j) sum[j] += factor * row[j];
    }
  }
  count_ += rows;
}

std::vector<double> LinearHessian::matrix() const {
  std::vector<double> out(sum_.size());
  const double factor = count_ > 0 ? 2.0 / static_cast<double>(count_) : 0.0;
  for (std::size_t i = 0; i < inputs_; ++i) {
    for (std::size_t j = i; j < inputs_; ++j) {
      out[i * inputs_ + j] = out[j * inputs_ + i] = factor * sum_[i * inputs_ + j];
    }
  }
  return out;
}

std::vector<double> inverse_factor(std::span<const double> hessian, std::size_t n) {
  require(hessian.size() == n * n, "gptq", "the Hessian has {} entries, expected {} x {}", hessian.size(), n, n);
  std::vector<double> m(hessian.begin(), hessian.end());
  factor_upper(m, n);
  std::vector<double> u(n * n, 0.0);  // H^-1 = M^-T M^-1
  for (std::size_t i = n; i-- > 0;) {
    double* const row = u.data() + i * n;
    row[i] = 1.0;
    for (std::size_t k = i + 1; k < n; ++k) {
      const double factor = m[i * n + k];
      for (std::size_t j = k; j < n; ++j) row[j] -= factor * u[k * n + j];
    }
    for (std::size_t j = i; j < n; ++j) row[j] /= m[i * n + i];
  }
  return u;
}

GroupedCodes round_to_nearest(std::span<const double> weight, std::size_t cols, const GptqOptions& options) {
  GroupedCodes to = grouped(weight, cols, options);
  std::vector<double> w(weight.begin(), weight.end());
  const double whole = options.one_scale ? scale_of(w, options) : 0.0;
  for (std::size_t r = 0; r < to.rows; ++r) {
    round_row(std::span(w).subspan(r * cols, cols), r, options, whole, to, [](std::size_t, double) {});
  }
  return to;
}

GroupedCodes gptq(std::span<const double> weight, std::span<const double> hessian, std::size_t cols,
                  const GptqOptions& options) {
  GroupedCodes to = grouped(weight, cols, options);
  require(hessian.size() == cols * cols, "gptq", "the Hessian has {} entries, expected {} x {}", hessian.size(), cols,
          cols);
  std::vector<double> w(weight.begin(), weight.end());
  std::vector<double> h(hessian.begin(), hessian.end());
  double mean = 0.0;
  for (std::size_t c = 0; c < cols; ++c) {
    if (h[c * cols + c] == 0.0) {
      h[c * cols + c] = 1.0;
      for (std::size_t r = 0; r < to.rows; ++r) w[r * cols + c] = 0.0;
    }
    mean += h[c * cols + c] / static_cast<double>(cols);
  }
  for (std::size_t c = 0; c < cols; ++c) h[c * cols + c] += options.damping * mean;
  const std::vector<double> u = inverse_factor(h, cols);
  const double whole = options.one_scale ? scale_of(w, options) : 0.0;
  for (std::size_t r = 0; r < to.rows; ++r) {
    const std::span<double> row = std::span(w).subspan(r * cols, cols);
    round_row(row, r, options, whole, to, [&](std::size_t col, double error) {
      const double* const factors = u.data() + col * cols;
      const double share = error / factors[col];
      for (std::size_t j = col; j < cols; ++j) row[j] -= share * factors[j];
    });
  }
  return to;
}

TwoLevelCodes two_levels(const GroupedCodes& weight) {
  TwoLevelCodes out{std::vector<double>(weight.rows), std::vector<std::int8_t>(weight.codes.size())};
  for (std::size_t r = 0; r < weight.rows; ++r) {
    double most = 0.0;
    for (std::size_t c = 0; c < weight.cols; ++c) most = std::max(most, std::fabs(weight.value(r, c)));
    const double row_scale = most > 0.0 ? most / 127.0 : 1.0;
    out.row_scales[r] = row_scale;
    for (std::size_t c = 0; c < weight.cols; ++c) {
      const double code = std::nearbyint(weight.codes[r * weight.cols + c] * (weight.scale(r, c) / row_scale));
      out.codes8[r * weight.cols + c] = static_cast<std::int8_t>(std::clamp(code, -127.0, 127.0));
    }
  }
  return out;
}

}  // namespace bitstate
