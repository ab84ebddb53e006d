#include "experiments/export/export.h"

#include "autograd/kernels/gemm.h"
#include "core/error.h"
#include "core/parallel.h"
#include "core/program/run/runner.h"
#include "experiments/host/console.h"
#include "experiments/inspect/inspect.h"
#include "experiments/run_folder/identity.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/model_setup.h"
#include "experiments/training/export_model.h"
#include "experiments/training/judge.h"
#include "experiments/training/metric.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <mutex>
#include <optional>
#include <span>

namespace bitstate::experiments {
namespace {

using program::Program;
using program::Runner;

/// A trained model with its data, with or without its quantizers.
class TrainedModel {
 public:
  TrainedModel(const RunConfig& config, const datasets::Splits& data, const std::filesystem::path& best)
      : model_(make_model(config, data)), inventory_(take_inventory(model_)) {
    apply_quantization(config, inventory_);
    load_checkpoint(best, identity_of(config), inventory_, nullptr);
  }
  void drop_quantizers() {
    for (Quantizer* quantizer : inventory_.quantizers) quantizer->spec = {};
  }
  [[nodiscard]] const Model& model() const { return model_; }
  [[nodiscard]] const Inventory& inventory() const { return inventory_; }

 private:
  Model model_;
  Inventory inventory_;
};

/// A metric of a sequence, and its weight in the mean of all.
struct Judged {
  double metric = 0.0, weight = 0.0;
};

/// What the outputs y [steps or 1, cols] of a sequence are worth.
Judged judged(const Judge& judge, const datasets::Example& example, std::span<const float> y, std::size_t cols) {
  Tape tape;
  tape.begin({});
  const Value outputs = tape.input(y.size() / cols, cols, y.data());
  Asked asked;
  judge.append(asked, example, example.length);
  const std::size_t lengths[] = {example.length};
  const Sequences steps{lengths, lengths};
  Judged result;
  double loss = 0.0;
  judge.judge(tape, outputs, judge.loss(tape, outputs, steps, asked), steps, asked,
              {{&loss, 1}, {&result.metric, 1}, {&result.weight, 1}});
  return result;
}

/// The true steps of an output.
std::size_t true_size(const Node& y, const datasets::Example& example) {
  return y.rows == 1 ? y.cols : example.length * y.cols;
}

std::vector<float> real_values(const std::vector<std::int32_t>& codes, const Program& p) {
  std::vector<float> y(codes.size());
  for (std::size_t i = 0; i < y.size(); ++i) {
    y[i] = static_cast<float>(codes[i]) * p.output.scale[i % p.output.scale.size()];
  }
  return y;
}

/// What one sequence says.
struct Compared {
  std::optional<Difference> difference;
  std::size_t codes = 0;
  Judged in_float, quantized, integer;
};

Sample sample_of(const Runner& runner, const datasets::Example& example) {
  Sample sample{example.x, input_codes(runner.header(), example), {}};
  sample.output = runner.run(sample.input);
  return sample;
}

class Comparison {
 public:
  Comparison(const TrainedModel& quantized, const TrainedModel& in_float, const datasets::Splits& data,
             const Runner& runner, std::size_t padded)
      : quantized_(quantized),
        in_float_(in_float),
        data_(data),
        judge_(quantized.model().output(), metric_of(data), data.reading.target_units),
        runner_(runner),
        padded_(padded) {}

  [[nodiscard]] Compared compare(std::size_t index) const {
    datasets::Example example;
    data_.test->read(index, example);
    Compared result;
    Tape tape;
    const Value y = forward_example(quantized_.model(), example, padded_, tape);
    const std::size_t cols = tape[y].cols;
    const std::size_t size = true_size(tape[y], example);
    const std::vector<std::int32_t> expected = tape.codes32(y);
    result.quantized = judged(judge_, example, {tape.value(y), size}, cols);
    const std::vector<std::int32_t> found = sample_of(runner_, example).output;
    require(found.size() == size, "export", "the program gives {} codes for sequence {}, the forward {}", found.size(),
            index, size);
    result.codes = size;
    for (std::size_t i = 0; i < size && !result.difference; ++i) {
      if (found[i] != expected[i]) result.difference = Difference{index, i, expected[i], found[i]};
    }
    result.integer = judged(judge_, example, real_values(found, runner_.header()), cols);
    const Value f = forward_example(in_float_.model(), example, padded_, tape);
    result.in_float = judged(judge_, example, {tape.value(f), size}, cols);
    return result;
  }

 private:
  const TrainedModel& quantized_;
  const TrainedModel& in_float_;
  const datasets::Splits& data_;
  Judge judge_;
  const Runner& runner_;
  std::size_t padded_;
};

std::filesystem::path weights_of(const std::filesystem::path& run) {
  auto best = run / "best.h5";
  require(std::filesystem::exists(best), "export", "{} holds no best.h5: it is not the folder of a trained run",
          run.string());
  return best;
}

/// The data of a run whose model reads one sequence.
datasets::Splits data_of(const RunConfig& config, const std::filesystem::path& run) {
  datasets::Splits data = load_data(config, trained_on(weights_of(run)).reading);
  require(!data.pairs, "export", "{} compares pairs of documents, but a program reads one sequence", run.string());
  return data;
}

/// The program of the model, or an error that says which sites stand in the way.
Program traced(const RunConfig& config, const TrainedModel& trained, const datasets::Splits& data,
               std::vector<program::WeightScales>& weights) {
  const std::size_t padded = padded_length(config, data);
  const Inspection inspection = inspect(trained.model(), trained.inventory(), *data.train, 1, padded);
  require(inspection.islands.empty(), "export",
          "{}; bitstate inspect {} shows every site, bitstate ptq gives bits to those that have none",
          verdict(inspection), config.run.out);
  datasets::Example example;
  data.train->read(0, example);
  Program p = export_model(trained.model(), example, data.name, padded, &weights);
  p.settings = format_ini(kept_settings(config));
  if (!data.tokens) p.input.units = data.reading.input_units;
  if (!data.tokens) p.input.names = data.input_names;
  if (!p.output.classes) p.output.units = data.reading.target_units;
  if (!p.output.classes) p.output.names = data.target_names;
  if (p.output.classes) p.output.class_names = data.reading.classes;
  return p;
}

nlohmann::json cost_json(const program::Cost& cost) {
  return {{"weight_bytes", (cost.weight_bits + 7) / 8},
          {"constant_bytes", (cost.constant_bits + 7) / 8},
          {"state_bytes", cost.state_bytes},
          {"multiplications_per_step", cost.multiplications},
          {"memory_bytes_per_step", cost.memory_bytes}};
}

}  // namespace

program::Program program_of_run(const RunConfig& config, const std::filesystem::path& run) {
  const auto best = weights_of(run);
  const datasets::Splits data = data_of(config, run);
  std::vector<program::WeightScales> weights;
  return traced(config, TrainedModel(config, data, best), data, weights);
}

Exported export_run(const RunConfig& config, const std::filesystem::path& run, std::size_t sequences,
                    const AcceptProgram& accept) {
  const auto best = weights_of(run);
  const datasets::Splits data = data_of(config, run);
  const TrainedModel quantized(config, data, best);
  TrainedModel in_float(config, data, best);
  in_float.drop_quantizers();
  std::vector<program::WeightScales> weights;
  Exported result{traced(config, quantized, data, weights), {}, {}, data.max_length, config.run.threads, {}, {}};
  if (accept) accept(result, quantized.inventory(), weights);
  const Runner runner(result.program);
  result.sample = [runner, test = data.test](std::size_t i) {
    datasets::Example example;
    test->read(i, example);
    return sample_of(runner, example);
  };
  const Comparison comparison(quantized, in_float, data, runner, padded_length(config, data));
  const std::size_t count = std::min(sequences, data.test->size());
  std::vector<Compared> compared(count);
  ProgressBar bar(count, 0);
  std::mutex mutex;
  std::size_t done = 0;
  kernels::prepare_products();
  Workers(config.run.threads).for_each(count, [&](std::size_t i) {
    compared[i] = comparison.compare(i);
    const std::lock_guard lock(mutex);
    bar.show(++done, "comparing the program with the quantized forward");
  });

  Parity& parity = result.parity;
  parity.sequences = count;
  parity.of_sequences = data.test->size();
  parity.metric = metric_name(metric_of(data));
  MetricMean in_float_mean(metric_of(data)), quantized_mean(metric_of(data)), integer_mean(metric_of(data));
  for (const Compared& one : compared) {
    parity.codes += one.codes;
    if (one.difference) parity.differences.push_back(*one.difference);
    in_float_mean.add(one.in_float.metric, one.in_float.weight);
    quantized_mean.add(one.quantized.metric, one.quantized.weight);
    integer_mean.add(one.integer.metric, one.integer.weight);
  }
  parity.in_float = in_float_mean.value();
  parity.quantized = quantized_mean.value();
  parity.integer = integer_mean.value();
  return result;
}

std::string metric_text(const Parity& p) {
  if (p.sequences == p.of_sequences) return "test " + p.metric;
  return fmt::format("{} of the first {} of {} test sequences", p.metric, p.sequences, p.of_sequences);
}

std::string export_text(const Exported& exported) {
  const Parity& p = exported.parity;
  const program::Cost cost = program::cost_of(exported.program);
  std::string text =
      fmt::format("equal: {} of {} test sequences ({} codes) differ\n", p.differences.size(), p.sequences, p.codes);
  text += fmt::format("{}: {:.4f} in float, {:.4f} quantized, {:.4f} as integer program\n", metric_text(p), p.in_float,
                      p.quantized, p.integer);
  text += fmt::format("{} instructions; {} bytes of weights, {} of other constants, {} of state\n",
                      exported.program.instructions.size(), (cost.weight_bits + 7) / 8, (cost.constant_bits + 7) / 8,
                      cost.state_bytes);
  return text + fmt::format("one step: {} multiplications, {} bytes read and written\n", cost.multiplications,
                            cost.memory_bytes);
}

std::string to_json(const Exported& exported, const std::string& proof, std::size_t proven) {
  const Parity& p = exported.parity;
  nlohmann::json line = cost_json(program::cost_of(exported.program));
  line["sequences"] = p.sequences;
  line["codes"] = p.codes;
  line["differences"] = p.differences.size();
  line["metric"] = p.metric;
  line["float"] = p.in_float;
  line["quantized"] = p.quantized;
  line["integer"] = p.integer;
  line["proof"] = proof;
  line["proven_sequences"] = proven;
  line["architecture"] = program::architecture_digest(exported.program);
  return line.dump();
}

}  // namespace bitstate::experiments
