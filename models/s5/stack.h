// Encoder and layers: what all S5 models share. In: the sequences of a pass; out: features of every step.
#pragma once

#include "models/batch.h"
#include "models/layers/linear.h"
#include "models/s5/layer.h"

#include <vector>

namespace bitstate {

/// Everything that makes a model.
struct S5Options {
  std::size_t inputs = 1;    ///< d_input, or the size of the vocabulary
  bool tokens = false;       ///< inputs are token ids
  std::size_t outputs = 10;  ///< classes, or target features
  std::size_t layers = 6;    ///< n_layers
  bool pool_last = false;    ///< S5's mode "last" instead of "pool"
  bool values = false;       ///< of S5Classifier: its outputs are values, not the logits of classes
  double p_dropout = 0.0;
  S5LayerOptions layer = {};
};

struct S5Stack {
  Linear encoder;               ///< of real-valued inputs
  Embedding embedding;          ///< of tokens; one of the two is used, both are called "encoder"
  Quantizer input_quantizer;    ///< of real-valued inputs
  Quantizer encoder_quantizer;  ///< of the encoder's result
  std::vector<S5Layer> layers;
  bool tokens = false;
  bool quantize_gradients = false;  ///< of the encoder's product, and of a decoder behind the layers
  double p_dropout = 0.0;

  S5Stack() = default;
  S5Stack(const S5Options& options, std::uint64_t seed);

  /// What goes into the first layer [T, H].
  Value enter(Tape& tape, const Batch& batch) const;
  /// [T, H]; each layer is a part of the tape. In training the dropout masks are a function of Pass::seed, Pass::step,
  /// the layer and the sequence's place in the batch.
  Value forward(Tape& tape, const Batch& batch) const;

  /// How backward of a product of the two is rounded; `samples` as of GradientRounding.
  [[nodiscard]] ops::GradientRounding rounding(const Quantizer& a, const Quantizer& b,
                                               const Sequences* samples = nullptr) const;

  template <class V>
  void visit(V& v) {
    if (tokens) {
      v("encoder", embedding);
    } else {
      v.site("act", "encoder", input_quantizer);
      v("encoder", encoder);
    }
    v.site("act", "encoder.y", encoder_quantizer);
    v("layers", layers);
  }
};

}  // namespace bitstate
