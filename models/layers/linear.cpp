#include "models/layers/linear.h"

#include "core/random.h"
#include "models/layers/init.h"

#include <string>

namespace bitstate {

Linear::Linear(std::size_t in, std::size_t out, std::uint64_t seed, std::string_view path) {
  weight.value = lecun_normal(out, in, Random{seed, random_stream(std::string(path) + ".weight")});
  bias.value = Tensor(1, out);
  weight_quantizer.channels = out;
  weight_quantizer.numbers = weight.value.size();
  bias_quantizer.numbers = out;
}

Value Linear::forward(Tape& tape, Value x, const ops::GradientRounding& rounding) const {
  const Value w = ops::quantize(tape, tape.parameter(weight), weight_quantizer);
  return ops::linear(tape, x, w, ops::quantize(tape, tape.parameter(bias), bias_quantizer), rounding);
}

Embedding::Embedding(std::size_t vocabulary, std::size_t features, std::uint64_t seed, std::string_view path) {
  // the dense layer's initialisation (fan-in = vocabulary), transposed
  const Tensor dense = lecun_normal(features, vocabulary, Random{seed, random_stream(std::string(path) + ".weight")});
  weight.value = Tensor(vocabulary, features);
  for (std::size_t h = 0; h < features; ++h) {
    for (std::size_t id = 0; id < vocabulary; ++id) weight.value(id, h) = dense(h, id);
  }
  bias.value = Tensor(1, features);
  weight_quantizer.channels = vocabulary;
  weight_quantizer.numbers = weight.value.size();
  bias_quantizer.numbers = features;
}

Value Embedding::forward(Tape& tape, std::span<const std::int32_t> ids) const {
  const Value table = ops::quantize(tape, tape.parameter(weight), weight_quantizer);
  return ops::sum(tape, ops::embedding(tape, ids, table), ops::quantize(tape, tape.parameter(bias), bias_quantizer));
}

}  // namespace bitstate
