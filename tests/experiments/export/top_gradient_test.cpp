// The integer gradients of the top layer against those of the quantized forward's tape, parameter by parameter.
#include "autograd/export.h"
#include "core/program/run/runner.h"
#include "core/tuning/top.h"
#include "experiments/export/trainable.h"
#include "experiments/training/export_model.h"
#include "tests/experiments/export/export_rig.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace bitstate::experiments {
namespace {

/// How near two vectors are.
struct Nearness {
  double cosine = 0.0, relative_error = 0.0;
};

Nearness nearness(const std::vector<double>& found, const std::vector<double>& expected) {
  double product = 0.0, a = 0.0, b = 0.0, off = 0.0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    product += found[i] * expected[i];
    a += found[i] * found[i];
    b += expected[i] * expected[i];
    off += (found[i] - expected[i]) * (found[i] - expected[i]);
  }
  return {product / std::sqrt(a * b), std::sqrt(off / b)};
}

class TopRig {
 public:
  Nearness worst{1.0, 0.0};

  TopRig(const std::string& quant, const Settings& more)
      : rig_("smnist-small", quant, "none", 4, more), gradient_(rig_.inventory.parameter_count()) {
    datasets::Example example;
    rig_.data.test->read(0, example);
    Tape tape;
    tape.begin({});
    program_ = export_program(tape, rig_.forward_of(example, tape), rig_.data.name, true, 0, &weights_);
  }

  /// The moves of C, D, the gate's weights and its biases, and the head's weights, against the tape's gradients.
  void check(double cosine, double relative_error) {
    constexpr double rate = 0.02;
    const program::TrainableHead head = trainable_head_of(program_, rig_.inventory, rate);
    const program::TrainableLayer layer = program::trainable_layer(program_, head, {weights_, rate, 40});
    const program::Runner before(program::before_layer(program_, layer));
    for (std::size_t index = 0; index < rig_.data.test->size(); ++index) {
      datasets::Example example;
      rig_.data.test->read(index, example);
      program::TopTuner tuner(program_, head, layer);
      tuner.tune(before.run(input_codes(program_, example)), static_cast<std::size_t>(example.label));
      run_tape(example);
      const program::TopTuner fresh(program_, head, layer);
      for (const program::TrainedWeight& w : layer.weights) {
        const program::WeightScales& scales = scales_of(w.number);
        CAPTURE(scales.site);
        std::vector<double> found(w.weights()), biases(w.biases());
        for (std::size_t i = 0; i < found.size(); ++i) {
          const double scale = scales.weight[scales.weight.size() == 1 ? 0 : i / (w.rows == 1 ? 1 : w.cols)];
          found[i] = moved(fresh, tuner, w.first + i) * 0x1.0p-16 * scale / rate;
        }
        for (std::size_t o = 0; o < biases.size(); ++o) {
          const double scale = scales.result[scales.result.size() == 1 ? 0 : o];
          biases[o] = moved(fresh, tuner, w.first + w.weights() + o) * scale / rate;
        }
        std::vector<double> expected = expected_of(scales.site, w.cols / 2);
        for (std::size_t i = 0; i < found.size(); ++i) {  // what is at the end of its grid moves one way only
          if (std::abs(fresh.numbers()[w.first + i]) == w.most_weight) found[i] = expected[i] = 0.0;
        }
        compare(found, expected, cosine, relative_error);
        if (w.bias) compare(biases, parameter(path_of(scales.site) + ".bias"), cosine, relative_error);
      }
    }
  }

 private:
  static double moved(const program::TopTuner& from, const program::TopTuner& to, std::size_t i) {
    return double(from.numbers()[i]) - to.numbers()[i];
  }
  static std::string path_of(const std::string& site) { return site.substr(site.find(':') + 1); }

  void compare(const std::vector<double>& found, const std::vector<double>& expected, double cosine,
               double relative_error) {
    const Nearness near = nearness(found, expected);
    CAPTURE(near.cosine);
    CAPTURE(near.relative_error);
    worst = {std::min(worst.cosine, near.cosine), std::max(worst.relative_error, near.relative_error)};
    CHECK(near.cosine > cosine);
    CHECK(near.relative_error < relative_error);
  }

  [[nodiscard]] const program::WeightScales& scales_of(std::size_t number) const {
    return *std::find_if(weights_.begin(), weights_.end(), [&](const auto& w) { return w.number == number; });
  }

  void run_tape(const datasets::Example& example) {
    std::fill(gradient_.begin(), gradient_.end(), 0.0F);
    Pass pass;
    pass.gradients = true;
    pass.gradient = gradient_;
    Tape tape;
    tape.begin(pass);
    const Value logits = rig_.forward_of(example, tape);
    const std::array labels = {example.label};
    tape.backward(ops::cross_entropy(tape, logits, labels));
  }

  [[nodiscard]] std::vector<double> parameter(const std::string& name) const {
    for (const auto& [found, parameter] : rig_.inventory.parameters) {
      if (found != name) continue;
      const auto from = gradient_.begin() + static_cast<std::ptrdiff_t>(parameter->offset);
      return {from, from + static_cast<std::ptrdiff_t>(parameter->value.size())};
    }
    FAIL("there is no parameter " << name);
    return {};
  }

  /// Of the numbers that a program multiplies by. The readout matrix is [2 C_re | -2 C_im].
  [[nodiscard]] std::vector<double> expected_of(const std::string& site, std::size_t states) const {
    const std::string path = path_of(site);
    if (path.ends_with(".D")) return parameter(path);
    if (!path.ends_with(".C")) return parameter(path + ".weight");
    std::vector<double> g = parameter(path);
    for (std::size_t i = 0; i < g.size(); ++i) g[i] *= i % (2 * states) < states ? 0.5 : -0.5;
    return g;
  }

  tests::ExportRig rig_;
  std::vector<float> gradient_;
  std::vector<program::WeightScales> weights_;
  program::Program program_;
};

TEST_CASE("top layer: its integer gradients are those of the tape, but for the slopes of tables") {
  // what is left of the error with 12 bits is that of the other roundings
  for (const char* const activation : {"half_glu1", "half_glu2", "full_glu", "gelu"}) {
    CAPTURE(std::string(activation));
    TopRig("w8a8", {{"activation_fn", activation}}).check(0.98, 0.2);
    TopRig("w8a8", {{"activation_fn", activation}, {"bits", "act:*.glu.* 12 range=ema rate=0.3"}}).check(0.999, 0.05);
  }
}

}  // namespace
}  // namespace bitstate::experiments
