#include "experiments/posttraining/evolve/losses.h"

#include "core/error.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace bitstate {
namespace {

std::size_t count_rows(std::span<const double> q, std::span<const double> k, std::size_t cols) {
  require(cols > 0 && !q.empty() && q.size() == k.size() && q.size() % cols == 0, "loss",
          "expected two arrays of as many rows of {} numbers, got {} and {} numbers", cols, q.size(), k.size());
  return q.size() / cols;
}

double dot(const double* a, const double* b, std::size_t n) { return std::inner_product(a, a + n, b, 0.0); }

double length_of(const double* row, std::size_t cols) { return std::max(std::sqrt(dot(row, row, cols)), 1e-12); }

std::vector<double> unit_rows(std::span<const double> rows, std::size_t cols, bool normalise) {
  std::vector<double> all(rows.begin(), rows.end());
  for (std::size_t first = 0; normalise && first < all.size(); first += cols) {
    const double length = length_of(&all[first], cols);
    for (std::size_t c = 0; c < cols; ++c) all[first + c] /= length;
  }
  return all;
}

/// log sum exp of a row, which becomes its softmax.
double softmax(std::span<double> row) {
  const double largest = *std::max_element(row.begin(), row.end());
  double sum = 0.0;
  for (double& x : row) sum += x = std::exp(x - largest);
  for (double& x : row) x /= sum;
  return largest + std::log(sum);
}

}  // namespace

double info_nce(std::span<const double> q, std::span<const double> k, std::size_t cols, const InfoNce& options,
                std::span<double> gradient) {
  const std::size_t rows = count_rows(q, k, cols);
  require(gradient.empty() || gradient.size() == q.size(), "loss", "the gradient has {} numbers, expected {}",
          gradient.size(), q.size());
  const std::vector<double> a = unit_rows(q, cols, options.normalise), b = unit_rows(k, cols, options.normalise);
  const double factor = options.factor ? 2.0 * options.temperature : 1.0;
  const double slope = factor / (options.temperature * static_cast<double>(rows));
  std::vector<double> likeness(rows), da(cols);
  double sum = 0.0;
  for (std::size_t i = 0; i < rows; ++i) {
    const double* const own = &a[i * cols];
    for (std::size_t j = 0; j < rows; ++j) likeness[j] = dot(own, &b[j * cols], cols) / options.temperature;
    const double to_own = likeness[i];
    sum += softmax(likeness) - to_own;
    if (gradient.empty()) continue;
    std::fill(da.begin(), da.end(), 0.0);
    for (std::size_t j = 0; j < rows; ++j) {
      const double weight = slope * (likeness[j] - (i == j ? 1.0 : 0.0));
      for (std::size_t c = 0; c < cols; ++c) da[c] += weight * b[j * cols + c];
    }
    const double length = options.normalise ? length_of(&q[i * cols], cols) : 1.0;
    const double along = options.normalise ? dot(own, da.data(), cols) : 0.0;
    for (std::size_t c = 0; c < cols; ++c) gradient[i * cols + c] = (da[c] - own[c] * along) / length;
  }
  return factor * sum / static_cast<double>(rows);
}

double mean_squared_error(std::span<const double> q, std::span<const double> k) {
  (void)count_rows(q, k, 1);
  double sum = 0.0;
  for (std::size_t i = 0; i < q.size(); ++i) sum += (q[i] - k[i]) * (q[i] - k[i]);
  return sum / static_cast<double>(q.size());
}

double kl_divergence(std::span<const double> q, std::span<const double> k, std::size_t cols) {
  const std::size_t rows = count_rows(q, k, cols);
  double sum = 0.0;
  for (std::size_t i = 0; i < rows; ++i) {
    const auto of_q = q.subspan(i * cols, cols), of_k = k.subspan(i * cols, cols);
    std::vector<double> p(of_q.begin(), of_q.end()), target(of_k.begin(), of_k.end());
    const double log_q = softmax(p), log_k = softmax(target);
    for (std::size_t c = 0; c < cols; ++c) sum += target[c] * ((of_k[c] - log_k) - (of_q[c] - log_q));
  }
  return sum / static_cast<double>(rows);
}

}  // namespace bitstate
