#include "autograd/kernels/chunked_scan.h"

#include "autograd/kernels/gemm.h"
#include "autograd/kernels/math.h"

#include <algorithm>
#include <cmath>

namespace bitstate::kernels {
namespace {

float dot(const float* a, const float* b, std::size_t count) {
  float sum = 0.0F;
#pragma omp simd reduction(+ : sum)
  for (std::size_t i = 0; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

void scale(float* x, float factor, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) x[i] *= factor;
}

void add(const float* x, float* to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) to[i] += x[i];
}

/// A product of decays; what nothing is left of becomes 0, before it is slow to compute with.
float shrink(float product, float decay) {
  const float next = product * decay;
  return next < 1e-30F ? 0.0F : next;
}

}  // namespace

/// Steps in the order of the recurrence.
struct ChunkedScan::Chunk {
  ScanShape order;
  std::size_t first;
  std::size_t steps;

  [[nodiscard]] std::size_t row(std::size_t i) const { return order.row_of(first + i); }
};

struct ChunkedScan::Head {
  std::size_t index;
  std::size_t channel;  // the first
  float rate;
};

bool ChunkedScan::suits(const SelectiveShape& shape, std::size_t length) {
  return !shape.rate_per_state && length >= 16 && shape.states >= 16 && shape.channels / shape.heads >= 16;
}

ChunkedScan::ChunkedScan(const SelectiveShape& shape, std::size_t chunk)
    : shape_(shape), chunk_(chunk), width_(shape.channels / shape.heads) {
  states_.resize(shape.channels * shape.states);
  for (auto* array : {&b_, &c_}) array->resize(chunk * shape.states);
  for (auto* array : {&u_, &input_, &y_}) array->resize(chunk * width_);
  for (auto* array : {&delta_, &decay_, &from_start_}) array->resize(chunk);
  for (auto* array : {&scores_, &decays_, &mixed_}) array->resize(chunk * chunk);
}

std::size_t ChunkedScan::kept(std::size_t length) const { return (length + chunk_ - 1) / chunk_ * states_.size(); }

template <class F>
void ChunkedScan::for_each_head(const SelectiveInputs& in, const Chunk& chunk, F f) {
  const std::size_t of_group = shape_.heads / shape_.groups;
  for (std::size_t head = 0; head < shape_.heads; ++head) {
    if (head % of_group == 0) load_group(in, chunk, head / of_group);
    const Head at{head, head * width_, in.a[head]};
    load_head(in, chunk, at);
    f(at);
  }
}

/// `width` columns of the chunk's rows of an array.
void ChunkedScan::load(const Chunk& chunk, const float* from, std::size_t first, std::size_t width, std::size_t cols,
                       std::vector<float>& to) const {
  for (std::size_t i = 0; i < chunk.steps; ++i) {
    std::copy_n(from + chunk.row(i) * cols + first, width, to.data() + i * width);
  }
}

void ChunkedScan::load_group(const SelectiveInputs& in, const Chunk& chunk, std::size_t group) {
  const std::size_t n = shape_.states;
  load(chunk, in.b, group * n, n, shape_.groups * n, b_);
  load(chunk, in.c, group * n, n, shape_.groups * n, c_);
  multiply_nt(chunk.steps, chunk.steps, n, c_.data(), b_.data(), scores_.data());
}

/// What comes into the head, its decays, and how its steps mix.
void ChunkedScan::load_head(const SelectiveInputs& in, const Chunk& chunk, const Head& head) {
  const std::size_t steps = chunk.steps;
  load(chunk, in.u, head.channel, width_, shape_.channels, u_);
  for (std::size_t i = 0; i < steps; ++i) {
    delta_[i] = in.delta[chunk.row(i) * shape_.heads + head.index];
    decay_[i] = exp(delta_[i] * head.rate);
    from_start_[i] = i == 0 ? decay_[0] : shrink(from_start_[i - 1], decay_[i]);
    for (std::size_t p = 0; p < width_; ++p) input_[i * width_ + p] = delta_[i] * u_[i * width_ + p];
    float* const l = decays_.data() + i * steps;
    for (std::size_t j = 0; j < i; ++j) l[j] = shrink((l - steps)[j], decay_[i]);
    l[i] = 1.0F;
    std::fill(l + i + 1, l + steps, 0.0F);
  }
  for (std::size_t k = 0; k < steps * steps; ++k) mixed_[k] = scores_[k] * decays_[k];
}

bool ChunkedScan::forward(const SelectiveInputs& in, float* y, float* final, float* starts) {
  if (in.h0 != nullptr) {
    std::copy_n(in.h0, states_.size(), states_.begin());
  } else {
    std::fill(states_.begin(), states_.end(), 0.0F);
  }
  const ScanShape order{in.length, 0, shape_.direction};
  for (std::size_t first = 0; first < in.length; first += chunk_) {
    if (starts != nullptr) std::copy(states_.begin(), states_.end(), starts + first / chunk_ * states_.size());
    const Chunk chunk{order, first, std::min(chunk_, in.length - first)};
    for_each_head(in, chunk, [&](const Head& head) { advance(chunk, head, y); });
  }
  std::copy(states_.begin(), states_.end(), final);
  return std::all_of(states_.begin(), states_.end(), [](float h) { return std::isfinite(h); });
}

/// Writes y of the chunk and takes the states behind it.
void ChunkedScan::advance(const Chunk& chunk, const Head& head, float* y) {
  const std::size_t steps = chunk.steps;
  const std::size_t n = shape_.states;
  float* const h = states_.data() + head.channel * n;
  multiply_nt(steps, width_, n, c_.data(), h, y_.data());
  for (std::size_t i = 0; i < steps; ++i) scale(y_.data() + i * width_, from_start_[i], width_);
  multiply_nn_add(steps, steps, width_, mixed_.data(), input_.data(), y_.data());
  for (std::size_t i = 0; i < steps; ++i) {
    std::copy_n(y_.data() + i * width_, width_, y + chunk.row(i) * shape_.channels + head.channel);
  }
  const float* const to_end = decays_.data() + (steps - 1) * steps;
  for (std::size_t i = 0; i < steps; ++i) scale(input_.data() + i * width_, to_end[i], width_);
  scale(h, from_start_[steps - 1], width_ * n);
  multiply_tn_add(steps, width_, n, input_.data(), b_.data(), h);
}

void ChunkedScan::backward(const SelectiveInputs& in, const float* starts, const float* dy, const float* dfinal,
                           const SelectiveGradients& gradients) {
  dstates_.assign(states_.size(), 0.0F);
  if (dfinal != nullptr) std::copy_n(dfinal, dstates_.size(), dstates_.begin());
  for (auto* array : {&db_, &dc_}) array->resize(b_.size());
  for (auto* array : {&dy_, &dinput_}) array->resize(u_.size());
  for (auto* array : {&dscores_, &dmixed_}) array->resize(scores_.size());
  ddecay_.resize(chunk_);
  const std::size_t of_group = shape_.heads / shape_.groups;
  const ScanShape order{in.length, 0, shape_.direction};
  for (std::size_t number = (in.length + chunk_ - 1) / chunk_; number-- > 0;) {
    const std::size_t first = number * chunk_;
    const Chunk chunk{order, first, std::min(chunk_, in.length - first)};
    for_each_head(in, chunk, [&](const Head& head) {
      if (head.index % of_group == 0) {
        for (auto* sums : {&db_, &dc_, &dscores_}) std::fill(sums->begin(), sums->end(), 0.0F);
      }
      take_back(chunk, head, starts + number * states_.size() + head.channel * shape_.states, dy, gradients);
      if ((head.index + 1) % of_group == 0) add_shared(chunk, head.index / of_group, gradients);
    });
  }
  if (gradients.h0 != nullptr) add(dstates_.data(), gradients.h0, dstates_.size());
}

/// The gradients of a head in a chunk, given those of the states behind it, which become those of the states `before`.
void ChunkedScan::take_back(const Chunk& chunk, const Head& head, const float* before, const float* dy,
                            const SelectiveGradients& gradients) {
  const std::size_t steps = chunk.steps;
  const std::size_t n = shape_.states;
  float* const dh = dstates_.data() + head.channel * n;
  const float* const to_end = decays_.data() + (steps - 1) * steps;
  load(chunk, dy, head.channel, width_, shape_.channels, dy_);
  multiply_nt(steps, width_, n, c_.data(), before, y_.data());
  multiply_nt(steps, width_, n, b_.data(), dh, dinput_.data());
  for (std::size_t i = 0; i < steps; ++i) {
    scale(y_.data() + i * width_, from_start_[i], width_);
    scale(dinput_.data() + i * width_, to_end[i], width_);
  }
  multiply_nt(steps, steps, width_, dy_.data(), input_.data(), dmixed_.data());
  add_decays(chunk, head, before);
  multiply_tn_add(steps, steps, width_, mixed_.data(), dy_.data(), dinput_.data());
  for (std::size_t i = 0; i < steps; ++i) {
    const std::size_t t = chunk.row(i);
    const float* const flow = dinput_.data() + i * width_;
    gradients.delta[t * shape_.heads + head.index] +=
        dot(flow, u_.data() + i * width_, width_) + head.rate * ddecay_[i];
    gradients.a[head.index] += delta_[i] * ddecay_[i];
    float* const du = gradients.u + t * shape_.channels + head.channel;
    for (std::size_t p = 0; p < width_; ++p) du[p] += delta_[i] * flow[p];
    scale(input_.data() + i * width_, to_end[i], width_);
    scale(dy_.data() + i * width_, from_start_[i], width_);
  }
  multiply_nn_add(steps, width_, n, input_.data(), dh, db_.data());
  multiply_nn_add(steps, width_, n, dy_.data(), before, dc_.data());
  scale(dh, from_start_[steps - 1], width_ * n);
  multiply_tn_add(steps, width_, n, dy_.data(), c_.data(), dh);
}

/// The gradients of delta A: of step k they are those of all products that have its decay, L_ij for j < k <= i, e_i for
/// i >= k, the way to the end for j < k, and all the way. Adds the head's part to the gradients of the scores.
void ChunkedScan::add_decays(const Chunk& chunk, const Head& head, const float* before) {
  const std::size_t steps = chunk.steps;
  const std::size_t n = shape_.states;
  for (std::size_t k = 0; k < steps * steps; ++k) dscores_[k] += dmixed_[k] * decays_[k];
  const float all = from_start_[steps - 1] * dot(dstates_.data() + head.channel * n, before, width_ * n);
  std::fill_n(ddecay_.begin(), steps, all);
  for (std::size_t i = 0; i < steps; ++i) {
    const float* const product = mixed_.data() + i * steps;
    const float* const slope = dmixed_.data() + i * steps;
    float earlier = dot(dy_.data() + i * width_, y_.data() + i * width_, width_);
    ddecay_[0] += earlier;
    for (std::size_t k = 1; k <= i; ++k) {
      earlier += slope[k - 1] * product[k - 1];
      ddecay_[k] += earlier;
    }
  }
  float to_end = 0.0F;
  for (std::size_t k = 1; k < steps; ++k) {
    const std::size_t at = (k - 1) * width_;
    to_end += dot(input_.data() + at, dinput_.data() + at, width_);
    ddecay_[k] += to_end;
  }
}

/// Adds what all heads of a group have given to B and C.
void ChunkedScan::add_shared(const Chunk& chunk, std::size_t group, const SelectiveGradients& gradients) {
  const std::size_t steps = chunk.steps;
  const std::size_t n = shape_.states;
  multiply_nn_add(steps, steps, n, dscores_.data(), b_.data(), dc_.data());
  multiply_tn_add(steps, steps, n, dscores_.data(), c_.data(), db_.data());
  for (std::size_t i = 0; i < steps; ++i) {
    const std::size_t at = (chunk.row(i) * shape_.groups + group) * n;
    add(db_.data() + i * n, gradients.b + at, n);
    add(dc_.data() + i * n, gradients.c + at, n);
  }
}

}  // namespace bitstate::kernels
