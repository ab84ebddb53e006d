#include "autograd/kernels/delta.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <tuple>

namespace bitstate::kernels {
namespace {

constexpr std::int32_t one = 1 << 15;
constexpr std::int64_t disk = std::int64_t{1} << 30;  // of the square of a modulus
constexpr int largest_shift = 15;

struct Candidate {
  double distance;  // its square, in units of 2^-30
  int turn;         // alpha = i^turn
  std::int32_t im, re;
  bool operator<(const Candidate& other) const {
    return std::tie(distance, turn, im, re) < std::tie(other.distance, other.turn, other.im, other.re);
  }
};

/// i^turn z
template <class T>
std::array<T, 2> turned(std::array<T, 2> z, int turn) {
  for (int i = 0; i < turn; ++i) z = {-z[1], z[0]};
  return z;
}

/// The largest r with r^2 + im^2 < 2^30.
std::int32_t half_chord(std::int32_t im) {
  const std::int64_t square = disk - 1 - std::int64_t{im} * im;
  auto r = static_cast<std::int64_t>(std::sqrt(static_cast<double>(square)));
  while (r * r > square) --r;
  while ((r + 1) * (r + 1) <= square) ++r;
  return static_cast<std::int32_t>(r);
}

}  // namespace

DeltaPoints::DeltaPoints(int bits) {
  const std::int32_t most = (1 << (bits - 1)) - 1;
  for (std::int32_t m = -most; m <= most; ++m) {
    for (int k = 0; k <= largest_shift; ++k) {
      const std::int64_t step = std::int64_t{m} * (std::int64_t{1} << (largest_shift - k));
      if (std::abs(step) < 2 * one) steps_.push_back(static_cast<std::int32_t>(step));  // others leave the disk
    }
  }
  std::sort(steps_.begin(), steps_.end());
  steps_.erase(std::unique(steps_.begin(), steps_.end()), steps_.end());
}

std::array<std::int32_t, 2> DeltaPoints::nearest(std::complex<double> z) const {
  if (std::abs(z) > 1.0) z /= std::abs(z);
  Candidate best{1e300, 0, 0, 0};
  /// The nearest admissible steps of the real part, for one step of the imaginary part; false where all are farther.
  const auto try_im = [&](int turn, double x, double y, std::int32_t im) {
    const double off = static_cast<double>(im) - y;
    if (off * off > best.distance) return false;
    if (std::abs(im) >= one) return true;
    const std::int32_t r = half_chord(im);
    const auto begin = std::lower_bound(steps_.begin(), steps_.end(), -r - one);
    const auto end = std::upper_bound(begin, steps_.end(), r - one);
    const auto above = std::lower_bound(begin, end, x);
    for (auto re = above == begin ? begin : above - 1; re != end && re <= above; ++re) {
      const double along = static_cast<double>(*re) - x;
      best = std::min(best, Candidate{off * off + along * along, turn, im, *re});
    }
    return true;
  };
  for (int turn = 0; turn < 4; ++turn) {
    const auto mu = turned<double>({z.real() * one, z.imag() * one}, (4 - turn) % 4);  // z / alpha
    const double x = mu[0] - one;
    const double y = mu[1];
    const auto middle = std::lower_bound(steps_.begin(), steps_.end(), y);
    for (auto im = middle; im != steps_.end() && try_im(turn, x, y, *im); ++im) {
    }
    for (auto im = middle; im != steps_.begin() && try_im(turn, x, y, *(im - 1)); --im) {
    }
  }
  return turned<std::int32_t>({one + best.re, best.im}, best.turn);
}

const DeltaPoints& delta_points(int bits) {
  static const std::vector<DeltaPoints> all = [] {
    std::vector<DeltaPoints> points;
    for (int b = 2; b <= 16; ++b) points.emplace_back(b);
    return points;
  }();
  return all[static_cast<std::size_t>(bits - 2)];
}

}  // namespace bitstate::kernels
