#include "experiments/run_folder/step_cost.h"

#include "autograd/optimizer.h"
#include "core/error.h"
#include "datasets/splits.h"
#include "experiments/host/console.h"
#include "experiments/host/machine.h"
#include "experiments/host/tools.h"
#include "experiments/run_folder/inspect_run.h"
#include "experiments/run_folder/model_setup.h"
#include "experiments/run_folder/train.h"
#include "experiments/settings/run_config.h"
#include "experiments/training/lane_runner.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <numeric>
#include <string>
#include <vector>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace bitstate::experiments {
namespace {

enum Outcome : int { measured, refused, diverged };

/// What the child does: writes what `measure` gives, or why there is nothing, into `to`.
template <class Measure>
[[noreturn]] void measure_into(int to, const Measure& measure) {
  const auto finish = [to](Outcome outcome, const void* bytes, std::size_t count) {
    const bool whole = write(to, bytes, count) == static_cast<ssize_t>(count);  // less than a pipe holds
    _exit(whole ? outcome : EXIT_FAILURE);
  };
  try {
#ifdef __GLIBC__
    malloc_trim(0);  // what the parent has freed is not this run's
#endif
    const auto cost = measure();
    finish(measured, &cost, sizeof(cost));
  } catch (const DivergedError& error) {
    finish(diverged, error.what(), std::strlen(error.what()));
  } catch (const std::exception& error) {
    finish(refused, error.what(), std::min<std::size_t>(std::strlen(error.what()), PIPE_BUF));
  }
  _exit(EXIT_FAILURE);
}

std::string all_of(int from) {
  std::string text;
  std::array<char, 4096> part{};
  while (true) {
    const ssize_t count = read(from, part.data(), part.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(part.data(), static_cast<std::size_t>(count));
  }
}

/// What `measure` gives, or throws, in a process of its own.
template <class Measure>
auto measured_apart(const Measure& measure) {
  std::array<int, 2> ends{};
  require(pipe(ends.data()) == 0, "memory", "cannot be measured: {}", std::strerror(errno));
  const pid_t child = fork();
  if (child == 0) measure_into(ends[1], measure);
  close(ends[1]);
  const std::string said = child > 0 ? all_of(ends[0]) : "";
  close(ends[0]);
  require(child > 0, "memory", "cannot be measured: {}", std::strerror(errno));
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  require(WIFEXITED(status), "memory",
          "cannot be measured: the process that trains a few steps was killed by signal {}", WTERMSIG(status));
  if (WEXITSTATUS(status) == diverged) throw DivergedError(said);
  decltype(measure()) cost;
  require(WEXITSTATUS(status) == measured && said.size() == sizeof(cost), "memory", "cannot be measured: {}", said);
  std::memcpy(&cost, said.data(), sizeof(cost));
  return cost;
}

template <class Work>
double seconds_of(const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Upkeep measure_upkeep(RunConfig config, datasets::Splits data, const std::filesystem::path& folder) {
  silence_stdout();
  data.train = datasets::limit(data.train, config.training.bsz);
  data.test = datasets::limit(data.test, 1);
  if (data.validation) data.validation = datasets::limit(data.validation, 1);
  config.run.resume = false;
  config.run.give_up.reset();
  config.source.epochs_factor = 1.0;
  const auto seconds = [&](std::size_t epochs) {
    config.training.epochs = epochs;
    config.run.out = (folder / std::to_string(epochs)).string();
    return seconds_of([&] { require(train_on(config, data).status != "interrupted", "memory", "is not measured"); });
  };
  const StepCost cost = measure_step(config, data);
  const double evaluations = cost.validation_seconds + cost.test_seconds;
  if (epochs_of(config) == 0) return {std::max(0.0, seconds(0) - evaluations), 0.0};
  const double one = seconds(1);
  const double epoch = (seconds(3) - one) / 2.0;
  return {std::max(0.0, one - epoch - cost.test_seconds),
          std::max(0.0, epoch - cost.training_seconds - cost.validation_seconds)};
}

}  // namespace

StepCost measure_step_apart(const RunConfig& config, const datasets::Splits& data) {
  return measured_apart([&] { return measure_step(config, data); });
}

Upkeep measure_upkeep_apart(const RunConfig& config, const datasets::Splits& data,
                            const std::filesystem::path& parent) {
  try {
    return measured_apart([&] {
      const WorkFolder folder(parent);  // of the child, which removes it when it is told to stop, too
      return measure_upkeep(config, data, folder.path());
    });
  } catch (const Error&) {
    return {};
  }
}

StepCost measure_step(const RunConfig& config, const datasets::Splits& data) {
  constexpr double enough_seconds = 2.0;
  constexpr double least_seconds = 0.05;
  Model model = make_model(config, data);
  Inventory inventory = take_inventory(model);
  apply_quantization(config, inventory);
  const auto frozen = step_settings(config, data, inventory).frozen_layers;
  if (frozen) freeze_below(inventory, *frozen);
  Workers workers(config.run.threads);
  LaneRunner runner(model, inventory, metric_of(data),
                    {.lanes = config.training.lanes,
                     .padded_length = padded_length(config, data),
                     .packed = inventory.has_batch_statistics(),
                     .target_units = data.reading.target_units,
                     .recompute = config.run.memory == "small",
                     .norm_backward = config.training.norm_backward,
                     .act_backward = config.training.act_backward,
                     .frozen_layers = frozen},
                    workers);
  Optimizer optimizer(inventory.parameters, optimizer_settings(config));
  std::vector<std::size_t> batch(std::min(config.training.bsz, data.train->size()));
  std::iota(batch.begin(), batch.end(), std::size_t{0});
  if (needs_calibration(inventory)) {
    runner.run(LaneRunner::Mode::begin, *data.train, batch);
    calibrate_ranges(inventory, runner.observed());
  }
  std::uint64_t step = 0;
  const auto train = [&] {
    runner.run(LaneRunner::Mode::train, *data.train, batch, config.training.seed, step++);
    optimizer.step(inventory.parameters, runner.gradient(), 1e-6, 1e-6);
    update_ranges(inventory, runner.observed());
  };
  const double first = seconds_of(train);  // makes the arenas, too
  double passed = 0.0;
  std::size_t steps_passed = 0;
  while (steps_passed == 0 || (first + passed < enough_seconds && (steps_passed < 3 || passed < least_seconds))) {
    passed += seconds_of(train);
    ++steps_passed;
  }
  const double step_seconds = passed / static_cast<double>(steps_passed);
  const double batch_seconds = seconds_of([&] { runner.run(LaneRunner::Mode::evaluate, *data.train, batch); });
  const double sequence_seconds = batch_seconds / static_cast<double>(batch.size());
  const datasets::Dataset& validation = data.validation ? *data.validation : *data.test;
  const std::size_t steps = data.train->size() / batch.size();
  return {step_seconds * static_cast<double>(steps), sequence_seconds * static_cast<double>(validation.size()),
          sequence_seconds * static_cast<double>(data.test->size()), resident_bytes()};
}

}  // namespace bitstate::experiments
