// A calibrated small model of a recipe, with a few sequences of its data's shape.
#pragma once

#include "core/random.h"
#include "datasets/registry.h"
#include "experiments/inspect/inspect.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/model_setup.h"
#include "experiments/training/calibration.h"
#include "experiments/training/lane_runner.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

namespace bitstate::tests {

/// A few short sequences of the shape of a data set.
class Few : public datasets::Dataset {
 public:
  Few(const datasets::Splits& shape, std::size_t count) : shape_(shape), count_(count) {}
  [[nodiscard]] std::size_t size() const override { return count_; }
  void read(std::size_t index, datasets::Example& out) const override {
    const Random random{index, random_stream("exportable_test")};
    out = {};
    out.length = 9 + 2 * index;
    out.label = static_cast<std::int32_t>(index % shape_.d_output);
    if (shape_.task == datasets::Task::regression) out.target.assign(out.length * shape_.d_output, 0.5F);
    if (shape_.task == datasets::Task::labelling) out.labels.assign(out.length, out.label);
    for (std::size_t i = 0; !shape_.tokens && i < out.length * shape_.d_input; ++i) {
      out.x.push_back(static_cast<float>(random.normal(i)));
    }
    for (std::size_t i = 0; shape_.tokens && i < out.length; ++i) {
      out.tokens.push_back(static_cast<std::int32_t>(random.below(shape_.d_input, i)));
    }
    if (shape_.pairs) out.second.assign(out.tokens.begin() + 1, out.tokens.end());
  }

 private:
  const datasets::Splits& shape_;
  std::size_t count_;
};

/// A calibrated small model of a recipe.
struct ExportRig {
  experiments::RunConfig config;
  datasets::Splits data;
  Model model;
  Inventory inventory;

  ExportRig(const std::string& recipe, const std::string& quant, const std::string& preset = "none",
            std::size_t sequences = 4, const experiments::Settings& more = {})
      : config(experiments::load_run_config(recipe, joined(preset, quant, more))),
        data(datasets::shape(config.dataset).splits),
        model(experiments::make_model(config, data)),
        inventory(take_inventory(model)) {
    data.max_length = 20;
    data.train = data.test = std::make_shared<Few>(data, sequences);
    experiments::apply_quantization(config, inventory);
    const Random random{5, random_stream("exportable_test")};
    for (const auto& [name, parameter] : inventory.parameters) {  // a new model's biases are zero
      if (!name.ends_with("bias")) continue;
      for (std::size_t i = 0; i < parameter->value.size(); ++i) {
        parameter->value.data[i] = static_cast<float>(0.2 * random.normal(parameter->offset + i));
      }
    }
    Workers workers(1);
    LaneRunner runner(model, inventory, experiments::metric_of(data), {1, padded(), config.model.s5.batchnorm, {}},
                      workers);
    std::vector<std::size_t> order(data.train->size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    bitstate::calibrate(runner, inventory, {*data.train, order, order.size(), 1, false});
  }
  ExportRig(const ExportRig&) = delete;

  static experiments::Settings joined(const std::string& preset, const std::string& quant,
                                      const experiments::Settings& more) {
    experiments::Settings all{
        {"n_layers", "1"}, {"d_model", "8"}, {"preset", preset}, {"quant", quant}, {"threads", "1"}};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  [[nodiscard]] std::size_t padded() const { return experiments::padded_length(config, data); }
  [[nodiscard]] std::string obstacle() const { return experiments::export_obstacle(model, inventory, data, padded()); }

  /// The quantized forward of a sequence.
  Value forward_of(const datasets::Example& example, Tape& tape) const {
    const std::vector<std::size_t> rows{std::max(example.length, padded())}, lengths{example.length};
    std::vector<std::int32_t> tokens = example.tokens;
    tokens.resize(tokens.empty() ? 0 : rows[0]);
    std::vector<float> x = example.x;
    x.resize(x.size() / example.length * rows[0]);
    auto* const kept = tape.arena().array<float>(x.size());
    std::copy(x.begin(), x.end(), kept);
    return model.forward(tape, {{rows, lengths}, {kept, x.size()}, tokens});
  }
};

}  // namespace bitstate::tests
