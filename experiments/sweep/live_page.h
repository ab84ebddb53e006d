// index.html of a sweep that runs: its report, which says how far it is and reloads itself.
#pragma once

#include "experiments/sweep/sweep_view.h"

#include <chrono>
#include <ctime>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace bitstate::experiments {

/// The page of a report with what the sweep does now, as of `time`, in front, and a wish to be loaded again.
/// A page that is two minutes old says so.
std::string live_page(const std::string& report, const SweepView& sweep, std::time_t time);

/// Keeps OUT/index.html up to date.
class LivePage {
 public:
  using Warn = std::function<void(std::string_view)>;

  LivePage(std::filesystem::path out, Warn warn) : out_(std::move(out)), warn_(std::move(warn)) {}

  /// Writes the page where the last one is older than ten seconds, and than twenty times what writing it took.
  /// What keeps it from being written is said once and costs nothing else.
  void update(const SweepView& sweep);
  /// Writes the report of the runs as they are, which takes the page's place. Throws Error, or what the file
  /// system throws.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;

  std::filesystem::path out_;
  Warn warn_;
  Clock::time_point due_ = Clock::now();
  bool warned_ = false;
};

}  // namespace bitstate::experiments
