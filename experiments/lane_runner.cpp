#include "experiments/lane_runner.h"

#include "core/error.h"

#include <algorithm>
#include <cmath>

namespace bitstate::experiments {

/// What a lane owns: its share of the gradient, and the maxima and histograms that its sequences showed.
struct LaneRunner::Lane {
  std::vector<float> gradient;
  std::vector<float> observed;
  std::vector<std::uint32_t> counts;
  std::size_t tokens = 0;
};

/// What a worker owns while it runs a lane.
struct LaneRunner::Workspace {
  Tape tape;
  datasets::Example example;
  std::vector<std::size_t> rows, lengths;
  std::vector<float> x, targets, loss_gradient;
  std::vector<std::int32_t> tokens, labels;
};

LaneRunner::LaneRunner(const Model& model, const Inventory& inventory, Metric metric, const LaneSettings& settings,
                       Workers& workers)
    : model_(model), inventory_(inventory), metric_(metric), settings_(settings), workers_(workers) {
  lanes_.resize(settings_.lanes);
}

LaneRunner::~LaneRunner() = default;

std::unique_ptr<LaneRunner::Workspace> LaneRunner::take_workspace() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return std::make_unique<Workspace>();
  auto workspace = std::move(idle_.back());
  idle_.pop_back();
  return workspace;
}

const BatchResult& LaneRunner::run(Mode mode, const datasets::Dataset& data, std::span<const std::size_t> indices,
                                   std::uint64_t seed, std::uint64_t step) {
  const std::size_t lanes = std::min(settings_.lanes, indices.size());
  result_.losses.assign(indices.size(), 0.0);
  result_.metrics.assign(indices.size(), 0.0);
  const bool observes = mode != Mode::evaluate;
  if (observes) statistics_.assign(inventory_.buffer_count(), 0.0);
  if (observes && settings_.packed) {
    workers_.for_each_lane(lanes, [&](std::size_t lane, Meeting& meeting) {
      run_lane(mode, data, indices, lane, lanes, &meeting, seed, step);
    });
  } else {
    workers_.for_each(lanes,
                      [&](std::size_t lane) { run_lane(mode, data, indices, lane, lanes, nullptr, seed, step); });
  }
  result_.tokens = 0;
  for (std::size_t lane = 0; lane < lanes; ++lane) result_.tokens += lanes_[lane].tokens;
  if (observes) merge(lanes, mode == Mode::train);
  return result_;
}

void LaneRunner::run_lane(Mode mode, const datasets::Dataset& data, std::span<const std::size_t> indices,
                          std::size_t lane, std::size_t lanes, Meeting* meeting, std::uint64_t seed,
                          std::uint64_t step) {
  const std::size_t begin = lane * indices.size() / lanes;
  const std::size_t end = (lane + 1) * indices.size() / lanes;
  Lane& own = lanes_[lane];
  own.tokens = 0;
  Pass pass;
  pass.training = mode != Mode::evaluate;
  pass.gradients = mode == Mode::train;
  pass.calibrating = mode == Mode::begin || mode == Mode::calibrate;
  pass.running_statistics = mode == Mode::calibrate;
  pass.lane = lane;
  pass.meeting = meeting;
  pass.seed = seed;
  pass.step = step;
  if (pass.gradients) own.gradient.assign(inventory_.parameter_count(), 0.0F);
  if (pass.training) own.observed.assign(inventory_.range_count(), 0.0F);
  if (pass.training) own.counts.assign(inventory_.count_count(), 0);
  pass.counts = own.counts;
  pass.gradient = own.gradient;
  pass.observed = own.observed;
  if (lane == 0) pass.statistics = statistics_;

  auto workspace = take_workspace();
  if (pass.training && settings_.packed) {
    run_group(*workspace, pass, data, indices, begin, end);
  } else {
    for (std::size_t i = begin; i < end; ++i) run_group(*workspace, pass, data, indices, i, i + 1);
  }
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(workspace));
}

void LaneRunner::run_group(Workspace& w, const Pass& pass, const datasets::Dataset& data,
                           std::span<const std::size_t> indices, std::size_t first, std::size_t last) {
  w.rows.clear();
  w.lengths.clear();
  w.x.clear();
  w.targets.clear();
  w.tokens.clear();
  w.labels.clear();
  for (std::size_t i = first; i < last; ++i) {
    data.read(indices[i], w.example);
    const std::size_t length = w.example.length;
    const std::size_t rows = settings_.pad ? std::max(length, settings_.max_length) : length;
    w.lengths.push_back(length);
    w.rows.push_back(rows);
    const auto append = [&](auto& all, const auto& one) {
      all.insert(all.end(), one.begin(), one.end());
      all.resize(all.size() + one.size() / length * (rows - length));
    };
    append(w.x, w.example.x);
    append(w.tokens, w.example.tokens);
    append(w.targets, w.example.target);
    w.labels.push_back(w.example.label);
    lanes_[pass.lane].tokens += length;
  }
  Tape& tape = w.tape;
  tape.begin(pass);
  const Batch batch{{w.rows, w.lengths, first}, w.x, w.tokens};
  const Value output = forward(model_, tape, batch);
  Value loss;
  switch (metric_) {
    case Metric::accuracy:
      loss = ops::cross_entropy(tape, output, w.labels);
      break;
    case Metric::mse:
      loss = ops::squared_error(tape, output, w.targets, batch.sequences);
      break;
    case Metric::smape:
      loss = ops::smape(tape, output, w.targets, batch.sequences);
      break;
  }
  for (std::size_t n = 0; n < last - first; ++n) {
    const double value = tape[loss].value[n];
    require<DivergedError>(std::isfinite(value), "loss", "the loss of a sequence is {}", value);
    result_.losses[first + n] = value;
    result_.metrics[first + n] = value;
    if (metric_ == Metric::accuracy) {
      const Node& logits = tape[output];
      const float* const row = logits.value + n * logits.cols;
      const auto predicted = std::max_element(row, row + logits.cols) - row;
      result_.metrics[first + n] = predicted == w.labels[n] ? 1.0 : 0.0;
    }
  }
  if (!pass.gradients) return;
  w.loss_gradient.assign(last - first, 1.0F / static_cast<float>(indices.size()));
  tape.backward(loss, w.loss_gradient);
}

void LaneRunner::merge(std::size_t lanes, bool gradients) {
  constexpr std::size_t chunk = 4096;
  const std::size_t count = gradients ? inventory_.parameter_count() : 0;
  workers_.for_each((count + chunk - 1) / chunk, [&](std::size_t c) {
    const std::size_t end = std::min(count, (c + 1) * chunk);
    for (std::size_t stride = 1; stride < lanes; stride *= 2) {
      for (std::size_t lane = 0; lane + stride < lanes; lane += 2 * stride) {
        float* const to = lanes_[lane].gradient.data();
        const float* const from = lanes_[lane + stride].gradient.data();
        for (std::size_t i = c * chunk; i < end; ++i) to[i] += from[i];
      }
    }
  });
  std::vector<float>& observed = lanes_[0].observed;
  for (std::size_t lane = 1; lane < lanes; ++lane) {
    for (std::size_t i = 0; i < observed.size(); ++i) observed[i] = std::max(observed[i], lanes_[lane].observed[i]);
    for (std::size_t i = 0; i < lanes_[0].counts.size(); ++i) lanes_[0].counts[i] += lanes_[lane].counts[i];
  }
}

std::span<const float> LaneRunner::gradient() const { return lanes_[0].gradient; }

Observed LaneRunner::observed() const { return {lanes_[0].observed, lanes_[0].counts}; }

std::size_t LaneRunner::peak_arena_bytes() const {
  std::size_t bytes = 0;
  for (const auto& workspace : idle_) bytes += workspace->tape.arena().peak_bytes();
  return bytes;
}

}  // namespace bitstate::experiments
