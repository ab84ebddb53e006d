// The index of all operations: one declaration per op, one file per op (autograd/ops/<name>.cpp with checks, forward on
// floats and on codes, and backward). T is the number of rows: the time steps of all sequences of the pass. Every op
// throws Error when shapes do not fit.
#pragma once

#include "autograd/kernels/scan.h"
#include "autograd/quantizer.h"
#include "autograd/tape.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>

namespace bitstate::ops {

using kernels::Direction;

/// How the continuous system becomes a recurrence: zero-order hold or bilinear (S5, section 2).
enum class Discretization : std::uint8_t { zoh, bilinear };

/// Settings of discretize_*: with clip_eigs lambda is min(Re lambda, -1e-4) + i Im lambda; the step is
/// step_rescale exp(log_step).
struct DiscretizeOptions {
  Discretization method = Discretization::zoh;
  bool clip_eigs = false;
  double step_rescale = 1.0;
};

/// How backward of a product rounds the gradient that flows into it, and once more its operands, before it multiplies
/// them; each with its largest magnitude as range (Q-S5, that is AQT's fully quantized training).
struct GradientRounding {
  int bits = 0;                        ///< 0: nothing is rounded
  const Sequences* samples = nullptr;  ///< of an array of steps: a range for each sequence; null: for each step
  std::size_t x_plane = 0;             ///< Planes::cols of the operand
  std::size_t y_plane = 0;             ///< of the result

  /// If it is switched on: the larger number of bits of the two operands.
  [[nodiscard]] static GradientRounding of(bool on, const Quantizer& x, const Quantizer& weight,
                                           const Sequences* samples = nullptr) {
    return {on ? std::max(x.spec.bits, weight.spec.bits) : 0, samples, x.planes.cols, weight.planes.rows};
  }
};

// Dense and tables
// [T, in], [out, in], [1, out] -> [T, out]
Value linear(Tape&, Value x, Value weight, Value bias = {}, const GradientRounding& = {});
// T ids, [vocabulary, H] -> [T, H]
Value embedding(Tape&, std::span<const std::int32_t> ids, Value table);

// The state-space model
// [1, P] three times -> [1, 2P]
Value discretize_lambda(Tape&, Value re, Value im, Value log_step, const DiscretizeOptions&);
// [1, P] three times, [2P, H] -> [2P, H]
Value discretize_b(Tape&, Value re, Value im, Value log_step, Value b, const DiscretizeOptions&);
// [1, 2P] -> P signs that bring all eigenvalues to the real axis or below it; empty if they are there
[[nodiscard]] std::span<const float> signs_below(Tape&, Value lambda_bar);
// [2P, H] and [H, 2P]: the conjugates of the states with a negative sign; x itself without signs
Value conjugate_rows(Tape&, Value x, std::span<const float> signs);
Value conjugate_columns(Tape&, Value x, std::span<const float> signs);
// [1, 2P] -> [1, 2P] in the form of the site's row; conj_sym: no imaginary part is positive
Value quantize_lambda(Tape&, Value lambda_bar, const Quantizer&, bool conj_sym);
// [2P, H], and [H, 2P] of readout(), in the coordinates of a lambda_bar in form=shear
Value shear_b(Tape&, Value b_bar, Value lambda_bar);
Value shear_readout(Tape&, Value readout, Value lambda_bar);
// [H, 2P] -> k [Re C | -Im C], k = 2 with conj_sym
Value readout(Tape&, Value c, bool conj_sym);
// [1, 2P], [T, 2P] -> [T, 2P]
Value scan(Tape&, Value lambda_bar, Value bu, const Sequences&, Direction, const Quantizer* state = nullptr);
// [1, 2P] in form=shear, [T, 2P] -> [T, 2P], all in its coordinates
Value scan_shear(Tape&, Value lambda_bar, Value bu, const Sequences&, Direction, const Quantizer* state = nullptr);
// [1, 2P], [T, 2P] -> [T, 2P]: Q-S5's associative scan, every operand of its tree rounded
struct ScanTreeOptions {
  Direction direction = Direction::forward;
  const Quantizer& a;               ///< rounds lambda_bar and its powers
  const Quantizer& state;           ///< rounds the second operand of each product
  bool quantize_gradients = false;  ///< they are rounded as their operands
};
Value scan_tree(Tape&, Value lambda_bar, Value bu, const Sequences&, const ScanTreeOptions&);

// Selective state-space models
// [T, E], [E, K], [1, E] -> [T, E]; state [N (K - 1), E]: what comes before each sequence
Value causal_conv(Tape&, Value x, Value weight, Value bias, const Sequences&, Direction = Direction::forward,
                  Value state = {});
// [T, E] -> [N (K - 1), E]: the state with which a convolution of K taps goes on
Value conv_state(Tape&, Value x, std::size_t taps, const Sequences&, Direction = Direction::forward, Value state = {});
/// E channels of H heads; B and C have n columns for each group of heads. Mamba-1: H = E, A_log [H, n]; Mamba-2: A_log
/// [1, H].
struct SelectiveOperands {
  Value u;                           ///< [T, E]
  Value delta;                       ///< [T, H], positive
  Value A_log;                       ///< [H, n] or [1, H]
  Value B, C;                        ///< [T, groups n]
  Value h0{};                        ///< [N E, n]: states before each sequence; none: 0
  const Quantizer* input = nullptr;  ///< of delta u
  const Quantizer* state = nullptr;  ///< of the states, at every step
};
// -> [T, E]
Value selective_scan(Tape&, const SelectiveOperands&, std::size_t groups, const Sequences&,
                     Direction = Direction::forward);
// [T, n] -> [T, n]: H x / sqrt(n), H the Hadamard matrix of n rows (core/kernels/hadamard.h)
Value hadamard(Tape&, Value x);
// of the result of selective_scan: the states after each sequence [N E, n]
Value final_states(Tape&, Value y);

// Elementwise, [T, H] -> [T, H]; gelu, qgelu and silu go back as Pass::act_backward says, all others exactly
Value gelu(Tape&, Value x);          // 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
Value qgelu(Tape&, Value x);         // x clip(x + 2, 0, 4) / 4 (Q-S5)
Value sigmoid(Tape&, Value x);       // 1 / (1 + exp(-x))
Value hard_sigmoid(Tape&, Value x);  // clip(x + 3, 0, 6) / 6
Value silu(Tape&, Value x);          // x / (1 + exp(-x))
Value silu_gate(Tape&, Value x);     // the same function as a gate, a factor of another value: always exact
Value softplus(Tape&, Value x);      // ln(1 + exp(x)), x above 20
Value clip(Tape&, Value x, float low, float high);
struct ClipLimits {
  float low = std::numeric_limits<float>::lowest();
  float high = std::numeric_limits<float>::max();
};
[[nodiscard]] const ClipLimits* clip_limits(const Node& node);  // of a result of clip; else null
Value repeat(Tape&, Value x, std::size_t times);                // [1, H] -> [1, H times]: x_0, x_0, ..., x_1, x_1, ...
Value sum(Tape&, Value a, Value b);                             // a + b; b may be [1, H]
// a * b; b may be [1, H]
Value product(Tape&, Value a, Value b, const GradientRounding& = {});
// mask [N, H], the same for all steps of a sequence
Value tied_dropout(Tape&, Value x, std::span<const float> mask, const Sequences&);

// Normalization over channels (LayerNorm, eps 1e-6) or over all steps of the batch (BatchNorm, eps 1e-5)
// [T, H], [1, H], [1, H] -> [T, H]
Value layer_norm(Tape&, Value x, Value scale, Value bias = {});
// [T, H], [1, H] -> [T, H]: RMSNorm, eps 1e-5, each of the groups of channels by itself
Value rms_norm(Tape&, Value x, Value weight, std::size_t groups = 1);
// [T, H], [1, H], [1, H] or none -> [T, H]: Q-S5's, q(x - mean) q(scale / sqrt(var + eps)) + bias
Value q_layer_norm(Tape&, Value x, Value scale, Value bias, const Quantizer&, const Sequences&,
                   bool quantize_gradients = false);

/// Running statistics of a BatchNorm, read in evaluation; in training the batch's mean and biased variance go to
/// Pass::statistics[offset .. offset + 2H).
struct BatchStatistics {
  std::span<const float> running_mean;
  std::span<const float> running_variance;
  std::size_t offset;
};
Value batch_norm(Tape&, Value x, Value scale, Value bias, const BatchStatistics&);

// From sequences to vectors
Value mean_pool(Tape&, Value x, const Sequences&);  // [T, H] -> [N, H], mean over the true length
Value last(Tape&, Value x, const Sequences&);       // [T, H] -> [N, H], the last true step
Value columns(Tape&, Value x, std::size_t first, std::size_t count);
// rows of a matrix of parameters, or elements of a row of them
Value part(Tape&, Value x, std::size_t first, std::size_t count);
Value concatenate(Tape&, Value a, Value b);  // [T, n], [T, m] -> [T, n + m]
// [2N, H] -> [N, 4H]: x0, x1, x0 - x1, x0 * x1; documents i and N + i are a pair
Value pair_features(Tape&, Value pooled);

// Losses, one per sequence [N, 1]; the mean loss of a batch of B is backward() with a seed of 1 / B
/// Of a row that has no loss.
inline constexpr std::int32_t no_label = -1;
// [N, classes]: -log softmax(logits_n)[label_n]
Value cross_entropy(Tape&, Value logits, std::span<const std::int32_t> labels);
// [T, d]: mean of (y - target)^2 over the true steps
Value squared_error(Tape&, Value y, std::span<const float> target, const Sequences&);
// [T, d]: mean of 200 |y - t| / (|y| + |t|) over the true steps
Value smape(Tape&, Value y, std::span<const float> target, const Sequences&);

// Quantization; returns x itself when the quantizer has no bits. `sequences` of an activation, for dynamic ranges
Value quantize(Tape&, Value x, const Quantizer&, const Sequences* sequences = nullptr);
/// How many values of a quantizer's or scan's result were clamped, in a pass with gradients.
[[nodiscard]] std::uint64_t count_clamped(Tape&, Value v);

}  // namespace bitstate::ops
