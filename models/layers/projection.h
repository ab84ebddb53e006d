// A linear map without a bias.
#pragma once

#include "autograd/ops.h"
#include "models/inventory.h"

#include <string_view>

namespace bitstate {

/// y = W x. W [out, in].
struct Projection {
  Parameter weight;
  Quantizer weight_quantizer;

  Projection() = default;
  /// W ~ U(-1/sqrt(in), 1/sqrt(in)) (PyTorch's nn.Linear), drawn from (seed, path).
  Projection(std::size_t in, std::size_t out, std::uint64_t seed, std::string_view path);

  /// The weight as it multiplies [out, in].
  Value rounded(Tape& tape) const { return ops::quantize(tape, tape.parameter(weight), weight_quantizer); }
  /// x [T, in] -> [T, out]
  Value forward(Tape& tape, Value x) const { return ops::linear(tape, x, rounded(tape)); }

  template <class V>
  void visit(V& v) {
    v("weight", weight);
    v.site("weight", "", weight_quantizer);
  }
};

}  // namespace bitstate
