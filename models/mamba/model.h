// Models of Mamba: a token table or a linear encoder, layers of a norm, a mixer and a residual sum, and a head.
#pragma once

#include "models/layers/linear.h"
#include "models/mamba/mixer.h"
#include "models/model.h"

#include <vector>

namespace bitstate {

/// Everything that makes a model.
struct MambaModelOptions {
  ModelShape shape = {};
  std::size_t n_layers = 2;
  bool bidirectional = false;  ///< a second mixer per layer reads the sequence backwards, and the two are summed
  bool pool_last = false;      ///< of a result per sequence: the last step instead of the mean
  bool tie_embeddings = true;  ///< of a class per step: the head is the token table
  MambaOptions mixer = {};
};

/// x + mixer(norm(x)).
template <class Mixer>
struct MambaLayer {
  RmsNorm norm;
  Mixer mixer;
  Mixer mixer_backward;
  bool bidirectional = false;
  Quantizer residual_quantizer;  ///< of the result

  MambaLayer() = default;
  MambaLayer(const MambaModelOptions& options, std::uint64_t seed, std::string_view path);

  /// x [T, D] -> [T, D]. States are those of MambaMixer::forward(), of a layer that reads in one direction.
  Value forward(Tape& tape, Value x, const Sequences& sequences, const MixerState& before = {},
                MixerState* after = nullptr) const;

  template <class V>
  void visit(V& v) {
    v("norm", norm);
    v("mixer", mixer);
    if (bidirectional) v("mixer_backward", mixer_backward);
    v.site("act", "residual", residual_quantizer);
  }
};

/// A class or values at each step, or of each sequence: of its mean or last features, or of a pair of documents as in
/// S5Retrieval.
template <class Mixer>
struct MambaModelOf {
  Parameter embedding;  ///< [vocabulary, D] of tokens
  Linear encoder;       ///< of real-valued inputs
  std::vector<MambaLayer<Mixer>> layers;
  RmsNorm norm_f;
  Projection lm_head;                             ///< [classes, D] of a class per step, unless it is tied
  Linear decoder;                                 ///< of every other result
  Quantizer embedding_quantizer;                  ///< of the table, which a tied head multiplies by
  Quantizer input_quantizer, embedded_quantizer;  ///< of real-valued inputs; of the beginning of the residual stream
  Quantizer head_quantizer, output_quantizer;     ///< the operand of the head or decoder, and its result
  OutputSpec spec = {};
  bool tokens = false;
  bool tied = false;
  bool pool_last = false;

  MambaModelOf() = default;
  /// Throws UsageError for sizes that make no model.
  MambaModelOf(const MambaModelOptions& options, std::uint64_t seed);

  Value forward(Tape& tape, const Batch& batch) const;
  /// What goes into the first layer. `table` becomes the token table, which a tied head multiplies by.
  Value enter(Tape& tape, const Batch& batch, Value& table) const;
  /// The results, from what comes out of the last layer.
  Value leave(Tape& tape, const Batch& batch, Value x, Value table) const;
  [[nodiscard]] OutputSpec output() const { return spec; }

  template <class V>
  void visit(V& v) {
    const bool names_tokens = spec.output == Output::class_per_step;
    if (tokens) {
      v("embedding.weight", embedding);
      v.site("weight", "embedding", embedding_quantizer);
      v.site("act", "embedding", embedded_quantizer);
    } else {
      v("encoder", encoder);
      v.site("act", "encoder", input_quantizer);
      v.site("act", "encoder.y", embedded_quantizer);
    }
    v("layers", layers);
    v("norm_f", norm_f);
    if (!names_tokens) {
      v("decoder", decoder);
    } else if (!tied) {
      v("lm_head", lm_head);
    }
    v.site("act", names_tokens ? "lm_head" : "decoder", head_quantizer);
    v.site("act", names_tokens ? "lm_head.y" : "decoder.y", output_quantizer);
  }
};

using MambaModel = MambaModelOf<MambaMixer>;
using Mamba2Model = MambaModelOf<Mamba2Mixer>;

extern template struct MambaLayer<MambaMixer>;
extern template struct MambaLayer<Mamba2Mixer>;
extern template struct MambaModelOf<MambaMixer>;
extern template struct MambaModelOf<Mamba2Mixer>;

}  // namespace bitstate
