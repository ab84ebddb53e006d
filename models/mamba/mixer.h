// The mixers of Mamba (Gu and Dao 2023) and Mamba-2 (Dao and Gu 2024): what stands between a norm and the residual sum.
#pragma once

#include "autograd/ops.h"
#include "models/layers/projection.h"
#include "models/layers/rms_norm.h"

#include <array>
#include <cstdint>
#include <limits>
#include <string_view>

namespace bitstate {

/// Sizes and initial values of a mixer, under the names of Mamba's configurations.
struct MambaOptions {
  bool mamba2 = false;
  std::size_t d_model = 128;  ///< D
  std::size_t d_state = 16;   ///< N
  std::size_t d_conv = 4;     ///< K
  std::size_t expand = 2;     ///< E / D
  std::size_t dt_rank = 0;    ///< R of Mamba-1; 0: D / 16, rounded up
  std::size_t headdim = 64;   ///< P of Mamba-2
  std::size_t ngroups = 1;    ///< G of Mamba-2
  bool norm_before_gate = false;
  double dt_min = 0.001;  ///< of the initial steps, as dt_max
  double dt_max = 0.1;
  double dt_limit_min = 0.0;  ///< of every step of Mamba-2
  double dt_limit_max = std::numeric_limits<double>::infinity();
  std::size_t n_layers = 1;  ///< the initial out_proj is divided by its root
  bool rotated = false;      ///< out_proj reads rotated features

  [[nodiscard]] std::size_t inner() const { return expand * d_model; }  ///< E
  [[nodiscard]] std::size_t heads() const { return inner() / headdim; }
  [[nodiscard]] std::size_t rank() const { return dt_rank > 0 ? dt_rank : (d_model + 15) / 16; }
};

/// Throws UsageError, naming the value and what is allowed, where the sizes make no mixer.
void check(const MambaOptions& options);

/// What a mixer knows of the steps before: the last K - 1 inputs of its convolution [N (K - 1), channels], and the
/// state [N E, d_state]. Without values nothing was before.
struct MixerState {
  Value conv{}, ssm{};
};

/// The quantizers of what flows through a mixer, in the order of the forward (docs/numerics.md, section 10).
struct MixerSites {
  Quantizer h;                     ///< the operand of in_proj
  Quantizer x, B_in, C_in;         ///< operands of the convolutions; of B and C in Mamba-2
  Quantizer conv, B_conv, C_conv;  ///< operands of SiLU
  Quantizer u, d, B, C;            ///< operands of the scan; d: of dt_proj
  Quantizer dt;                    ///< the operand of softplus
  Quantizer du, state;             ///< inside of the scan
  Quantizer y;                     ///< its result
  Quantizer z, gate;               ///< before and after the SiLU of the gate
  Quantizer gated;                 ///< of a norm or a rotation, y silu(z)
  Quantizer normed;                ///< of a rotation behind a norm
  Quantizer o;                     ///< the operand of out_proj

  MixerSites() = default;
  /// Of as many channels and numbers as the operands of such a mixer have. The channels of Mamba-2 are in groups: the
  /// heads, and of B and C those that share them; Mamba's are one group.
  explicit MixerSites(const MambaOptions& options);
  /// Those whose channels are the mixer's, in groups.
  [[nodiscard]] std::array<Quantizer*, 8> of_channels() { return {&x, &conv, &u, &du, &state, &y, &z, &gate}; }
};

/// A causal depthwise convolution.
struct Conv1d {
  Parameter weight;  ///< [channels, K]
  Parameter bias;    ///< [1, channels]
  Quantizer weight_quantizer, bias_quantizer;

  Conv1d() = default;
  /// Both ~ U(-1/sqrt(K), 1/sqrt(K)), drawn from (seed, path).
  Conv1d(std::size_t channels, std::size_t taps, std::uint64_t seed, std::string_view path);

  /// Of channels [first, first + count), which x [T, count] has.
  Value forward(Tape& tape, Value x, std::size_t first, const Sequences& sequences, ops::Direction direction,
                Value before) const;
  [[nodiscard]] std::size_t taps() const { return weight.value.cols; }

  template <class V>
  void visit(V& v) {
    v("weight", weight);
    v("bias", bias);
    v.site("weight", "", weight_quantizer);
    v.site("bias", "", bias_quantizer);
  }
};

/// Of Mamba: [x | z] = in_proj h; u = silu(conv x); [d | B | C] = x_proj u; delta = softplus(dt_proj d);
/// out_proj(scan(u) silu(z)).
struct MambaMixer {
  Projection in_proj;  ///< [2E, D]
  Conv1d conv1d;
  Projection x_proj;    ///< [R + 2N, E]
  Projection dt_proj;   ///< [E, R]
  Parameter dt_bias;    ///< [1, E]; in state-spaces' files dt_proj.bias
  Parameter A_log;      ///< [E, N]
  Parameter D;          ///< [1, E]
  Projection out_proj;  ///< [D, E]
  Quantizer dt_bias_quantizer, A_log_quantizer, D_quantizer;
  MixerSites sites;
  bool rotated = false;  ///< out_proj reads H o / sqrt(E) and has H^T / sqrt(E) in its weight (models/mamba/rotate.h)

  MambaMixer() = default;
  MambaMixer(const MambaOptions& options, std::uint64_t seed, std::string_view path);

  /// h [T, D] -> [T, D]. `after`, where it is given, gets the state behind each sequence.
  Value forward(Tape& tape, Value h, const Sequences& sequences, ops::Direction direction = ops::Direction::forward,
                const MixerState& before = {}, MixerState* after = nullptr) const;

  template <class V>
  void visit(V& v) {
    v("in_proj", in_proj);
    v("conv1d", conv1d);
    v("x_proj", x_proj);
    v("dt_proj", dt_proj);
    v("dt_bias", dt_bias);
    v("A_log", A_log);
    v("D", D);
    v("out_proj", out_proj);
    v.site("bias", "dt_bias", dt_bias_quantizer);
    v.site("weight", "A_log", A_log_quantizer);
    v.site("weight", "D", D_quantizer);
    v.site("act", "h", sites.h);
    v.site("act", "x", sites.x);
    v.site("act", "conv", sites.conv);
    v.site("act", "u", sites.u);
    v.site("act", "d", sites.d);
    v.site("act", "B", sites.B);
    v.site("act", "C", sites.C);
    v.site("act", "dt", sites.dt);
    v.site("act", "du", sites.du);
    v.site("state", "", sites.state);
    v.site("act", "y", sites.y);
    v.site("act", "z", sites.z);
    v.site("act", "gate", sites.gate);
    if (rotated) v.site("act", "gated", sites.gated);
    v.site("act", "o", sites.o);
  }
};

/// Of Mamba-2: [z | x | B | C | dt] = in_proj h; [x | B | C] = silu(conv [x | B | C]); delta = softplus(dt + dt_bias);
/// out_proj(norm(scan(x) silu(z))), or norm(scan(x)) silu(z) with norm_before_gate.
struct Mamba2Mixer {
  Projection in_proj;  ///< [2E + 2GN + H, D]
  Conv1d conv1d;       ///< of E + 2GN channels
  Parameter dt_bias;   ///< [1, H]
  Parameter A_log;     ///< [1, H]
  Parameter D;         ///< [1, H]
  RmsNorm norm;
  Projection out_proj;  ///< [D, E]
  Quantizer dt_bias_quantizer, A_log_quantizer, D_quantizer;
  MixerSites sites;
  std::size_t groups = 1;
  std::size_t states = 0;  ///< N
  bool norm_before_gate = false;
  bool rotated = false;  ///< as in MambaMixer
  float dt_limit_min = 0.0F, dt_limit_max = std::numeric_limits<float>::infinity();

  Mamba2Mixer() = default;
  Mamba2Mixer(const MambaOptions& options, std::uint64_t seed, std::string_view path);

  /// As that of MambaMixer.
  Value forward(Tape& tape, Value h, const Sequences& sequences, ops::Direction direction = ops::Direction::forward,
                const MixerState& before = {}, MixerState* after = nullptr) const;
  /// out_proj of the gated and normed y.
  Value finish(Tape& tape, Value y, Value z, const Sequences& sequences) const;

  template <class V>
  void visit(V& v) {
    v("in_proj", in_proj);
    v("conv1d", conv1d);
    v("dt_bias", dt_bias);
    v("A_log", A_log);
    v("D", D);
    v("norm", norm);
    v("out_proj", out_proj);
    v.site("bias", "dt_bias", dt_bias_quantizer);
    v.site("weight", "A_log", A_log_quantizer);
    v.site("weight", "D", D_quantizer);
    v.site("act", "h", sites.h);
    v.site("act", "x", sites.x);
    v.site("act", "B_in", sites.B_in);
    v.site("act", "C_in", sites.C_in);
    v.site("act", "conv", sites.conv);
    v.site("act", "B_conv", sites.B_conv);
    v.site("act", "C_conv", sites.C_conv);
    v.site("act", "u", sites.u);
    v.site("act", "B", sites.B);
    v.site("act", "C", sites.C);
    v.site("act", "dt", sites.dt);
    v.site("act", "du", sites.du);
    v.site("state", "", sites.state);
    v.site("act", "y", sites.y);
    v.site("act", "z", sites.z);
    v.site("act", "gate", sites.gate);
    v.site("act", "gated", sites.gated);
    if (rotated) v.site("act", "normed", sites.normed);
    v.site("act", "o", sites.o);
  }
};

}  // namespace bitstate
