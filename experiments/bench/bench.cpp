#include "experiments/bench/bench.h"

#include "autograd/kernels/gemm.h"
#include "autograd/optimizer.h"
#include "core/error.h"
#include "core/random.h"
#include "datasets/registry.h"
#include "experiments/host/console.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/model_setup.h"
#include "experiments/training/export_model.h"
#include "experiments/training/lane_runner.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <optional>
#include <utility>

namespace bitstate::experiments {
namespace {

using Clock = std::chrono::steady_clock;

/// Uniform random sequences of one shape.
class RandomSequences final : public datasets::Dataset {
 public:
  RandomSequences(const datasets::Splits& shape, std::size_t count) : shape_(shape), count_(count) {}
  std::size_t size() const override { return count_; }
  void read(std::size_t index, datasets::Example& out) const override {
    const Random random{0, index};
    out.length = shape_.max_length;
    out.label = static_cast<std::int32_t>(index % shape_.d_output);
    out.target.clear();
    if (shape_.task == datasets::Task::regression) out.target.assign(out.length * shape_.d_output, 0.5F);
    out.x.resize(shape_.tokens ? 0 : out.length * shape_.d_input);
    for (std::size_t i = 0; i < out.x.size(); ++i) out.x[i] = static_cast<float>(random.uniform(i));
    out.tokens.resize(shape_.tokens ? out.length : 0);
    for (std::size_t i = 0; i < out.tokens.size(); ++i) {
      out.tokens[i] = static_cast<std::int32_t>(random.below(shape_.d_input, i));
    }
    if (shape_.task == datasets::Task::labelling) out.labels.assign(out.length, out.label);
    out.second.clear();
    if (shape_.pairs) out.second = out.tokens;
  }

 private:
  datasets::Splits shape_;
  std::size_t count_;
};

/// GFLOP/s of 512 x 512 x 512 products on all threads at once.
double measure_gemm(Workers& workers) {
  constexpr std::size_t n = 512;
  constexpr std::size_t repeats = 12;
  std::vector<std::vector<float>> buffers(workers.threads(), std::vector<float>(3 * n * n, 0.5F));
  const auto run = [&](std::size_t times) {
    const auto start = Clock::now();
    workers.for_each(workers.threads(), [&](std::size_t t) {
      float* const a = buffers[t].data();
      for (std::size_t i = 0; i < times; ++i) kernels::multiply_nt(n, n, n, a, a + n * n, a + 2 * n * n);
    });
    return seconds_since(start);
  };
  run(2);
  double best = 1e30;
  for (int trial = 0; trial < 3; ++trial) best = std::min(best, run(repeats));
  return static_cast<double>(workers.threads() * repeats) * 2.0 * n * n * n / best / 1e9;
}

/// The recipe's data, at their mean length: padding is not computed.
datasets::Splits bench_shape(const RunConfig& config) {
  const datasets::Shape shape = datasets::shape(config.dataset);
  datasets::Splits splits = shape.splits;
  if (padded_length(config, splits) == 0) {
    splits.max_length = static_cast<std::size_t>(std::lround(shape.mean_length / (splits.pairs ? 2.0 : 1.0)));
  }
  return splits;
}

/// A model that can take training steps on random data, and be evaluated on them.
class Stepper {
 public:
  Stepper(const RunConfig& config, Workers& workers)
      : config_(config),
        shape_(bench_shape(config)),
        data_(shape_, config.training.bsz),
        model_(make_model(config, shape_)),
        inventory_(quantized()),
        runner_(model_, inventory_, metric_of(shape_),
                {.lanes = config.training.lanes,
                 .packed = inventory_.has_batch_statistics(),
                 .recompute = config.run.memory == "small",
                 .norm_backward = config.training.norm_backward,
                 .act_backward = config.training.act_backward},
                workers),
        optimizer_(inventory_.parameters, optimizer_settings(config)),
        indices_(config.training.bsz) {
    std::iota(indices_.begin(), indices_.end(), std::size_t{0});
    if (needs_calibration(inventory_)) {
      runner_.run(LaneRunner::Mode::begin, data_, indices_);
      calibrate_ranges(inventory_, runner_.observed());
    }
  }

  double step_seconds() {
    const auto start = Clock::now();
    runner_.run(LaneRunner::Mode::train, data_, indices_, config_.training.seed, step_++);
    optimizer_.step(inventory_.parameters, runner_.gradient(), 1e-4, 1e-4);
    update_ranges(inventory_, runner_.observed());
    return seconds_since(start);
  }

  double evaluation_seconds() {
    const auto start = Clock::now();
    runner_.run(LaneRunner::Mode::evaluate, data_, indices_);
    return seconds_since(start);
  }

  /// The program of the model as it is now; nothing for one that has none.
  [[nodiscard]] std::optional<program::Program> program() const {
    datasets::Example example;
    data_.read(0, example);
    try {
      return export_model(model_, example, config_.dataset, padded_length(config_, shape_));
    } catch (const Error&) {  // `bitstate inspect` shows what stands in the way
      return std::nullopt;
    }
  }

  [[nodiscard]] std::size_t tokens() const { return config_.training.bsz * shape_.max_length * (shape_.pairs ? 2 : 1); }

 private:
  Inventory quantized() {
    Inventory inventory = take_inventory(model_);
    apply_quantization(config_, inventory);
    return inventory;
  }

  RunConfig config_;
  datasets::Splits shape_;
  RandomSequences data_;
  Model model_;
  Inventory inventory_;
  LaneRunner runner_;
  Optimizer optimizer_;
  std::vector<std::size_t> indices_;
  std::uint64_t step_ = 0;
};

/// "none", the configuration, or "rules" for flags and rows of the user.
std::string quant_name(const RunConfig& config) {
  if (quant_rules(config).empty()) return "none";
  return config.quantization.quant == "none" ? "rules" : config.quantization.quant;
}

/// Figures, and the program where there is one.
struct Benched {
  BenchResult result;
  std::optional<program::Program> program;
};

Benched measure(const RunConfig& config) {
  constexpr double wanted_seconds = 6.0;
  Workers workers(config.run.threads);
  Stepper stepper(config, workers);
  stepper.step_seconds();  // warms the arenas
  stepper.evaluation_seconds();
  BenchResult result;
  result.peak_rss_bytes = peak_rss_bytes();  // products, measured below, take memory of their own
  result.recipe = config.recipe;
  result.quant = quant_name(config);
  result.step_seconds = 1e30;
  double evaluation_seconds = 1e30;
  const auto start = Clock::now();
  // the products are timed between the steps: what else the machine does meets both
  do {
    result.gemm_gflops = std::max(result.gemm_gflops, measure_gemm(workers));
    for (int i = 0; i < 3; ++i) result.step_seconds = std::min(result.step_seconds, stepper.step_seconds());
    evaluation_seconds = std::min(evaluation_seconds, stepper.evaluation_seconds());
  } while (seconds_since(start) < wanted_seconds);
  result.evaluated_sequences_per_second = static_cast<double>(config.training.bsz) / evaluation_seconds;
  result.tokens_per_second = static_cast<double>(stepper.tokens()) / result.step_seconds;
  result.fraction_of_gemm =
      training_flops_per_token(config.model) * result.tokens_per_second / (result.gemm_gflops * 1e9);
  result.run_hours = projected_hours(config, result.step_seconds, workers.threads());
  const bool reads_pairs = bench_shape(config).pairs;
  return {result, result.quant == "none" || reads_pairs ? std::nullopt : stepper.program()};
}

/// Null where the models carry no state.
CarryingForward carrying_of(const RunConfig& config, const datasets::Splits& shape) {
  if (!shape.tokens || shape.task != datasets::Task::labelling) return nullptr;
  try {
    return carrying_forward(config.model);
  } catch (const UsageError&) {
    return nullptr;
  }
}

/// The results with the figures of inference, all of one run; of pairs there are none.
std::vector<BenchResult> with_inference(const RunConfig& config, std::vector<Benched> all) {
  std::vector<BenchResult> results;
  for (const Benched& one : all) results.push_back(one.result);
  const datasets::Splits shape = bench_shape(config);
  if (shape.pairs) return results;
  std::vector<InferenceModel> models;
  {
    Model model = make_model(config, shape);
    const std::size_t parameters = take_inventory(model).parameter_count();
    models.emplace_back(FloatInference{std::move(model), carrying_of(config, shape), parameters});
  }
  for (Benched& one : all) {
    if (one.program) models.emplace_back(std::move(*one.program));
  }
  datasets::Example example;
  RandomSequences(shape, 1).read(0, example);
  const std::vector<InferenceSpeed> speeds = measure_inference(models, example);
  std::size_t next = 1;
  for (std::size_t i = 0; i < all.size(); ++i) {
    results[i].float_inference = speeds[0];
    if (all[i].program) results[i].inference = speeds[next++];
  }
  return results;
}

nlohmann::json figures(const InferenceSpeed& speed) {
  return {{"prefill_steps_per_second", speed.prefill_steps_per_second},
          {"decode_steps_per_second", speed.decode_steps_per_second},
          {"constant_bytes", speed.constant_bytes}};
}

nlohmann::json figures(const BenchResult& r) {
  nlohmann::json all = {{"recipe", r.recipe},
                        {"quant", r.quant},
                        {"tokens_per_second", r.tokens_per_second},
                        {"step_seconds", r.step_seconds},
                        {"evaluated_sequences_per_second", r.evaluated_sequences_per_second},
                        {"gemm_gflops", r.gemm_gflops},
                        {"fraction_of_gemm", r.fraction_of_gemm},
                        {"run_hours", r.run_hours},
                        {"peak_rss_bytes", r.peak_rss_bytes}};
  for (const auto& [name, speed] : {std::pair("float_inference", r.float_inference), {"inference", r.inference}}) {
    if (speed.prefill_steps_per_second > 0.0) all[name] = figures(speed);
  }
  return all;
}

}  // namespace

std::array<double, 3> projected_hours(const RunConfig& config, double step_seconds, std::size_t threads) {
  const std::size_t official = datasets::train_size(config.dataset, config.data);
  std::size_t examples = official - static_cast<std::size_t>(config.data.val_split * static_cast<double>(official));
  if (config.data.limit_train > 0) examples = std::min(examples, config.data.limit_train);
  const double steps =
      static_cast<double>(examples * config.training.epochs) / static_cast<double>(config.training.bsz);
  std::array<double, 3> hours{};
  std::transform(projected_cores.begin(), projected_cores.end(), hours.begin(), [&](std::size_t machine) {
    // lanes are dealt to the cores: the busiest core decides
    const auto rounds = [&](std::size_t cores) {
      const double lanes = static_cast<double>(std::min(config.training.bsz, std::max(config.training.lanes, cores)));
      return std::ceil(lanes / static_cast<double>(cores)) / lanes;
    };
    return steps * step_seconds / 3600.0 * rounds(machine) / rounds(threads);
  });
  return hours;
}

std::vector<BenchResult> bench(const RunConfig& config) {
  std::vector<Benched> all;
  all.push_back(measure(config));
  if (all[0].result.quant == "none") {
    RunConfig quantized = config;
    quantized.quantization.quant = "w8a8";
    quantized.quantization.trained_rules.reset();
    const Settings family = {{"preset", config.preset}, {"model", config.model.model}, {"quant", "w8a8"}};
    quantized.quantization.text = load_run_config("", family).quantization.text;
    all.push_back(measure(quantized));
  }
  return with_inference(config, std::move(all));
}

std::string to_json(const std::vector<BenchResult>& results) {
  nlohmann::json line = figures(results.front());
  for (const auto& result : results) line["runs"].push_back(figures(result));
  return line.dump();
}

}  // namespace bitstate::experiments
