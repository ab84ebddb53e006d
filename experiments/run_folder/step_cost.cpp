#include "experiments/run_folder/step_cost.h"

#include "autograd/optimizer.h"
#include "core/error.h"
#include "experiments/host/machine.h"
#include "experiments/run_folder/model_setup.h"
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

/// What the child does: writes the cost, or why there is none, into `to`.
[[noreturn]] void measure_into(int to, const RunConfig& config, const datasets::Splits& data) {
  const auto finish = [to](Outcome outcome, const void* bytes, std::size_t count) {
    const bool whole = write(to, bytes, count) == static_cast<ssize_t>(count);  // less than a pipe holds
    _exit(whole ? outcome : EXIT_FAILURE);
  };
  try {
#ifdef __GLIBC__
    malloc_trim(0);  // what the parent has freed is not this run's
#endif
    const StepCost cost = measure_step(config, data);
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

}  // namespace

StepCost measure_step_apart(const RunConfig& config, const datasets::Splits& data) {
  std::array<int, 2> ends{};
  require(pipe(ends.data()) == 0, "memory", "cannot be measured: {}", std::strerror(errno));
  const pid_t child = fork();
  if (child == 0) measure_into(ends[1], config, data);
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
  require(WEXITSTATUS(status) == measured && said.size() == sizeof(StepCost), "memory", "cannot be measured: {}", said);
  StepCost cost;
  std::memcpy(&cost, said.data(), sizeof(cost));
  return cost;
}

StepCost measure_step(const RunConfig& config, const datasets::Splits& data) {
  using Clock = std::chrono::steady_clock;
  constexpr double enough_seconds = 2.0;
  Model model = make_model(config, data);
  Inventory inventory = take_inventory(model);
  apply_quantization(config, inventory);
  Workers workers(config.run.threads);
  LaneRunner runner(model, inventory, metric_of(data),
                    {config.training.lanes, padded_length(config, data), inventory.has_batch_statistics(),
                     data.reading.target_units, config.run.memory == "small"},
                    workers);
  Optimizer optimizer(inventory.parameters, optimizer_settings(config));
  std::vector<std::size_t> batch(std::min(config.training.bsz, data.train->size()));
  std::iota(batch.begin(), batch.end(), std::size_t{0});
  if (needs_calibration(inventory)) {
    runner.run(LaneRunner::Mode::begin, *data.train, batch);
    calibrate_ranges(inventory, runner.observed());
  }
  const auto seconds_of = [](const auto& work) {
    const auto start = Clock::now();
    work();
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  std::uint64_t step = 0;
  const auto train = [&] {
    runner.run(LaneRunner::Mode::train, *data.train, batch, config.training.seed, step++);
    optimizer.step(inventory.parameters, runner.gradient(), 1e-6, 1e-6);
    update_ranges(inventory, runner.observed());
  };
  double passed = seconds_of(train);  // makes the arenas, too
  double step_seconds = passed;
  for (int i = 0; i < 3 && passed < enough_seconds; ++i) {
    const double seconds = seconds_of(train);
    step_seconds = std::min(step_seconds, seconds);
    passed += seconds;
  }
  const double batch_seconds = seconds_of([&] { runner.run(LaneRunner::Mode::evaluate, *data.train, batch); });
  const double sequence_seconds = batch_seconds / static_cast<double>(batch.size());
  const datasets::Dataset& validation = data.validation ? *data.validation : *data.test;
  const std::size_t steps = data.train->size() / batch.size();
  return {step_seconds * static_cast<double>(steps), sequence_seconds * static_cast<double>(validation.size()),
          sequence_seconds * static_cast<double>(data.test->size()), resident_bytes()};
}

}  // namespace bitstate::experiments
