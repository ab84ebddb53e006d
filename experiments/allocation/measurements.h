// What has been measured of a run, kept in a file so that it is measured once.
#pragma once

#include "experiments/allocation/measured.h"

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>

namespace bitstate::experiments {

/// What measurements depend on, besides the rules that are measured.
struct MeasuredOn {
  std::string weights;      ///< digest of those of the run
  std::string rules;        ///< of what is not measured
  std::string data;         ///< digest
  std::size_t batches = 0;  ///< training batches that set ranges
};

/// measured.json in a folder. Each measurement is written at once, atomically.
class Measurements {
 public:
  /// Reads what is there. Throws UsageError when it was measured on something else, Error when it is damaged or of a
  /// newer version.
  Measurements(std::filesystem::path folder, MeasuredOn on);

  /// What these rules gave, or null.
  [[nodiscard]] const Measured* find(const std::string& rules) const;
  /// Throws Error when it cannot be written.
  void add(const std::string& rules, const Measured& measured);

 private:
  [[nodiscard]] std::filesystem::path file() const { return folder_ / "measured.json"; }

  std::filesystem::path folder_;
  MeasuredOn on_;
  std::map<std::string, Measured> measured_;
};

}  // namespace bitstate::experiments
