#include "models/mamba/model.h"

#include "autograd/recompute.h"
#include "core/error.h"
#include "core/random.h"

#include <algorithm>
#include <string>

namespace bitstate {

template <class Mixer>
MambaLayer<Mixer>::MambaLayer(const MambaModelOptions& options, std::uint64_t seed, std::string_view path)
    : norm(options.mixer.d_model),
      mixer(options.mixer, seed, std::string(path) + ".mixer"),
      bidirectional(options.bidirectional) {
  residual_quantizer.channels = residual_quantizer.numbers = options.mixer.d_model;
  if (bidirectional) mixer_backward = Mixer(options.mixer, seed, std::string(path) + ".mixer_backward");
}

template <class Mixer>
Value MambaLayer<Mixer>::forward(Tape& tape, Value x, const Sequences& sequences, const MixerState& before,
                                 MixerState* after) const {
  const Value input = norm.forward(tape, x);
  Value y = ops::sum(tape, x, mixer.forward(tape, input, sequences, ops::Direction::forward, before, after));
  if (bidirectional) {
    y = ops::sum(tape, y, mixer_backward.forward(tape, input, sequences, ops::Direction::backward));
  }
  return ops::quantize(tape, y, residual_quantizer, &sequences);
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
    embedding_quantizer.channels = inputs;
    embedding_quantizer.numbers = inputs * features;
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
  input_quantizer.channels = input_quantizer.numbers = inputs;
  embedded_quantizer.channels = embedded_quantizer.numbers = features;
  head_quantizer.channels = head_quantizer.numbers =
      spec.output != Output::class_per_step && spec.sequences == 2 ? 4 * features : features;
  output_quantizer.channels = output_quantizer.numbers = outputs;
}

template <class Mixer>
Value MambaModelOf<Mixer>::forward(Tape& tape, const Batch& batch) const {
  Value table;
  Value x = batch.entering.exists() ? batch.entering : enter(tape, batch, table);
  if (tied && !table.exists()) table = ops::quantize(tape, tape.parameter(embedding), embedding_quantizer);
  for (std::size_t i = batch.parts_before; i < std::min(layers.size(), batch.parts_end); ++i) {
    x = ops::recomputed(tape, x, [this, i, sequences = batch.sequences](Tape& on, Value in) {
      return layers[i].forward(on, in, sequences);
    });
  }
  if (batch.ends_early()) return x;
  return leave(tape, batch, x, table);
}

template <class Mixer>
Value MambaModelOf<Mixer>::enter(Tape& tape, const Batch& batch, Value& table) const {
  const auto round = [&](Value v, const Quantizer& site) { return ops::quantize(tape, v, site, &batch.sequences); };
  Value x;
  if (tokens) {
    table = ops::quantize(tape, tape.parameter(embedding), embedding_quantizer);
    x = ops::embedding(tape, batch.tokens, table);
  } else {
    const std::size_t inputs = encoder.weight.value.cols;
    require(batch.x.size() % inputs == 0, "mamba", "{} input values are not a whole number of rows of {}",
            batch.x.size(), inputs);
    const Value raw = tape.input(batch.x.size() / inputs, inputs, batch.x.data());
    x = encoder.forward(tape, round(raw, input_quantizer));
  }
  return round(x, embedded_quantizer);
}

template <class Mixer>
Value MambaModelOf<Mixer>::leave(Tape& tape, const Batch& batch, Value x, Value table) const {
  const auto round = [&](Value v, const Quantizer& site) { return ops::quantize(tape, v, site, &batch.sequences); };
  x = norm_f.forward(tape, x);
  if (spec.output == Output::class_per_step) {
    x = round(x, head_quantizer);
    return round(tied ? ops::linear(tape, x, table) : lm_head.forward(tape, x), output_quantizer);
  }
  if (!is_per_step(spec.output)) {
    x = pool_last ? ops::last(tape, x, batch.sequences) : ops::mean_pool(tape, x, batch.sequences);
  }
  if (spec.sequences == 2) x = ops::pair_features(tape, x);
  return round(decoder.forward(tape, round(x, head_quantizer)), output_quantizer);
}

template struct MambaLayer<MambaMixer>;
template struct MambaLayer<Mamba2Mixer>;
template struct MambaModelOf<MambaMixer>;
template struct MambaModelOf<Mamba2Mixer>;

}  // namespace bitstate
