#include "autograd/kernels/math.h"
#include "autograd/selective.h"

#include <algorithm>
#include <cmath>

namespace bitstate::selective {
namespace {

std::vector<float> scales_of(const Quantizer* site, std::size_t channels) {
  std::vector<float> scales;
  if (site == nullptr || !site->spec.active()) return scales;
  for (std::size_t c = 0; c < channels; ++c) scales.push_back(scale_of(*site, channels, c));
  return scales;
}

float rounded_to(float x, float scale, float bound) {
  return std::clamp(std::floor(x / scale + 0.5F), -bound, bound) * scale;
}

}  // namespace

RoundedScan::RoundedScan(const Operands& operands, const kernels::SelectiveShape& shape_)
    : shape(shape_),
      input_scale_(scales_of(operands.input, shape_.channels)),
      state_scale_(scales_of(operands.state, shape_.channels)),
      largest_input_(shape_.channels, 0.0F),
      largest_state_(shape_.channels, 0.0F) {
  if (!input_scale_.empty()) input_bound_ = static_cast<float>(operands.input->spec.bound());
  if (state_scale_.empty()) return;
  state_bound_ = static_cast<float>(operands.state->spec.bound());
  rounding_ = operands.state->spec.rounding;
}

std::size_t RoundedScan::kept(std::size_t rows, std::size_t chunk) const {
  return (rows + chunk - 1) / chunk * 2 * shape.channels * shape.states;
}

void RoundedScan::step(const kernels::SelectiveInputs& in, std::size_t channel, std::size_t row, float* h,
                       float* residue, float* decays, float* passes) {
  const std::size_t head = channel * shape.heads / shape.channels;
  const std::size_t group = channel * shape.groups / shape.channels;
  const float delta = in.delta[row * shape.heads + head];
  float v = delta * in.u[row * shape.channels + channel];
  largest_input_[channel] = std::max(largest_input_[channel], std::fabs(v));
  if (!input_scale_.empty()) v = rounded_to(v, input_scale_[channel], input_bound_);
  const float* const b = in.b + (row * shape.groups + group) * shape.states;
  const float* const a = in.a + head * shape.rates();
  for (std::size_t n = 0; n < shape.rates(); ++n) decays[n] = kernels::exp(delta * a[n]);
  for (std::size_t n = 0; n < shape.states; ++n) {
    const float decay = decays[shape.rate_per_state ? n : 0];
    const float carried = rounding_ == QuantSpec::Rounding::decayed ? decay * residue[n] : residue[n];
    const float z = decay * h[n] + v * b[n] + carried;
    largest_state_[channel] = std::max(largest_state_[channel], std::fabs(z));
    passes[n] = 1.0F;
    h[n] = z;
    if (state_scale_.empty()) continue;
    const float scale = state_scale_[channel];
    h[n] = rounded_to(z, scale, state_bound_);
    const bool unclamped = std::fabs(z) <= (state_bound_ + 0.5F) * scale;
    passes[n] = unclamped ? 1.0F : 0.0F;
    residue[n] = rounding_ != QuantSpec::Rounding::nearest && unclamped ? z - h[n] : 0.0F;
  }
}

bool RoundedScan::run(const kernels::SelectiveInputs& in, std::size_t chunk, float* y, float* starts) {
  const std::size_t all = shape.channels * shape.states;
  const kernels::ScanShape order{in.length, 0, shape.direction};
  std::vector<float> kept(2 * all, 0.0F), decays(shape.states), passes(shape.states);
  bool finite = true;
  for (std::size_t i = 0; i < in.length; ++i) {
    if (starts != nullptr && i % chunk == 0) starts = std::copy(kept.begin(), kept.end(), starts);
    const std::size_t row = order.row_of(i);
    for (std::size_t e = 0; e < shape.channels; ++e) {
      float* const h = &kept[e * shape.states];
      step(in, e, row, h, h + all, decays.data(), passes.data());
      const float* const c = in.c + (row * shape.groups + e * shape.groups / shape.channels) * shape.states;
      float sum = 0.0F;
      for (std::size_t n = 0; n < shape.states; ++n) sum += h[n] * c[n];
      y[row * shape.channels + e] = sum;
      finite = finite && std::isfinite(sum);
    }
  }
  return finite;
}

void RoundedShadows::fill(const kernels::SelectivePart& part, float* before, float* after, float* decays,
                          float* passes) {
  constexpr std::size_t lanes = 16;
  const kernels::SelectiveShape& shape = scan_.shape;
  const std::size_t states = shape.states;
  const std::size_t all = shape.channels * states;
  const kernels::ScanShape order{in_.length, 0, shape.direction};
  std::vector<float> h(states), residue(states), decay(states), pass(states);
  for (std::size_t l = 0; l < part.channels; ++l) {
    const std::size_t channel = part.first_channel + l;
    const float* const start = starts_ + part.first_step / chunk_ * 2 * all + channel * states;
    std::copy_n(start, states, h.begin());
    std::copy_n(start + all, states, residue.begin());
    for (std::size_t n = 0; n < states; ++n) before[lanes * n + l] = h[n];
    for (std::size_t i = 0; i < part.steps; ++i) {
      scan_.step(in_, channel, order.row_of(part.first_step + i), h.data(), residue.data(), decay.data(), pass.data());
      for (std::size_t n = 0; n < shape.rates(); ++n) decays[lanes * (i * shape.rates() + n) + l] = decay[n];
      for (std::size_t n = 0; n < states; ++n) {
        after[lanes * (i * states + n) + l] = h[n];
        passes[lanes * (i * states + n) + l] = pass[n];
      }
    }
  }
}

}  // namespace bitstate::selective
