#include "models/mamba/model.h"

#include "autograd/recompute.h"
#include "core/error.h"
#include "core/random.h"

#include <string>

namespace bitstate {

template <class Mixer>
MambaLayer<Mixer>::MambaLayer(const MambaModelOptions& options, std::uint64_t seed, std::string_view path)
    : norm(options.mixer.d_model),
      mixer(options.mixer, seed, std::string(path) + ".mixer"),
      bidirectional(options.bidirectional) {
  if (bidirectional) mixer_backward = Mixer(options.mixer, seed, std::string(path) + ".mixer_backward");
}

template <class Mixer>
Value MambaLayer<Mixer>::forward(Tape& tape, Value x, const Sequences& sequences) const {
  const Value input = norm.forward(tape, x);
  const Value y = ops::sum(tape, x, mixer.forward(tape, input, sequences));
  if (!bidirectional) return y;
  return ops::sum(tape, y, mixer_backward.forward(tape, input, sequences, ops::Direction::backward));
}

template <class Mixer>
MambaModelOf<Mixer>::MambaModelOf(const MambaModelOptions& options, std::uint64_t seed)
    : norm_f(options.mixer.d_model),
      spec(options.shape.output),
      tokens(options.shape.tokens),
      tied(options.tie_embeddings && options.shape.tokens && options.shape.outputs == options.shape.inputs),
      pool_last(options.pool_last) {
  const auto [inputs, outputs] = std::pair(options.shape.inputs, options.shape.outputs);
  require<UsageError>(inputs > 0 && outputs > 0 && options.n_layers > 0, "mamba",
                      "expected at least 1 input, 1 output and 1 layer, got {}, {} and {}", inputs, outputs,
                      options.n_layers);
  const std::size_t features = options.mixer.d_model;
  if (tokens) {
    embedding.value = Tensor(inputs, features);
    const Random random{seed, random_stream("embedding.weight")};
    for (std::size_t k = 0; k < embedding.value.size(); ++k) {
      embedding.value.data[k] = static_cast<float>(0.02 * random.normal(k));
    }
  } else {
    encoder = Linear(inputs, features, seed, "encoder");
  }
  for (std::size_t i = 0; i < options.n_layers; ++i) layers.emplace_back(options, seed, "layers." + std::to_string(i));
  if (spec.output != Output::class_per_step) {
    decoder = Linear(spec.sequences == 2 ? 4 * features : features, outputs, seed, "decoder");
  } else if (!tied) {
    lm_head = Projection(features, outputs, seed, "lm_head");
  }
}

template <class Mixer>
Value MambaModelOf<Mixer>::forward(Tape& tape, const Batch& batch) const {
  Value x;
  if (tokens) {
    x = ops::embedding(tape, batch.tokens, tape.parameter(embedding));
  } else {
    const std::size_t inputs = encoder.weight.value.cols;
    require(batch.x.size() % inputs == 0, "mamba", "{} input values are not a whole number of rows of {}",
            batch.x.size(), inputs);
    x = encoder.forward(tape, tape.input(batch.x.size() / inputs, inputs, batch.x.data()));
  }
  for (std::size_t i = 0; i < layers.size(); ++i) {
    x = ops::recomputed(tape, x, [this, i, sequences = batch.sequences](Tape& on, Value in) {
      return layers[i].forward(on, in, sequences);
    });
  }
  x = norm_f.forward(tape, x);
  if (spec.output == Output::class_per_step) {
    return tied ? ops::linear(tape, x, tape.parameter(embedding)) : lm_head.forward(tape, x);
  }
  if (!is_per_step(spec.output)) {
    x = pool_last ? ops::last(tape, x, batch.sequences) : ops::mean_pool(tape, x, batch.sequences);
  }
  if (spec.sequences == 2) x = ops::pair_features(tape, x);
  return decoder.forward(tape, x);
}

template struct MambaLayer<MambaMixer>;
template struct MambaLayer<Mamba2Mixer>;
template struct MambaModelOf<MambaMixer>;
template struct MambaModelOf<Mamba2Mixer>;

}  // namespace bitstate
