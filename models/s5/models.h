// The models: a stack of S5 layers with a head for classes, for a value at every step, or for pairs of documents.
#pragma once

#include "models/model.h"
#include "models/s5/stack.h"

#include <string>
#include <vector>

namespace bitstate {

/// Class logits, or values, of each sequence [N, outputs]: decoder(pool(stack)).
struct S5Classifier {
  S5Stack stack;
  Linear decoder;
  Quantizer decoder_quantizer;  ///< of the pooled features
  Quantizer output_quantizer;   ///< of the logits or values
  bool pool_last = false;
  bool values = false;

  S5Classifier() = default;
  S5Classifier(const S5Options& options, std::uint64_t seed);
  Value pooled(Tape& tape, const Batch& batch) const;  ///< [N, H]
  Value forward(Tape& tape, const Batch& batch) const;
  [[nodiscard]] OutputSpec output() const {
    return {values ? Output::values_per_sequence : Output::class_per_sequence};
  }

  template <class V>
  void visit(V& v) {
    stack.visit(v);
    v.site("act", "decoder", decoder_quantizer);
    v("decoder", decoder);
    v.site("act", "decoder.y", output_quantizer);
  }
};

/// A value at every step [T, outputs]: decoder(stack), Q-S5's BatchRegressionModel.
struct S5Regressor {
  S5Stack stack;
  Linear decoder;
  Quantizer decoder_quantizer, output_quantizer;

  S5Regressor() = default;
  S5Regressor(const S5Options& options, std::uint64_t seed);
  Value forward(Tape& tape, const Batch& batch) const;
  [[nodiscard]] OutputSpec output() const { return {Output::values_per_step}; }

  template <class V>
  void visit(V& v) {
    stack.visit(v);
    v.site("act", "decoder", decoder_quantizer);
    v("decoder", decoder);
    v.site("act", "decoder.y", output_quantizer);
  }
};

/// Logits of each pair of documents [N, classes]; the batch holds 2N sequences, i and N + i are a pair:
/// decoder2(gelu(decoder1([x0, x1, x0 - x1, x0 * x1]))).
struct S5Retrieval {
  S5Stack stack;
  Linear decoder1, decoder2;
  Quantizer pooled_quantizer;  ///< of each document's pooled features
  Quantizer decoder1_quantizer, gelu_quantizer, decoder2_quantizer, output_quantizer;

  S5Retrieval() = default;
  S5Retrieval(const S5Options& options, std::uint64_t seed);
  Value pooled(Tape& tape, const Batch& batch) const;  ///< [2N, H]
  Value forward(Tape& tape, const Batch& batch) const;
  [[nodiscard]] OutputSpec output() const { return {Output::class_per_sequence, 2}; }

  template <class V>
  void visit(V& v) {
    stack.visit(v);
    v.site("act", "pooled", pooled_quantizer);
    v.site("act", "decoder.0", decoder1_quantizer);
    v("decoder.0", decoder1);
    v.site("act", "decoder.gelu", gelu_quantizer);
    v.site("act", "decoder.1", decoder2_quantizer);
    v("decoder.1", decoder2);
    v.site("act", "decoder.y", output_quantizer);
  }
};

/// The SSMs of all layers of one of these models, in their order; none of any other model.
std::vector<S5SSM*> ssms(Model& model);

/// The sites of Lambda_bar and B_bar whose range does not follow the time of a step, which changes these numbers:
/// ranges that are learned, stored or fixed. None in discrete SSMs, whose numbers do not change either.
std::vector<std::string> ranges_of_one_step(Model& model);

/// S5SSM::make_discrete() of each of them.
void make_discrete(Model& model);

}  // namespace bitstate
