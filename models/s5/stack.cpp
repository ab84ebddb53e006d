#include "models/s5/stack.h"

#include "autograd/recompute.h"
#include "core/error.h"
#include "core/random.h"

#include <algorithm>
#include <string>

namespace bitstate {
namespace {

/// Mask of one dropout call: 0 with probability p, else 1 / (1 - p), for each sequence and feature.
std::span<const float> dropout_mask(Tape& tape, const Sequences& sequences, std::size_t features, double p,
                                    std::uint64_t call) {
  const Random random{tape.pass().seed, random_stream("dropout", (tape.pass().step << 20U) + call)};
  const std::size_t count = sequences.count() * features;
  float* const mask = tape.arena().array<float>(count);
  const auto kept = static_cast<float>(1.0 / (1.0 - p));
  for (std::size_t i = 0; i < count; ++i) {
    mask[i] = random.uniform(sequences.first * features + i) < p ? 0.0F : kept;
  }
  return {mask, count};
}

/// Of layer i, in training.
DropoutMasks dropout_masks(Tape& tape, const Sequences& sequences, std::size_t features, double p, std::size_t i) {
  if (p == 0.0 || !tape.pass().training || tape.pass().calibrating) return {};
  return {dropout_mask(tape, sequences, features, p, 2 * i), dropout_mask(tape, sequences, features, p, 2 * i + 1)};
}

}  // namespace

S5Stack::S5Stack(const S5Options& options, std::uint64_t seed)
    : tokens(options.tokens), quantize_gradients(options.layer.quantize_gradients), p_dropout(options.p_dropout) {
  require<UsageError>(options.inputs > 0 && options.outputs > 0 && options.layers > 0, "s5",
                      "expected at least 1 input, 1 output and 1 layer, got {}, {} and {}", options.inputs,
                      options.outputs, options.layers);
  require<UsageError>(p_dropout >= 0.0 && p_dropout < 1.0, "s5", "expected a p_dropout from 0 to below 1, got {}",
                      p_dropout);
  const std::size_t features = options.layer.sizes.H;
  if (tokens) {
    embedding = Embedding(options.inputs, features, seed, "encoder");
  } else {
    encoder = Linear(options.inputs, features, seed, "encoder");
  }
  input_quantizer.channels = input_quantizer.numbers = options.inputs;
  encoder_quantizer.channels = encoder_quantizer.numbers = features;
  for (std::size_t i = 0; i < options.layers; ++i)
    layers.emplace_back(options.layer, seed, "layers." + std::to_string(i));
}

ops::GradientRounding S5Stack::rounding(const Quantizer& a, const Quantizer& b, const Sequences* samples) const {
  return ops::GradientRounding::of(quantize_gradients, a, b, samples);
}

Value S5Stack::enter(Tape& tape, const Batch& batch) const {
  Value x;
  if (tokens) {
    x = embedding.forward(tape, batch.tokens);
  } else {
    const std::size_t inputs = encoder.weight.value.cols;
    require(batch.x.size() % inputs == 0, "s5", "{} input values are not a whole number of rows of {}", batch.x.size(),
            inputs);
    const Value raw = tape.input(batch.x.size() / inputs, inputs, batch.x.data());
    x = encoder.forward(tape, ops::quantize(tape, raw, input_quantizer, &batch.sequences),
                        rounding(input_quantizer, encoder.weight_quantizer, &batch.sequences));
  }
  return ops::quantize(tape, x, encoder_quantizer, &batch.sequences);
}

Value S5Stack::forward(Tape& tape, const Batch& batch) const {
  Value x = batch.entering.exists() ? batch.entering : enter(tape, batch);
  for (std::size_t i = batch.parts_before; i < std::min(layers.size(), batch.parts_end); ++i) {
    x = ops::recomputed(tape, x, [this, i, sequences = batch.sequences](Tape& on, Value in) {
      return layers[i].forward(on, in, sequences, dropout_masks(on, sequences, on[in].cols, p_dropout, i));
    });
  }
  return x;
}

}  // namespace bitstate
