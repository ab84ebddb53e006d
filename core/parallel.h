// Lanes of a batch over threads: the only parallelism of bitstate (and the only place that knows oneTBB).
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace bitstate {

/// Where all lanes of a step meet to add up numbers (the statistics of batch normalization). Every lane calls sum() the
/// same number of times, in the same order.
class Meeting {
 public:
  virtual ~Meeting() = default;
  /// Replaces `values` by its sum over all lanes, added in the order of the lanes: the result does not depend on
  /// threads. All lanes pass spans of the same length. Throws when another lane has failed.
  virtual void sum(std::size_t lane, std::span<double> values) = 0;
};

/// Adds the lanes of other processes to a meeting: gets the numbers that the lanes here bring, one lane after the
/// other, and returns those of all lanes of all processes, in their order. What it throws every lane here throws.
using MeetOthers = std::function<std::vector<double>(std::vector<double> own)>;

/// A fixed set of threads.
class Workers {
 public:
  /// `threads` 0 means one per core.
  explicit Workers(std::size_t threads);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  [[nodiscard]] std::size_t threads() const;

  /// Calls f(i) once for each i < count, on any thread, and returns when all have ended. Rethrows the error of the
  /// smallest i.
  void for_each(std::size_t count, const std::function<void(std::size_t)>& f);

  /// Like for_each, for lanes that meet: a lane that waits in Meeting::sum gives its thread to another lane. `others`
  /// is called by one thread at a time.
  void for_each_lane(std::size_t lanes, const std::function<void(std::size_t lane, Meeting&)>& f,
                     const MeetOthers& others = {});

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace bitstate
