// How long the runs take that a sweep has not done yet.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>

namespace bitstate::experiments {

/// What a run's time depends on.
struct RunWork {
  std::string kind;        ///< its row and stage: runs that differ in the seed alone take equally long
  std::size_t epochs = 0;  ///< that it is to be trained for; 0: it is not trained
};

/// What epochs have taken so far. A run without training counts as one epoch.
class EpochCosts {
 public:
  /// A whole run of `work` takes `seconds`.
  void add(const RunWork& work, double seconds);

  /// That a run of `work` is to take: by those of its kind or, where none is known, by all that are trained, or not
  /// trained, as it is. A run that is not trained is else taken for an epoch of those that are. Nothing where none of
  /// this is known.
  [[nodiscard]] std::optional<double> seconds_of(const RunWork& work) const;

 private:
  struct Mean {
    double seconds = 0.0;
    double epochs = 0.0;
  };
  std::map<std::string, Mean> kinds_;
  Mean trained_;
  Mean untrained_;
};

}  // namespace bitstate::experiments
