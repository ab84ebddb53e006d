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

/// The code of x before it is clamped; an infinity or a NaN stays what it is.
float code_of(float x, float scale) { return std::floor(x * (1.0F / scale) + 0.5F); }

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

RoundedScan::Input RoundedScan::step(const kernels::SelectiveInputs& in, std::size_t channel, std::size_t row, float* h,
                                     float* residue, float* decays, float* passes) {
  const std::size_t head = channel * shape.heads / shape.channels;
  const std::size_t group = channel * shape.groups / shape.channels;
  const float delta = in.delta[row * shape.heads + head];
  float v = delta * in.u[row * shape.channels + channel];
  largest_input_[channel] = std::max(largest_input_[channel], std::fabs(v));
  bool passes_input = true;
  if (!input_scale_.empty() && std::isfinite(v)) {
    const float code = code_of(v, input_scale_[channel]);
    const float clamped = std::clamp(code, -input_bound_, input_bound_);
    passes_input = code == clamped;
    v = clamped * input_scale_[channel];
  }
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
    if (state_scale_.empty() || !std::isfinite(z)) continue;  // the caller finds what is not finite
    const float scale = state_scale_[channel];
    const float code = code_of(z, scale);
    const float clamped = std::clamp(code, -state_bound_, state_bound_);
    const bool unclamped = code == clamped;
    h[n] = clamped * scale;
    passes[n] = unclamped ? 1.0F : 0.0F;
    residue[n] = rounding_ != QuantSpec::Rounding::nearest && unclamped ? z - h[n] : 0.0F;
  }
  return {v, passes_input};
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

void RoundedShadows::fill(const kernels::SelectivePart& part, const kernels::SelectiveArrays& out) {
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
    for (std::size_t n = 0; n < states; ++n) out.before[lanes * n + l] = h[n];
    for (std::size_t i = 0; i < part.steps; ++i) {
      const RoundedScan::Input input = scan_.step(in_, channel, order.row_of(part.first_step + i), h.data(),
                                                  residue.data(), decay.data(), pass.data());
      out.input[lanes * i + l] = input.v;
      out.input_passes[lanes * i + l] = input.passes ? 1.0F : 0.0F;
      for (std::size_t n = 0; n < shape.rates(); ++n) out.decays[lanes * (i * shape.rates() + n) + l] = decay[n];
      for (std::size_t n = 0; n < states; ++n) {
        out.after[lanes * (i * states + n) + l] = h[n];
        out.passes[lanes * (i * states + n) + l] = pass[n];
      }
    }
  }
}

}  // namespace bitstate::selective
