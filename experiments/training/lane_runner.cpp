#include "experiments/training/lane_runner.h"

#include "core/error.h"
#include "experiments/training/frozen_prefix.h"
#include "experiments/training/integer_forward.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <functional>
#include <numeric>
#include <string>

namespace bitstate {

/// What a lane adds up: its share of the gradient, and the maxima and histograms that its sequences showed. When two
/// lanes are done, their sums become one (join).
struct LaneRunner::Sums {
  std::vector<float> gradient, observed;
  std::vector<std::uint32_t> counts;

  static constexpr auto plus = std::plus<>();
  static constexpr auto larger = [](float a, float b) { return std::max(a, b); };

  void add(const Sums& other) {
    std::transform(gradient.begin(), gradient.end(), other.gradient.begin(), gradient.begin(), plus);
    std::transform(observed.begin(), observed.end(), other.observed.begin(), observed.begin(), larger);
    std::transform(counts.begin(), counts.end(), other.counts.begin(), counts.begin(), plus);
  }
};

struct LaneRunner::Lane {
  std::unique_ptr<Sums> sums;
  std::size_t joined = 0;  // the last stride at which it has met its neighbour, or waits for it
  std::size_t tokens = 0;
};

/// What run() is called with, and how the lanes are dealt.
struct LaneRunner::Call {
  Mode mode;
  const datasets::Dataset& data;
  std::span<const std::size_t> indices;
  std::uint64_t seed;
  std::uint64_t step;
  std::size_t lanes;                // of all ranks
  std::vector<std::size_t> blocks;  // where those of each rank begin
  std::size_t first;                // of those of this rank
  std::size_t count;                // of those of this rank

  [[nodiscard]] bool observes() const { return mode != Mode::evaluate; }
  /// Where the sequences of a lane begin.
  [[nodiscard]] std::size_t begin(std::size_t lane) const { return lane * indices.size() / lanes; }
};

/// What a worker owns while it runs a lane.
struct LaneRunner::Workspace {
  Tape tape;
  datasets::Example example;
  std::vector<std::size_t> rows, lengths;
  std::vector<float> x;
  std::vector<std::int32_t> tokens;
  Asked asked;
  std::vector<std::size_t> second_rows, second_lengths;  // of the second documents of pairs
  std::vector<std::int32_t> second_tokens;
  Tape prefix_tape;
  std::vector<std::shared_ptr<const PrefixRows>> prefix;  // of the sequences of the pass

  void clear() {
    for (auto* sizes : {&rows, &lengths, &second_rows, &second_lengths}) sizes->clear();
    for (auto* ids : {&tokens, &second_tokens}) ids->clear();
    x.clear();
    prefix.clear();
    asked.clear();
  }
  /// The second documents behind the first ones, as a model of pairs takes them.
  void append_second() {
    rows.insert(rows.end(), second_rows.begin(), second_rows.end());
    lengths.insert(lengths.end(), second_lengths.begin(), second_lengths.end());
    tokens.insert(tokens.end(), second_tokens.begin(), second_tokens.end());
  }
};

namespace {

constexpr std::size_t fewest_for_program = 32;  // sequences of a batch: of fewer, lowering a small model costs more

}  // namespace

void check_example(const datasets::Example& example, std::size_t index) {
  const std::size_t length = example.length;
  require(length > 0, "data", "sequence {} has no steps", index);
  require(example.x.size() % length == 0 && (example.tokens.empty() || example.tokens.size() == length) &&
              !(example.x.empty() && example.tokens.empty()) &&
              (example.labels.empty() || example.labels.size() == length),
          "data", "sequence {} has {} steps, but {} numbers, {} tokens and {} labels", index, length, example.x.size(),
          example.tokens.size(), example.labels.size());
}

void require_equal_blocks(const Team& team, std::size_t lanes) {
  const auto fits = [&](std::size_t ranks) { return lanes % ranks == 0 && std::has_single_bit(lanes / ranks); };
  if (team.size() == 1 || fits(team.size())) return;
  std::string fitting = "1";
  for (std::size_t ranks = 2; ranks <= lanes; ++ranks) {
    if (fits(ranks)) fitting += fmt::format(" {}", ranks);
  }
  fail<UsageError>("lanes",
                   "{} processes cannot share {} lanes in equal blocks of 1, 2, 4, 8 or so lanes; expected one of "
                   "these numbers of processes: {}",
                   team.size(), lanes, fitting);
}

LaneRunner::LaneRunner(const Model& model, const Inventory& inventory, Metric metric, const LaneSettings& settings,
                       Workers& workers)
    : model_(model),
      judge_(model.output(), metric, settings.target_units, settings.class_weights),
      inventory_(inventory),
      settings_(settings),
      workers_(workers),
      parts_(std::make_unique<Sums>()) {
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

/// All zero; without gradients where none are wanted.
std::unique_ptr<LaneRunner::Sums> LaneRunner::take_sums(bool gradients) {
  std::unique_ptr<Sums> sums;
  {
    const std::lock_guard lock(mutex_);
    if (!idle_sums_.empty()) {
      sums = std::move(idle_sums_.back());
      idle_sums_.pop_back();
    }
  }
  if (sums == nullptr) sums = std::make_unique<Sums>();
  sums->gradient.assign(gradients ? inventory_.gradient_count() : 0, 0.0F);
  sums->observed.assign(inventory_.range_count(), 0.0F);
  sums->counts.assign(inventory_.count_count(), 0);
  return sums;
}

const BatchResult& LaneRunner::run(Mode mode, const datasets::Dataset& data, std::span<const std::size_t> indices,
                                   std::uint64_t seed, std::uint64_t step) {
  const Team& team = *settings_.team;
  const std::size_t lanes = std::min(settings_.lanes, indices.size());
  const std::vector<std::size_t> blocks = team.shares(lanes);
  const std::size_t first = blocks[team.rank()];
  const Call call{mode, data, indices, seed, step, lanes, blocks, first, blocks[team.rank() + 1] - first};
  if (call.observes()) require_equal_blocks(team, lanes);
  settings_.team->together([&] { run_own_lanes(call); });
  gather_results(call);
  if (call.observes()) reduce_sums();
  return result_;
}

void LaneRunner::run_own_lanes(const Call& call) {
  for (auto* const numbers : {&result_.losses, &result_.metrics, &result_.weights}) {
    numbers->assign(call.indices.size(), 0.0);
  }
  result_.details.assign(call.observes() ? 0 : details_of_example(call) * call.indices.size(), 0.0);
  integer_ = integer_forward(call);
  if (call.mode == Mode::train) make_prefix(call.data, call.indices[0]);
  if (call.observes()) {
    statistics_.assign(inventory_.buffer_count(), 0.0);
    for (Lane& lane : lanes_) {
      lane.joined = 0;
      if (lane.sums != nullptr) idle_sums_.push_back(std::move(lane.sums));
    }
    reserve_parts();
  }
  if (!call.observes() || !settings_.packed) {
    workers_.for_each(call.count, [&](std::size_t lane) { run_lane(call, lane, nullptr); });
    return;
  }
  workers_.for_each_lane(
      call.count, [&](std::size_t lane, Meeting& meeting) { run_lane(call, lane, &meeting); },
      [&](const std::vector<double>& own) {
        const std::size_t each = own.size() / call.count;
        std::vector<double> all(each * call.lanes);
        std::copy(own.begin(), own.end(), all.begin() + static_cast<std::ptrdiff_t>(each * call.first));
        (void)settings_.team->any(false);  // has failed before it came here
        settings_.team->gather(std::span(all), settings_.team->shares(all.size()));
        return all;
      });
}

/// What the sequences of other ranks gave.
void LaneRunner::gather_results(const Call& call) {
  Team& team = *settings_.team;
  std::vector<std::size_t> sequences, tokens(team.size());
  for (const std::size_t lane : call.blocks) sequences.push_back(call.begin(lane));
  for (auto* const numbers : {&result_.losses, &result_.metrics, &result_.weights}) {
    team.gather(std::span(*numbers), sequences);
  }
  const std::size_t details = result_.details.size() / call.indices.size();
  std::vector<std::size_t> of_details = sequences;
  for (std::size_t& begin : of_details) begin *= details;
  team.gather(std::span(result_.details), of_details);
  for (std::size_t lane = 0; lane < call.count; ++lane) tokens[team.rank()] += lanes_[lane].tokens;
  team.gather(std::span(tokens), team.shares(team.size()));
  result_.tokens = std::accumulate(tokens.begin(), tokens.end(), std::size_t{0});
}

/// Room for reduce_sums(), while there being none can still be agreed on.
void LaneRunner::reserve_parts() {
  const std::size_t ranks = settings_.team->size();
  if (ranks == 1) return;
  parts_->gradient.reserve(inventory_.gradient_count() + ranks);
  parts_->observed.reserve(inventory_.range_count() + ranks);
  parts_->counts.reserve(inventory_.count_count() + ranks);
}

/// The sums of this rank's lanes become those of all, as if all were lanes of this rank.
void LaneRunner::reduce_sums() {
  Team& team = *settings_.team;
  Sums& sums = *lanes_[0].sums;
  team.reduce(std::span(sums.gradient), parts_->gradient, Sums::plus);
  team.reduce(std::span(sums.observed), parts_->observed, Sums::larger);
  team.reduce(std::span(sums.counts), parts_->counts, Sums::plus);
}

std::size_t LaneRunner::details_of_example(const Call& call) const {
  datasets::Example example;
  call.data.read(call.indices[0], example);
  check_example(example, call.indices[0]);
  return judge_.details_of(example);
}

/// Anew for each batch: the model may have learned in between.
std::unique_ptr<const IntegerForward> LaneRunner::integer_forward(const Call& call) const {
  if (call.mode != Mode::evaluate || call.indices.size() < fewest_for_program) return nullptr;
  datasets::Example example;
  call.data.read(call.indices[0], example);
  check_example(example, call.indices[0]);
  auto integer = IntegerForward::of(model_, example, settings_.padded_length);
  return integer ? std::make_unique<const IntegerForward>(std::move(*integer)) : nullptr;
}

void LaneRunner::forget_prefix() {
  prefix_.reset();
  kept_.reset();
}

/// Once: what is frozen stays as it is. Any sequence will do.
void LaneRunner::make_prefix(const datasets::Dataset& data, std::size_t index) {
  if (!settings_.frozen_layers) return;
  if (prefix_ == nullptr) {
    datasets::Example example;
    data.read(index, example);
    check_example(example, index);
    prefix_ = std::make_unique<const FrozenPrefix>(model_, inventory_, *settings_.frozen_layers, example);
  }
  if (keeps_prefix_ && (kept_ == nullptr || !kept_->is_of(data))) {
    kept_ = std::make_unique<PrefixCache>(data, judge_.output().sequences);
  }
}

std::optional<std::size_t> LaneRunner::prefix_bytes(const datasets::Dataset& data, std::size_t index) {
  make_prefix(data, index);
  if (prefix_ == nullptr) return std::nullopt;
  const auto workspace = take_workspace();
  Workspace& w = *workspace;
  w.clear();
  w.example.clear();
  data.read(index, w.example);
  append(w, w.example);
  return (*prefix_)(w.prefix_tape, {{w.rows, w.lengths}, w.x, w.tokens}).bytes();
}

/// Computes the frozen layers of each sequence that is not kept. `examples`: those of the pass; the second documents of
/// pairs come behind all first ones.
Value LaneRunner::enter_behind_prefix(Workspace& w, const Batch& batch, std::span<const std::size_t> examples) {
  const std::size_t all = std::accumulate(w.rows.begin(), w.rows.end(), std::size_t{0});
  std::size_t row = 0;
  for (std::size_t s = 0; s < w.rows.size(); ++s) {
    const auto own = [&](auto values) {
      const std::size_t cols = values.size() / all;
      return values.subspan(row * cols, w.rows[s] * cols);
    };
    const auto compute = [&] {
      const std::span rows(w.rows), lengths(w.lengths);
      const Sequences one{rows.subspan(s, 1), lengths.subspan(s, 1), batch.sequences.first + s};
      return (*prefix_)(w.prefix_tape, {one, own(batch.x), own(batch.tokens)});
    };
    const std::size_t example = examples[s % examples.size()], document = s / examples.size();
    w.prefix.push_back(kept_ ? kept_->get(example, document, compute) : std::make_shared<const PrefixRows>(compute()));
    row += w.rows[s];
  }
  return prefix_leaf(w.tape, w.prefix);
}

/// `lane` counts those of this rank.
void LaneRunner::run_lane(const Call& call, std::size_t lane, Meeting* meeting) {
  const Mode mode = call.mode;
  const std::size_t begin = call.begin(call.first + lane);
  const std::size_t end = call.begin(call.first + lane + 1);
  Lane& own = lanes_[lane];
  own.tokens = 0;
  Pass pass;
  pass.training = mode != Mode::evaluate;
  pass.gradients = mode == Mode::train;
  pass.calibrating = mode == Mode::begin || mode == Mode::calibrate;
  pass.running_statistics = mode == Mode::calibrate;
  pass.results_only = settings_.recompute || !pass.gradients;
  pass.replay_states = settings_.recompute;
  pass.gives_back = true;
  pass.norm_backward = settings_.norm_backward;
  pass.act_backward = settings_.act_backward;
  pass.lane = lane;
  pass.meeting = meeting;
  pass.seed = call.seed;
  pass.step = call.step;
  if (pass.training) {
    own.sums = take_sums(pass.gradients);
    pass.counts = own.sums->counts;
    pass.gradient = own.sums->gradient;
    pass.observed = own.sums->observed;
  }
  if (lane == 0) pass.statistics = statistics_;

  auto workspace = take_workspace();
  if (pass.training && settings_.packed) {
    run_group(*workspace, pass, call.data, call.indices, begin, end);
  } else {
    for (std::size_t i = begin; i < end; ++i) run_group(*workspace, pass, call.data, call.indices, i, i + 1);
  }
  {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(workspace));
  }
  if (pass.training) join(lane, call.count);
}

void LaneRunner::run_group(Workspace& w, const Pass& pass, const datasets::Dataset& data,
                           std::span<const std::size_t> indices, std::size_t first, std::size_t last) {
  w.clear();
  for (std::size_t i = first; i < last; ++i) {
    w.example.clear();
    data.read(indices[i], w.example);
    check_example(w.example, indices[i]);
    append(w, w.example);
    lanes_[pass.lane].tokens += w.example.length + w.example.second.size();
  }
  w.append_second();
  Tape& tape = w.tape;
  tape.begin(pass);
  Batch batch{{w.rows, w.lengths, judge_.output().sequences * first}, w.x, w.tokens};
  if (pass.gradients && prefix_ != nullptr) {
    batch.parts_before = *settings_.frozen_layers;
    batch.entering = enter_behind_prefix(w, batch, indices.subspan(first, last - first));
  }
  const Value output = integer_ ? (*integer_)(tape, batch) : model_.forward(tape, batch);
  const Value loss = judge_.loss(tape, output, batch.sequences, w.asked);
  const std::size_t details = result_.details.size() / result_.losses.size();
  const auto own = [&](std::vector<double>& all, std::size_t each = 1) {
    return std::span(all).subspan(first * each, (last - first) * each);
  };
  judge_.judge(tape, output, loss, batch.sequences, w.asked,
               {own(result_.losses), own(result_.metrics), own(result_.weights), own(result_.details, details)});
  if (!pass.gradients) return;
  const float share = 1.0F / static_cast<float>(indices.size());
  tape.backward(loss, judge_.loss_gradient(w.asked, batch.sequences, share));
}

void LaneRunner::append(Workspace& w, const datasets::Example& example) const {
  const auto rows_of = [&](std::size_t length) { return std::max(length, settings_.padded_length); };
  const auto add = [](auto& all, const auto& one, std::size_t length, std::size_t rows) {
    all.insert(all.end(), one.begin(), one.end());
    all.resize(all.size() + one.size() / length * (rows - length));
  };
  require(example.second.empty() == (judge_.output().sequences == 1), "lanes",
          "the model reads {}, but the example is {}",
          judge_.output().sequences == 1 ? "single sequences" : "pairs of sequences",
          example.second.empty() ? "a single one" : "a pair");
  const std::size_t length = example.length;
  const std::size_t rows = rows_of(length);
  w.lengths.push_back(length);
  w.rows.push_back(rows);
  add(w.x, example.x, length, rows);
  add(w.tokens, example.tokens, length, rows);
  judge_.append(w.asked, example, rows);
  if (const std::size_t second = example.second.size(); second > 0) {
    w.second_lengths.push_back(second);
    w.second_rows.push_back(rows_of(second));
    add(w.second_tokens, example.second, second, rows_of(second));
  }
}

/// Adds the sums of a lane that is done to those of its neighbour, if that is done as well, and so on: pairs of lanes,
/// pairs of pairs. What is added to what does not depend on which lane is done first.
void LaneRunner::join(std::size_t lane, std::size_t lanes) {
  for (std::size_t stride = 1; stride < lanes; stride *= 2) {
    const std::size_t left = lane & ~stride;
    const std::size_t right = left + stride;
    if (right < lanes) {
      {
        const std::lock_guard lock(mutex_);
        lanes_[lane].joined = stride;
        if (lanes_[lane ^ stride].joined != stride) return;  // which goes on when it is done
      }
      lanes_[left].sums->add(*lanes_[right].sums);
      const std::lock_guard lock(mutex_);
      idle_sums_.push_back(std::move(lanes_[right].sums));
    }
    lane = left;
  }
}

std::span<const float> LaneRunner::gradient() const {
  const Sums* const sums = lanes_[0].sums.get();
  return sums == nullptr ? std::span<const float>() : sums->gradient;
}

Observed LaneRunner::observed() const {
  const Sums* const sums = lanes_[0].sums.get();
  return sums == nullptr ? Observed{} : Observed{sums->observed, sums->counts};
}

std::size_t LaneRunner::peak_arena_bytes() const {
  std::size_t bytes = 0;
  for (const auto& workspace : idle_) bytes += workspace->tape.peak_bytes() + workspace->prefix_tape.peak_bytes();
  return bytes;
}

}  // namespace bitstate
