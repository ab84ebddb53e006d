// A model and data that no list of the project names, as a user of the library would write them.
#pragma once

#include "autograd/ops.h"
#include "core/random.h"
#include "datasets/dataset.h"
#include "models/layers/linear.h"
#include "models/model.h"

#include <cmath>
#include <cstddef>
#include <vector>

namespace bitstate::tests {

inline constexpr std::size_t custom_inputs = 3, custom_outputs = 2;

/// Two dense layers with a GELU between them: a row per step, or the mean of these rows over a sequence.
struct TwoLayers {
  Linear first{custom_inputs, 8, 1, "first"};
  Linear second{8, custom_outputs, 1, "second"};
  Quantizer output_quantizer;
  OutputSpec spec;

  explicit TwoLayers(OutputSpec output) : spec(output) {
    output_quantizer.channels = output_quantizer.numbers = custom_outputs;
  }
  [[nodiscard]] OutputSpec output() const { return spec; }
  Value forward(Tape& tape, const Batch& batch) const {
    const Value x = tape.input(batch.x.size() / custom_inputs, custom_inputs, batch.x.data());
    const Value y = second.forward(tape, ops::gelu(tape, first.forward(tape, x)));
    if (is_per_step(spec.output)) return ops::quantize(tape, y, output_quantizer, &batch.sequences);
    return ops::quantize(tape, ops::mean_pool(tape, y, batch.sequences), output_quantizer);
  }
  template <class V>
  void visit(V& v) {
    v("first", first);
    v("second", second);
    v.site("act", "second.y", output_quantizer);
  }
};

/// Sequences of noise of lengths 2, 3, ...; class, target and targets are functions of their values. It appends to the
/// arrays of an example, which are empty.
class NoisySequences final : public datasets::Dataset {
 public:
  explicit NoisySequences(Output output) : output_(output) {}
  [[nodiscard]] std::size_t size() const override { return 12; }
  void read(std::size_t index, datasets::Example& out) const override {
    const Random random{index, random_stream("custom_model_test")};
    out.length = index + 2;
    std::vector<float> sum(custom_outputs, 0.0F);
    for (std::size_t t = 0; t < out.length; ++t) {
      for (std::size_t c = 0; c < custom_inputs; ++c)
        out.x.push_back(static_cast<float>(random.normal(custom_inputs * t + c)));
      const float* const x = out.x.data() + custom_inputs * t;
      const std::vector<float> y{0.5F * x[0] - x[1], std::fabs(x[2])};
      if (is_per_step(output_)) out.target.insert(out.target.end(), y.begin(), y.end());
      if (output_ == Output::class_per_step) out.labels.push_back(y[0] > 0.0F ? 1 : 0);
      for (std::size_t k = 0; k < custom_outputs; ++k) sum[k] += y[k] / static_cast<float>(out.length);
    }
    if (output_ == Output::values_per_sequence) out.target = sum;
    out.label = sum[0] > 0.0F ? 1 : 0;
  }

 private:
  Output output_;
};

}  // namespace bitstate::tests
