#include "experiments/training/lane_runner.h"

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
  std::vector<std::size_t> second_rows, second_lengths;  // of the second documents of pairs
  std::vector<std::int32_t> second_tokens;

  void clear() {
    for (auto* sizes : {&rows, &lengths, &second_rows, &second_lengths}) sizes->clear();
    for (auto* reals : {&x, &targets}) reals->clear();
    for (auto* ids : {&tokens, &labels, &second_tokens}) ids->clear();
  }
  /// The second documents behind the first ones, as the retrieval head takes them.
  void append_second() {
    rows.insert(rows.end(), second_rows.begin(), second_rows.end());
    lengths.insert(lengths.end(), second_lengths.begin(), second_lengths.end());
    tokens.insert(tokens.end(), second_tokens.begin(), second_tokens.end());
  }
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
  result_.weights.assign(indices.size(), 0.0);
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
  const bool each_step = std::holds_alternative<S5Regressor>(model_);
  w.clear();
  for (std::size_t i = first; i < last; ++i) {
    data.read(indices[i], w.example);
    append(w, w.example, each_step);
    lanes_[pass.lane].tokens += w.example.length + w.example.second.size();
  }
  const bool pairs = !w.second_rows.empty();
  w.append_second();
  Tape& tape = w.tape;
  tape.begin(pass);
  const Batch batch{{w.rows, w.lengths, pairs ? 2 * first : first}, w.x, w.tokens};
  const Value output = forward(model_, tape, batch);
  const Value loss = loss_of(w, batch, output, each_step);
  std::size_t row = 0;  // of the output, where sequence n begins
  for (std::size_t n = 0; n < last - first; ++n) {
    const double value = tape[loss].value[n];
    require<DivergedError>(std::isfinite(value), "loss", "the loss of a sequence is {}", value);
    const Node& y = tape[output];
    const std::size_t count = (each_step ? w.lengths[n] : 1) * y.cols;
    const std::size_t begin = row * y.cols;
    row += each_step ? w.rows[n] : 1;
    result_.losses[first + n] = value;
    result_.metrics[first + n] = value;
    result_.weights[first + n] = metric_ == Metric::rmse ? static_cast<double>(count) : 1.0;
    if (metric_ == Metric::accuracy) {
      const float* const logits = y.value + begin;
      result_.metrics[first + n] = std::max_element(logits, logits + y.cols) - logits == w.labels[n] ? 1.0 : 0.0;
    } else if (metric_ == Metric::rmse) {
      result_.metrics[first + n] =
          mean_square({y.value + begin, count}, std::span(w.targets).subspan(begin, count), settings_.target_units);
    }
  }
  if (!pass.gradients) return;
  w.loss_gradient.assign(last - first, 1.0F / static_cast<float>(indices.size()));
  tape.backward(loss, w.loss_gradient);
}

void LaneRunner::append(Workspace& w, const datasets::Example& example, bool each_step) const {
  const auto rows_of = [&](std::size_t length) {
    return settings_.pad ? std::max(length, settings_.max_length) : length;
  };
  const auto add = [](auto& all, const auto& one, std::size_t length, std::size_t rows) {
    all.insert(all.end(), one.begin(), one.end());
    all.resize(all.size() + one.size() / length * (rows - length));
  };
  const std::size_t length = example.length;
  const std::size_t rows = rows_of(length);
  w.lengths.push_back(length);
  w.rows.push_back(rows);
  add(w.x, example.x, length, rows);
  add(w.tokens, example.tokens, length, rows);
  add(w.targets, example.target, length, each_step ? rows : length);
  w.labels.push_back(example.label);
  if (const std::size_t second = example.second.size(); second > 0) {
    w.second_lengths.push_back(second);
    w.second_rows.push_back(rows_of(second));
    add(w.second_tokens, example.second, second, rows_of(second));
  }
}

Value LaneRunner::loss_of(Workspace& w, const Batch& batch, Value output, bool each_step) const {
  if (metric_ == Metric::accuracy) return ops::cross_entropy(w.tape, output, w.labels);
  if (metric_ == Metric::smape) return ops::smape(w.tape, output, w.targets, batch.sequences);
  if (each_step) return ops::squared_error(w.tape, output, w.targets, batch.sequences);
  const std::vector<std::size_t> ones(w.rows.size(), 1);  // one target a sequence is one of one step
  return ops::squared_error(w.tape, output, w.targets, {ones, ones, batch.sequences.first});
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
