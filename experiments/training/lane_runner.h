// Runs batches through a model, lane by lane: every number that comes out is independent of the number of threads, and
// of the number of processes that share the lanes.
#pragma once

#include "autograd/backward_forms.h"
#include "core/parallel.h"
#include "datasets/dataset.h"
#include "experiments/training/judge.h"
#include "experiments/training/team.h"
#include "models/model.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

namespace bitstate {

class FrozenPrefix;
class PrefixCache;
class IntegerForward;

/// Throws Error, naming the index, for an example without steps or with arrays that do not fit its steps.
void check_example(const datasets::Example& example, std::size_t index);

struct LaneSettings {
  std::size_t lanes = 16;
  std::size_t padded_length = 0;  ///< shorter sequences are padded to so many steps
  bool packed = false;            ///< a lane's sequences share one pass (batch normalization needs it in training)
  datasets::Units target_units = {};
  /// Pass::results_only and replay_states in training; other passes keep results only anyway.
  bool recompute = false;
  std::shared_ptr<Team> team = std::make_shared<Team>();  ///< that shares the lanes
  NormBackward norm_backward = NormBackward::exact;       ///< Pass::norm_backward
  ActBackward act_backward = ActBackward::exact;          ///< Pass::act_backward
  /// A training pass begins behind so many layers, which an evaluation computes (FrozenPrefix); none: at the input.
  std::optional<std::size_t> frozen_layers = {};
  std::vector<double> class_weights = {};  ///< of losses in training (Judge)
};

/// Throws UsageError unless the ranks of the team can have equal blocks of the lanes, each a subtree of the tree in
/// which lanes are added: a power of two of them.
void require_equal_blocks(const Team& team, std::size_t lanes);

/// What a batch gave: loss, metric and weight in the mean of the metrics (MetricMean) of each of its sequences, in
/// their order.
struct BatchResult {
  std::vector<double> details;  ///< of an evaluation: Judge::details_of() numbers of each
  std::vector<double> losses;
  std::vector<double> metrics;
  std::vector<double> weights;
  std::size_t tokens = 0;
};

class LaneRunner {
 public:
  /// Throws Error as Judge does.
  LaneRunner(const Model& model, const Inventory& inventory, Metric metric, const LaneSettings& settings,
             Workers& workers);
  ~LaneRunner();

  /// calibrate: ranges are observed, with the running statistics; begin: as calibrate, with those of the batch, where
  /// there are no running ones yet.
  enum class Mode { train, begin, calibrate, evaluate };

  /// Forward (and, in training, backward) of the sequences `indices` of `data`, dealt to the lanes in order, and the
  /// lanes to the ranks of the team, all of which call it at the same time and get the same results. In training
  /// gradient(), observed() and statistics() then hold those of the whole batch; in calibration observed() does. An
  /// evaluation runs the integer program of a model that has one. Throws DivergedError when a loss, a state or an
  /// activation is not finite, and Error for pairs where the model reads single sequences, or the reverse; outside an
  /// evaluation as require_equal_blocks() does.
  const BatchResult& run(Mode mode, const datasets::Dataset& data, std::span<const std::size_t> indices,
                         std::uint64_t seed = 0, std::uint64_t step = 0);

  /// What training does with the frozen layers is made anew: they have changed. Nothing where none are frozen.
  void forget_prefix();
  /// Keeps the result of the frozen layers for every sequence that training reads, until forget_prefix() or training on
  /// other data: no number changes.
  void keep_prefix() { keeps_prefix_ = true; }
  /// What keep_prefix() takes for the sequence `index`, twice that for a pair of its length. Nothing where no layer is
  /// frozen. Throws what the model throws.
  [[nodiscard]] std::optional<std::size_t> prefix_bytes(const datasets::Dataset& data, std::size_t index);

  [[nodiscard]] std::span<const float> gradient() const;  ///< flat, of the mean loss of the batch
  [[nodiscard]] Observed observed() const;                ///< of the quantizers that keep a range
  [[nodiscard]] std::span<const double> statistics() const { return statistics_; }  ///< of the BatchNorms
  [[nodiscard]] std::size_t peak_arena_bytes() const;                               ///< of all workers together

 private:
  struct Sums;
  struct Lane;
  struct Workspace;

  struct Call;

  [[nodiscard]] std::size_t details_of_example(const Call& call) const;
  [[nodiscard]] std::unique_ptr<const IntegerForward> integer_forward(const Call& call) const;
  void run_own_lanes(const Call& call);
  void run_lane(const Call& call, std::size_t lane, Meeting* meeting);
  void run_group(Workspace& workspace, const Pass& pass, const datasets::Dataset& data,
                 std::span<const std::size_t> indices, std::size_t first, std::size_t last);
  void append(Workspace& workspace, const datasets::Example& example) const;
  void make_prefix(const datasets::Dataset& data, std::size_t index);
  Value enter_behind_prefix(Workspace& workspace, const Batch& batch, std::span<const std::size_t> examples);
  std::unique_ptr<Workspace> take_workspace();
  std::unique_ptr<Sums> take_sums(bool gradients);
  void join(std::size_t lane, std::size_t lanes);
  void gather_results(const Call& call);
  void reserve_parts();
  void reduce_sums();

  const Model& model_;
  Judge judge_;
  const Inventory& inventory_;
  LaneSettings settings_;
  Workers& workers_;
  std::vector<Lane> lanes_;
  std::unique_ptr<const IntegerForward> integer_;  // of the evaluation at hand, where it has one
  std::unique_ptr<const FrozenPrefix> prefix_;     // of training, where layers are frozen
  bool keeps_prefix_ = false;
  std::unique_ptr<PrefixCache> kept_;
  std::vector<double> statistics_;
  BatchResult result_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Workspace>> idle_;
  std::vector<std::unique_ptr<Sums>> idle_sums_;
  std::unique_ptr<Sums> parts_;  // of the sums of other ranks
};

}  // namespace bitstate
