// The kernels at the sizes of sMNIST (L = 784, H = 96, P = 64), one thread. Each line: name, time of one call, GFLOP/s,
// GB/s, and the ratio to the limit it should come near, measured in the same run: the matrix product at 512 for
// products, a copy of as many bytes for the rest.
#include "autograd/kernels/gemm.h"
#include "autograd/kernels/scan.h"
#include "core/grid.h"
#include "core/kernels/quantize.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

namespace {

using namespace bitstate;
using Clock = std::chrono::steady_clock;

constexpr std::size_t length = 784;
constexpr std::size_t features = 96;
constexpr std::size_t states = 64;

/// Fastest of many calls within a quarter of a second.
double seconds_of(const std::function<void()>& call) {
  call();
  double best = 1e30;
  const auto start = Clock::now();
  do {
    const auto before = Clock::now();
    call();
    best = std::min(best, std::chrono::duration<double>(Clock::now() - before).count());
  } while (Clock::now() - start < std::chrono::milliseconds(250));
  return best;
}

struct Limits {
  double flops;  // per second, of the 512 x 512 x 512 product
  double bytes;  // per second, read and written, of a copy that stays in the second-level cache
};

Limits measure_limits() {
  constexpr std::size_t n = 512;
  std::vector<float> a(n * n, 0.5F), b(n * n, 0.25F), c(n * n);
  const double product = seconds_of([&] { kernels::multiply_nt(n, n, n, a.data(), b.data(), c.data()); });
  const std::size_t count = length * features;
  const double copy = seconds_of([&] { std::copy_n(a.data(), count, c.data()); });
  return {2.0 * n * n * n / product, 2.0 * static_cast<double>(count * sizeof(float)) / copy};
}

void row(const std::string& name, double seconds, double flops, double bytes, double ratio) {
  fmt::print("{:<34} {:>9.1f} us {:>8.1f} GFLOP/s {:>8.1f} GB/s {:>6.2f}\n", name, seconds * 1e6, flops / seconds / 1e9,
             bytes / seconds / 1e9, ratio);
}

void products(const Limits& limits) {
  const std::size_t wide = 2 * states;
  std::vector<float> x(length * features, 0.5F), w(wide * features, 0.25F), y(length * wide), dw(wide * features);
  const double flops = 2.0 * length * features * static_cast<double>(wide);
  const auto measure = [&](const char* name, const std::function<void()>& call) {
    const double s = seconds_of(call);
    row(name, s, flops, 0.0, flops / s / limits.flops);
  };
  measure("product x W^T (B u)", [&] { kernels::multiply_nt(length, wide, features, x.data(), w.data(), y.data()); });
  measure("product g W (its input gradient)",
          [&] { kernels::multiply_nn_add(length, wide, features, y.data(), w.data(), x.data()); });
  measure("product g^T x (weight gradient)",
          [&] { kernels::multiply_tn_add(length, wide, features, y.data(), x.data(), dw.data()); });
}

void scans(const Limits& limits) {
  const std::size_t wide = 2 * states;
  const std::size_t count = length * wide;
  std::vector<float> lambda(wide), b(count, 0.1F), x(count), g(count, 0.1F), db(count), dl(wide), scratch(wide);
  for (std::size_t p = 0; p < states; ++p) {
    const double angle = 0.04 * static_cast<double>(p);
    lambda[p] = static_cast<float>(0.99 * std::cos(angle));
    lambda[states + p] = static_cast<float>(-0.99 * std::sin(angle));
  }
  const kernels::ScanShape shape{length, states, kernels::Direction::forward};
  const auto measure = [&](const char* name, double flops, double bytes, const std::function<void()>& call) {
    const double s = seconds_of(call);
    row(name, s, flops, bytes, bytes / s / limits.bytes);
  };
  const double bytes = static_cast<double>(count * sizeof(float));
  measure("scan", 8.0 * length * states, 2.0 * bytes, [&] { kernels::scan(shape, lambda.data(), b.data(), x.data()); });
  measure("scan, adjoint", 16.0 * length * states, 4.0 * bytes, [&] {
    kernels::scan_adjoint(shape, lambda.data(), x.data(), nullptr, {g.data(), db.data(), dl.data(), scratch.data()});
  });
  std::vector<std::int32_t> codes(wide), inputs(count, 900), out(count);
  std::vector<std::uint8_t> unclamped(count);
  std::vector<float> scale(wide, 1e-3F), inner(wide, 1e-5F), observed(wide);
  for (std::size_t c = 0; c < wide; ++c) codes[c] = static_cast<std::int32_t>(std::lround(127.0 * double{lambda[c]}));
  const FixedPoint factor = to_fixed_point(1.0 / 127.0, "bench");
  const kernels::IntegerScan plan{std::vector(wide, factor),      1 << 22, factor,
                                  to_fixed_point(127.0, "bench"), -1,      inner.data()};
  measure("scan, 8-bit lambda, 16-bit state", 8.0 * length * states, 2.25 * bytes, [&] {
    kernels::scan_integer(shape, codes.data(), plan,
                          {scale.data(), 32767, observed.data(), QuantSpec::Rounding::nearest}, inputs.data(),
                          {out.data(), unclamped.data()});
  });
}

void quantizers(const Limits& limits) {
  using Layout = kernels::ScaleLayout;
  const std::size_t count = length * features;
  std::vector<float> x(count, 0.3F), shadow(count);
  std::vector<std::int32_t> wide(count, 12345), codes(count);
  std::vector<std::uint8_t> unclamped(count);
  const Grid grid{0.01F, -127, 127};
  const kernels::QuantizedOutput out{codes.data(), shadow.data(), unclamped.data()};
  float largest = 0.0F;
  const auto measure = [&](const char* name, double bytes_each, const std::function<void()>& call) {
    const double bytes = bytes_each * static_cast<double>(count);
    const double s = seconds_of(call);
    row(name, s, 0.0, bytes, bytes / s / limits.bytes);
  };
  measure("largest magnitude", 4.0, [&] {
    kernels::absolute_maximum(length, features, Layout::per_tensor, x.data(), {&largest, 1});
  });
  measure("quantize floats", 13.0, [&] {
    kernels::quantize(length, features, x.data(), {Layout::per_tensor, {&grid, 1}}, out);
  });
  const FixedPoint factor = to_fixed_point(0.0123, "bench");
  measure("requantize codes", 13.0, [&] {
    kernels::requantize(length, features, {&factor, 1}, wide.data(), {&grid, 1}, out);
  });
}

}  // namespace

int main() {
  const Limits limits = measure_limits();
  fmt::print("limits: {:.1f} GFLOP/s (512^3 product), {:.1f} GB/s (copy in cache)\n", limits.flops / 1e9,
             limits.bytes / 1e9);
  fmt::print("{:<34} {:>12} {:>16} {:>13} {:>6}\n", "kernel", "time", "arithmetic", "memory", "ratio");
  products(limits);
  scans(limits);
  quantizers(limits);
}
