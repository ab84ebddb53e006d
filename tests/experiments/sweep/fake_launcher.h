// A sweep whose runs train nothing.
#pragma once

#include "experiments/sweep/sweep.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::tests {

using experiments::RunLauncher;
using experiments::Settings;
using experiments::SweepRun;
using experiments::SweepSummary;

inline std::vector<SweepRun> plan_with(const std::string& text, const Settings& overrides = {}) {
  return experiments::plan_sweep(experiments::parse_ini(text, "s.ini"), "s.ini", overrides);
}

/// Ends runs in the order in which they were started; what a run leaves is decided by its label.
class FakeLauncher : public RunLauncher {
 public:
  std::vector<std::string> started;
  std::size_t most_at_once = 0;
  std::vector<int> killed;
  bool hold = false;  ///< no run ends
  std::function<void()> at_wait = [] {};
  std::size_t stop_after = 1000;  ///< asks to stop when so many runs were started
  std::string fails = "nothing";
  int fails_with = 1;
  std::string stops = "nothing";
  std::string gives_up = "nothing";

  int start(const SweepRun& run, const std::filesystem::path& folder) override {
    CHECK(std::filesystem::exists(folder / "settings.ini"));
    started.push_back(run.label);
    waiting_.push_back({static_cast<int>(started.size()), run.label, folder});
    most_at_once = std::max(most_at_once, waiting_.size());
    return static_cast<int>(started.size());
  }

  Event wait() override {
    at_wait();
    if (!stopping_ && started.size() >= stop_after) {
      stopping_ = true;
      return {Event::Kind::stop, 0, 0};
    }
    if (waiting_.empty() || hold) return {};
    const Job job = waiting_.front();
    waiting_.pop_front();
    if (stopping_ || contains(job.label, stops)) return {Event::Kind::ended, job.id, 75};
    if (contains(job.label, fails)) return {Event::Kind::ended, job.id, fails_with};
    if (contains(job.label, gives_up)) {
      std::ofstream(job.folder / "result.json")
          << R"({"status":"given up","metric":"mse","give_up":"5:9","attempt":1,"reason":"after epoch 5: too bad"})";
      return {Event::Kind::ended, job.id, 1};
    }
    const bool diverges = contains(job.label, "a_bits=2");
    std::ofstream(job.folder / "result.json")
        << (diverges ? R"({"status":"diverged","reason":"loss is NaN in step 3","metric":"mse","test_mse":0.0})"
                     : R"({"status":"done","metric":"mse","test_mse":1.5})");
    return {Event::Kind::ended, job.id, diverges ? 1 : 0};
  }

  void kill(int job) override { killed.push_back(job); }

 private:
  struct Job {
    int id;
    std::string label;
    std::filesystem::path folder;
  };
  std::deque<Job> waiting_;
  bool stopping_ = false;
};

inline constexpr const char* small_sweep = "recipe = lorenz-small\nseeds = 1 2\naxis.a_bits = 2 8\n";

inline SweepSummary run(const std::vector<SweepRun>& runs, const std::filesystem::path& out, RunLauncher& launcher,
                        std::vector<std::string>* lines = nullptr, std::size_t jobs = 1) {
  return experiments::run_sweep(runs, {out, jobs}, launcher, [lines](std::string_view line, bool transient) {
    if (lines != nullptr && !transient) lines->emplace_back(line);
  });
}

/// All runs that a summary knows the end of.
inline std::size_t accounted(const SweepSummary& s) {
  return s.skipped + s.elsewhere + s.done + s.diverged + s.given_up + s.failed + s.not_started + s.stopped + s.left;
}

}  // namespace bitstate::tests
