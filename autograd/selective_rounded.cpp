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

RoundedScan::Input RoundedScan::input(std::size_t channel, float delta, float u) {
  const float v = delta * u;
  largest_input_[channel] = std::max(largest_input_[channel], std::fabs(v));
  if (input_scale_.empty() || !std::isfinite(v)) return {v, true};
  const float code = code_of(v, input_scale_[channel]);
  const float clamped = std::clamp(code, -input_bound_, input_bound_);
  return {clamped * input_scale_[channel], code == clamped};
}

bool RoundedScan::advance(std::size_t channel, float decay, float input, float& h, float& residue) {
  const float carried = rounding_ == QuantSpec::Rounding::decayed ? decay * residue : residue;
  const float z = decay * h + input + carried;
  largest_state_[channel] = std::max(largest_state_[channel], std::fabs(z));
  h = z;
  if (state_scale_.empty() || !std::isfinite(z)) return true;  // the caller finds what is not finite
  const float scale = state_scale_[channel];
  const float code = code_of(z, scale);
  const float clamped = std::clamp(code, -state_bound_, state_bound_);
  const bool passes = code == clamped;
  h = clamped * scale;
  residue = rounding_ != QuantSpec::Rounding::nearest && passes ? z - h : 0.0F;
  return passes;
}

bool RoundedScan::run(const kernels::SelectiveInputs& in, std::size_t chunk, float* y, float* starts) {
  const std::size_t all = shape.channels * shape.states;
  const kernels::ScanShape order{in.length, 0, shape.direction};
  std::vector<float> kept(2 * all, 0.0F), decays(shape.rates());
  bool finite = true;
  for (std::size_t i = 0; i < in.length; ++i) {
    if (starts != nullptr && i % chunk == 0) starts = std::copy(kept.begin(), kept.end(), starts);
    const std::size_t row = order.row_of(i);
    for (std::size_t e = 0; e < shape.channels; ++e) {
      const std::size_t head = e * shape.heads / shape.channels;
      const float delta = in.delta[row * shape.heads + head];
      const float* const a = in.a + head * shape.rates();
      for (std::size_t n = 0; n < shape.rates(); ++n) decays[n] = kernels::exp(delta * a[n]);
      const float v = input(e, delta, in.u[row * shape.channels + e]).v;
      const std::size_t shared = (row * shape.groups + e * shape.groups / shape.channels) * shape.states;
      float* const h = &kept[e * shape.states];
      float sum = 0.0F;
      for (std::size_t n = 0; n < shape.states; ++n) {
        advance(e, decays[shape.rate_per_state ? n : 0], v * in.b[shared + n], h[n], h[all + n]);
        sum += h[n] * in.c[shared + n];
      }
      y[row * shape.channels + e] = sum;
      finite = finite && std::isfinite(sum);
    }
  }
  return finite;
}

void RoundedShadows::begin(const kernels::SelectivePart& part, float* input, float* passes) {
  const kernels::SelectiveShape& shape = scan_.shape;
  part_ = part;
  for (std::size_t i = 0; i < part.steps; ++i) {
    const std::size_t row = order_.row_of(part.first_step + i);
    for (std::size_t l = 0; l < part.channels; ++l) {
      const std::size_t channel = part.first_channel + l;
      const std::size_t at = i * kernels::selective_lanes + l;
      delta_[at] = in_.delta[row * shape.heads + channel * shape.heads / shape.channels];
      const RoundedScan::Input v = scan_.input(channel, delta_[at], in_.u[row * shape.channels + channel]);
      v_[at] = input[at] = v.v;
      passes[at] = v.passes ? 1.0F : 0.0F;
    }
  }
}

void RoundedShadows::fill(std::size_t n, const kernels::SelectiveArrays& out) {
  constexpr std::size_t lanes = kernels::selective_lanes;
  const kernels::SelectiveShape& shape = scan_.shape;
  const std::size_t group = part_.first_channel * shape.groups / shape.channels;
  const float* const starts = starts_ + part_.first_step / chunk_ * 2 * shape.channels * shape.states;
  for (std::size_t l = 0; l < part_.channels; ++l) {
    const std::size_t channel = part_.first_channel + l;
    const std::size_t head = channel * shape.heads / shape.channels;
    const float a = in_.a[head * shape.rates() + (shape.rate_per_state ? n : 0)];
    float h = starts[channel * shape.states + n];
    float residue = starts[(shape.channels + channel) * shape.states + n];
    out.states[l] = h;
    for (std::size_t i = 0; i < part_.steps; ++i) {
      const std::size_t at = i * lanes + l;
      const float b = in_.b[(order_.row_of(part_.first_step + i) * shape.groups + group) * shape.states + n];
      out.decays[at] = kernels::exp(delta_[at] * a);
      out.passes[at] = scan_.advance(channel, out.decays[at], v_[at] * b, h, residue) ? 1.0F : 0.0F;
      out.states[lanes + at] = h;
    }
  }
}

}  // namespace bitstate::selective
