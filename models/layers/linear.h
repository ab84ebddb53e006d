// Dense layer and token table: encoders, decoders and gates.
#pragma once

#include "autograd/ops.h"
#include "models/inventory.h"

#include <string_view>

namespace bitstate {

/// y = W x + b. W [out, in], b [1, out].
struct Linear {
  Parameter weight;
  Parameter bias;
  Quantizer weight_quantizer, bias_quantizer;

  Linear() = default;
  /// W ~ LeCun normal, b = 0; drawn from (seed, path).
  Linear(std::size_t in, std::size_t out, std::uint64_t seed, std::string_view path);

  /// x [T, in] -> [T, out]
  Value forward(Tape& tape, Value x, const ops::GradientRounding& rounding = {}) const;

  template <class V>
  void visit(V& v) {
    v("weight", weight);
    v("bias", bias);
    v.site("weight", "", weight_quantizer);
    v.site("bias", "", bias_quantizer);
  }
};

/// y_t = table[id_t] + b: a dense layer on one-hot tokens. Table [vocabulary, H].
struct Embedding {
  Parameter weight;
  Parameter bias;
  Quantizer weight_quantizer, bias_quantizer;

  Embedding() = default;
  Embedding(std::size_t vocabulary, std::size_t features, std::uint64_t seed, std::string_view path);

  Value forward(Tape& tape, std::span<const std::int32_t> ids) const;

  template <class V>
  void visit(V& v) {
    v("weight", weight);
    v("bias", bias);
    v.site("weight", "", weight_quantizer);
    v.site("bias", "", bias_quantizer);
  }
};

}  // namespace bitstate
