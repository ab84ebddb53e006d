// The S5 state-space model and the layer around it (Smith, Warrington, Linderman 2023; Q-S5 for what is quantized).
#pragma once

#include "autograd/ops.h"
#include "models/layers/linear.h"
#include "models/layers/norm.h"
#include "models/s5/init.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace bitstate {

/// S5's `activation_fn`: what follows the SSM (v is its output, z = dropout(gelu(v)), o = out(z)).
enum class Activation : std::uint8_t {
  full_glu,   ///< o1 * sigmoid(o2)
  half_glu1,  ///< z * sigmoid(o2)
  half_glu2,  ///< v * sigmoid(o2)
  gelu        ///< gelu(v)
};

/// The Activation of a flag's value. Throws UsageError for any other name.
Activation activation_of(std::string_view name);

/// Everything that makes a layer.
struct S5LayerOptions {
  S5Sizes sizes = {};
  ops::DiscretizeOptions discretize = {};
  Activation activation = Activation::half_glu1;
  bool prenorm = true;
  bool batchnorm = true;
  bool qgelu = false;               ///< Q-S5's qgelu_approx
  bool hard_sigmoid = false;        ///< Q-S5's hard_sigmoid
  bool use_layernorm_bias = true;   ///< Q-S5's use_layernorm_bias
  bool scan_tree = false;           ///< the state as an associative scan whose every level is quantized (Q-S5)
  bool quantize_gradients = false;  ///< in backward of products, gradients and operands are rounded (Q-S5)
};

/// The multi-input multi-output SSM: x_l = Lambda_bar x_{l-1} + B_bar u_l, y_l = k Re(C x_l) + D u_l.
struct S5SSM {
  Parameter Lambda_re, Lambda_im, log_step;  ///< [1, P]
  Parameter B;                               ///< [2P, H], planar
  Parameter C1, C2;                          ///< [H, 2P], planar; C2 only when bidirectional
  Parameter D;                               ///< [1, H]
  Parameter Lambda_bar, B_bar;               ///< [1, 2P], [2P, H], planar: in place of the first four when discrete
  Quantizer a_quantizer, b_quantizer, c_quantizer,
      d_quantizer;                       ///< of the discretised Lambda_bar and B_bar, of [C1 C2] and D
  Quantizer u_quantizer, x_quantizer;    ///< operands of B and D, operand of C
  Quantizer bu_quantizer, cx_quantizer;  ///< of the sums B_bar u and C x
  Quantizer state_quantizer;             ///< of the state, at every step of the recurrence
  bool conj_sym = true;
  bool bidirectional = false;
  bool scan_tree = false;           ///< Q-S5's operator instead of the recurrence: the row of A is of its operands
  bool quantize_gradients = false;  ///< of all products
  bool discrete = false;            ///< the parameters are Lambda_bar and B_bar themselves
  ops::DiscretizeOptions discretize;

  S5SSM() = default;
  S5SSM(const S5LayerOptions& options, std::uint64_t seed, std::string_view path);

  /// Replaces Lambda, log_step and B by the Lambda_bar and B_bar that they stand for: equal bits of forward(). The
  /// inventory of the model is to be taken anew.
  void make_discrete();

  /// u [T, H] -> y [T, H]
  Value forward(Tape& tape, Value u, const Sequences& sequences) const;

  template <class V>
  void visit(V& v) {
    if (discrete) {
      v("Lambda_bar", Lambda_bar);
      v("B_bar", B_bar);
    } else {
      v("Lambda_re", Lambda_re);
      v("Lambda_im", Lambda_im);
      v("log_step", log_step);
      v("B", B);
    }
    if (bidirectional) {
      v("C1", C1);
      v("C2", C2);
    } else {
      v("C", C1);
    }
    v("D", D);
    v.site("weight", "A", a_quantizer);
    v.site("weight", "B", b_quantizer);
    v.site("weight", "C", c_quantizer);
    v.site("weight", "D", d_quantizer);
    v.site("act", "u", u_quantizer);
    v.site("acc", "bu", bu_quantizer);
    v.site("state", "", state_quantizer);
    v.site("act", "x", x_quantizer);
    v.site("acc", "cx", cx_quantizer);
  }

 private:
  struct Discrete {
    Value lambda, b;
  };
  Discrete discretized(Tape& tape) const;
};

/// Tied dropout masks of a layer's two calls, [N, H] each; empty for none.
struct DropoutMasks {
  std::span<const float> first = {};
  std::span<const float> second = {};
};

/// The nonlinearity after the SSM, with its gate.
struct Glu {
  Activation activation = Activation::half_glu1;
  bool qgelu = false;
  bool hard_sigmoid = false;
  bool quantize_gradients = false;
  Linear out1, out2;           ///< out1 only with full_glu, out2 with every GLU
  Quantizer gelu_quantizer;    ///< operand of GELU, and the v of half_glu2
  Quantizer x_quantizer;       ///< z, GELU's result: operand of out1 and out2
  Quantizer value_quantizer;   ///< o1 of full_glu
  Quantizer gate_x_quantizer;  ///< operand of the sigmoid
  Quantizer gate_quantizer;    ///< the sigmoid's result
  Quantizer y_quantizer;       ///< the gate product

  Glu() = default;
  Glu(const S5LayerOptions& options, std::uint64_t seed, std::string_view path);

  /// v [T, H] -> [T, H]
  Value forward(Tape& tape, Value v, const Sequences& sequences, const DropoutMasks& masks) const;

  template <class V>
  void visit(V& v) {
    v.site("act", "gelu", gelu_quantizer);
    v.site("act", "x", x_quantizer);
    if (activation == Activation::gelu) return;
    if (activation == Activation::full_glu) {
      v("out1", out1);
      v.site("act", "value", value_quantizer);
    }
    v("out2", out2);
    v.site("act", "gate.x", gate_x_quantizer);
    v.site("act", "gate", gate_quantizer);
    v.site("acc", "y", y_quantizer);
  }
};

/// x + activation(SSM(norm(x))) with prenorm, norm(x + activation(SSM(x))) otherwise.
struct S5Layer {
  Norm norm;
  S5SSM ssm;
  Glu glu;
  Quantizer residual_quantizer;  ///< of the residual sum
  bool prenorm = true;

  S5Layer() = default;
  S5Layer(const S5LayerOptions& options, std::uint64_t seed, std::string_view path);

  /// x [T, H] -> [T, H]
  Value forward(Tape& tape, Value x, const Sequences& sequences, const DropoutMasks& masks = {}) const;

  template <class V>
  void visit(V& v) {
    v("norm", norm);
    v("ssm", ssm);
    v("glu", glu);
    v.site("act", "residual", residual_quantizer);
  }
};

}  // namespace bitstate
