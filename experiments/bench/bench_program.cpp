#include "experiments/bench/bench_program.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/program/file.h"
#include "core/program/onnx/onnx.h"
#include "core/program/run/runner.h"
#include "core/random.h"
#include "core/suggest.h"
#include "datasets/registry.h"
#include "experiments/bench/bench.h"
#include "experiments/bench/thread_seconds.h"
#include "experiments/host/process.h"
#include "experiments/host/tools.h"
#include "experiments/run_folder/load.h"
#include "experiments/run_folder/model_setup.h"
#include "experiments/settings/embedded.h"
#include "experiments/settings/ini.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <span>

namespace bitstate::experiments {
namespace {

using Clock = std::chrono::steady_clock;

/// Codes from the whole grid of the input.
std::vector<std::int32_t> random_codes(const program::Input& input, std::size_t length) {
  const Random random{0, 0};
  const auto count = static_cast<std::uint64_t>(std::int64_t{input.grid.hi} - input.grid.lo + 1);
  std::vector<std::int32_t> codes(length * input.cols);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    codes[i] = static_cast<std::int32_t>(input.grid.lo + static_cast<std::int64_t>(random.below(count, i)));
  }
  return codes;
}

/// One instruction set, and what it is timed on.
struct Candidate {
  program::Runner runner;
  IsaSpeed speed;
  std::vector<double> ratios = {};  // of the rounds

  /// One sequence as a whole, then one row by row; both times are kept where they are the least so far. Returns the
  /// first.
  double round(std::span<const std::int32_t> codes) {
    double start = thread_seconds();
    const std::vector<std::int32_t> whole = runner.run(codes);
    const double sequence = thread_seconds() - start;
    speed.sequence_seconds = std::min(speed.sequence_seconds, sequence);
    if (!runner.streams()) return sequence;
    const std::size_t cols = runner.header().input.cols;
    const std::size_t steps = codes.size() / cols;
    std::vector<std::int32_t> output(runner.per_step() ? runner.output_cols() : 0);
    program::State state = runner.begin();
    start = thread_seconds();
    for (std::size_t t = 0; t < steps; ++t) runner.step(state, codes.subspan(t * cols, cols), output);
    speed.step_seconds = std::min(speed.step_seconds, (thread_seconds() - start) / static_cast<double>(steps));
    return sequence;
  }
};

/// The float model of the run that a program says it was exported from, and one sequence of random numbers.
class FloatModel {
 public:
  FloatModel(const program::Program& program, const program::Runner& runner)
      : config_(float_config(program.settings)),
        shape_(shape_of(program, runner, config_.dataset)),
        model_(make_model(config_, shape_)) {
    const Random random{0, 1};
    tokens_.resize(shape_.tokens ? length() : 0);
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      tokens_[i] = static_cast<std::int32_t>(random.below(shape_.d_input, i));
    }
    x_.resize(shape_.tokens ? 0 : length() * shape_.d_input);
    for (std::size_t i = 0; i < x_.size(); ++i) x_[i] = static_cast<float>(random.uniform(i));
  }
  [[nodiscard]] std::size_t length() const { return shape_.max_length; }
  void run() {
    tape_.begin({});
    const std::size_t rows[] = {length()};
    model_.forward(tape_, {{rows, rows, 0}, x_, tokens_});
  }

 private:
  static RunConfig float_config(const std::string& settings) {
    Settings kept = without_quantization(parse_ini(settings, "the program's settings"));
    // what a run may have that starts from another one, and changes no size of the model
    constexpr std::array of_source{"preset",  "epochs",    "from", "from_lr_factor", "from_epochs_factor",
                                   "balance", "transforms"};
    std::erase_if(kept, [&](const auto& setting) { return is_one_of(setting.first, of_source); });
    return load_run_config("", kept);
  }
  static datasets::Splits shape_of(const program::Program& program, const program::Runner& runner,
                                   const std::string& dataset) {
    datasets::Splits shape;
    shape.task = program.output.classes
                     ? (runner.per_step() ? datasets::Task::labelling : datasets::Task::classification)
                     : (runner.per_step() ? datasets::Task::regression : datasets::Task::value);
    shape.tokens = program.input.tokens;
    shape.d_input = shape.tokens ? static_cast<std::size_t>(program.input.grid.hi) + 1 : program.input.cols;
    shape.d_output = runner.output_cols();
    shape.max_length = dataset == "own" ? own_length : datasets::shape(dataset).splits.max_length;
    return shape;
  }

  static constexpr std::size_t own_length = 1024;  // steps, where no data set says how many

  RunConfig config_;
  datasets::Splits shape_;
  Model model_;
  std::vector<float> x_;
  std::vector<std::int32_t> tokens_;
  Tape tape_;
};

/// Runs the program's ONNX model in onnxruntime on one thread: seconds of a sequence, or why there are none.
void measure_onnxruntime(const program::Program& program, ProgramSpeed& speed) {
  const WorkFolder folder;
  const auto model = folder / "model.onnx";
  const auto script = folder / "onnxruntime.mjs";
  const auto log = folder / "log";
  write_file_atomically(model, program::onnx_model(program));
  write_file_atomically(script, *embedded_file("scripts/onnxruntime.mjs"));
  const std::string cols = std::to_string(program.input.tokens ? 0 : program.input.cols);
  ChildProcesses children;
  children.start(
      {"/usr/bin/env", "node", script.string(), model.string(), std::to_string(speed.length), cols, "16", "4"}, log);
  ChildProcesses::Event event;
  while (event.kind == ChildProcesses::Event::Kind::nothing) event = children.wait(60.0);
  const std::string text = read_file(log, std::size_t{1} << 20);
  const auto figures = nlohmann::json::parse(text, nullptr, false);
  if (figures.is_object() && figures.contains("best_sequences_per_second")) {
    speed.onnxruntime_sequence_seconds = 1.0 / figures.value("best_sequences_per_second", 0.0);
  } else {
    speed.onnxruntime_missing = text.substr(0, text.find('\n'));
  }
}

void keep_fastest(ProgramSpeed& speed, const ProgramSpeed& again) {
  for (std::size_t i = 0; i < speed.isas.size(); ++i) {
    auto& isa = speed.isas[i];
    isa.sequence_seconds = std::min(isa.sequence_seconds, again.isas[i].sequence_seconds);
    isa.step_seconds = std::min(isa.step_seconds, again.isas[i].step_seconds);
    isa.speedup = (isa.speedup + again.isas[i].speedup) / 2.0;
  }
  speed.float_sequence_seconds = std::min(speed.float_sequence_seconds, again.float_sequence_seconds);
}

double median(std::vector<double> x) {
  std::nth_element(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(x.size() / 2), x.end());
  return x[x.size() / 2];
}

}  // namespace

ProgramSpeed bench_program(const program::Program& program, std::size_t length,
                           const std::function<void()>& float_sequence, double seconds) {
  require(length > 0, "bench", "a sequence has no steps");
  constexpr double never = std::numeric_limits<double>::infinity();
  const std::vector<std::int32_t> codes = random_codes(program.input, length);
  std::vector<Candidate> candidates;
  for (const program::Isa isa : program::instruction_sets) {
    if (program::is_available(isa)) candidates.push_back({program::Runner(program, isa), {isa, never, 0.0, never}});
  }
  ProgramSpeed result;
  result.length = length;
  result.float_sequence_seconds = float_sequence ? never : 0.0;
  const auto start = Clock::now();
  do {
    double float_seconds = 0.0;
    if (float_sequence) {
      const double begin = thread_seconds();
      float_sequence();
      float_seconds = thread_seconds() - begin;
      result.float_sequence_seconds = std::min(result.float_sequence_seconds, float_seconds);
    }
    for (Candidate& candidate : candidates) candidate.ratios.push_back(float_seconds / candidate.round(codes));
  } while (seconds_since(start) < seconds);
  for (Candidate& candidate : candidates) {
    candidate.speed.speedup = median(candidate.ratios);
    if (!candidate.runner.streams()) candidate.speed.step_seconds = 0.0;
    result.isas.push_back(candidate.speed);
  }
  return result;
}

ProgramSpeed bench_program_file(const std::filesystem::path& file) {
  const program::Program program = program::load(file);
  require(!program.settings.empty(), "bench", "{} does not say which run it was exported from", file.string());
  FloatModel model(program, program::Runner(program));
  const auto measure = [&] { return bench_program(program, model.length(), [&] { model.run(); }); };
  ProgramSpeed speed = measure();
  measure_onnxruntime(program, speed);
  keep_fastest(speed, measure());  // onnxruntime ran between the two
  return speed;
}

std::string speed_text(const ProgramSpeed& speed) {
  const double onnx = speed.onnxruntime_sequence_seconds;
  const auto line = [](std::string_view name, double seconds, const std::string& more) {
    return fmt::format("{:<12} {:8.3f} ms per sequence  {:8.1f} sequences/s{}\n", name, 1e3 * seconds, 1.0 / seconds,
                       more);
  };
  std::string text = fmt::format("sequences of {} steps, one thread\n", speed.length);
  for (const IsaSpeed& isa : speed.isas) {
    std::string more = fmt::format("  {:6.2f} times float", isa.speedup);
    if (onnx > 0.0) more += fmt::format("  {:6.2f} times onnxruntime", onnx / isa.sequence_seconds);
    if (isa.step_seconds > 0.0) more += fmt::format("  {:7.2f} us a streaming step", 1e6 * isa.step_seconds);
    text += line(program::name_of(isa.isa), isa.sequence_seconds, more);
  }
  text += line("float model", speed.float_sequence_seconds, "");
  if (onnx > 0.0) return text + line("onnxruntime", onnx, "");
  return text + fmt::format("onnxruntime  not measured: {}\n", speed.onnxruntime_missing);
}

std::string to_json(const ProgramSpeed& speed) {
  const double onnx = speed.onnxruntime_sequence_seconds;
  nlohmann::json line = {{"length", speed.length},
                         {"float_sequence_seconds", speed.float_sequence_seconds},
                         {"onnxruntime_sequence_seconds", onnx > 0.0 ? nlohmann::json(onnx) : nlohmann::json()}};
  for (const IsaSpeed& isa : speed.isas) {
    line["isas"].push_back({{"isa", program::name_of(isa.isa)},
                            {"sequence_seconds", isa.sequence_seconds},
                            {"speedup", isa.speedup},
                            {"step_seconds", isa.step_seconds}});
  }
  return line.dump();
}

}  // namespace bitstate::experiments
