// The kernels at the sizes of sMNIST (L = 784, H = 96, P = 64), one thread. Each line: name, time of one call, GFLOP/s,
// GB/s, and the ratio to the limit it should come near, measured in the same run: the matrix product at 512 for
// products, a copy of as many bytes for the rest.
#include "autograd/kernels/gemm.h"
#include "autograd/kernels/scan.h"
#include "autograd/tape.h"
#include "core/grid.h"
#include "core/kernels/quantize.h"
#include "core/program/run/operands.h"

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
  std::vector<float> lambda(wide), b(count, 0.1F), x(count), g(count, 0.1F), db(count), dl(wide);
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
  measure("scan, adjoint", 16.0 * length * states, 3.0 * bytes, [&] {
    kernels::ScanAdjoint adjoint(shape, lambda.data(), dl.data());
    for (std::size_t t = length; t-- > 0;) {
      std::copy_n(g.data() + t * wide, wide, db.data() + t * wide);
      adjoint.step(db.data() + t * wide);
      if (t > 0) adjoint.add_lambda(x.data() + (t - 1) * wide);
    }
  });
  Arena arena;
  std::vector<std::int32_t> codes(wide), state(wide);
  std::vector<std::int64_t> residue(wide), largest(wide);
  std::vector<std::int8_t> inputs(count + program::row_multiple, 90);
  std::vector<std::int16_t> out(count + program::row_multiple);
  std::vector<std::uint8_t> unclamped(count / 8);
  for (std::size_t c = 0; c < wide; ++c) codes[c] = static_cast<std::int32_t>(std::lround(128.0 * double{lambda[c]}));
  const FixedPoint factor = to_fixed_point(0.1, "bench");
  program::Recurrence recurrence;
  recurrence.states = states;
  recurrence.shift = 7;
  recurrence.bound = 32767;
  recurrence.limit = std::int64_t{1} << 24;
  recurrence.lambda = program::padded_row(arena, codes);
  recurrence.from_input = program::factors_of(arena, {&factor, 1}, wide);
  measure("scan, 8-bit lambda, 16-bit state", 8.0 * length * states, 0.75 * bytes, [&] {
    Tape::kernels().scan(recurrence, length, {inputs.data(), program::Width::one, wide},
                         {state.data(), residue.data(), unclamped.data(), largest.data()},
                         {out.data(), program::Width::two, wide});
  });
}

void quantizers(const Limits& limits) {
  using Layout = kernels::ScaleLayout;
  const std::size_t count = length * features;
  std::vector<float> x(count, 0.3F);
  std::vector<std::int32_t> wide(count + program::row_multiple, 12345);
  std::vector<std::int8_t> codes(count + program::row_multiple);
  std::vector<std::uint8_t> unclamped(count / 8);
  const Grid grid{0.01F, -127, 127};
  const kernels::QuantizedOutput out{{codes.data(), program::Width::one, features}, unclamped.data()};
  float largest = 0.0F;
  const auto measure = [&](const char* name, double bytes_each, const std::function<void()>& call) {
    const double bytes = bytes_each * static_cast<double>(count);
    const double s = seconds_of(call);
    row(name, s, 0.0, bytes, bytes / s / limits.bytes);
  };
  measure("largest magnitude", 4.0, [&] {
    kernels::absolute_maximum(length, features, Layout::per_tensor, x.data(), {&largest, 1});
  });
  measure("quantize floats", 5.125, [&] {
    kernels::quantize(length, features, x.data(), {Layout::per_tensor, {&grid, 1}}, out);
  });
  Arena arena;
  const FixedPoint factor = to_fixed_point(0.0123, "bench");
  std::vector<std::int32_t> lowest(features + program::row_multiple), highest(lowest);
  program::Rescaling then =
      program::rescaling_of(arena, {{&factor, 1}, {&grid.lo, 1}, {&grid.hi, 1}, -20000, 20000}, features);
  then.watch = {unclamped.data(), lowest.data(), highest.data()};
  measure("rescale codes, watched", 5.125, [&] {
    Tape::kernels().rescale(then, features, length, {wide.data(), program::Width::four, features}, out.codes);
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
