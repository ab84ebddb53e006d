// SIGTERM, SIGUSR1, SIGINT and SIGHUP as a wish to stop: the run writes a checkpoint and exits with 75.
#pragma once

#include <csignal>

namespace bitstate::experiments {

/// The exit code of a run that was asked to stop and can be resumed (EX_TEMPFAIL of sysexits.h).
inline constexpr int exit_interrupted = 75;

/// The four signals, but SIGHUP where it is ignored, as under nohup.
sigset_t stop_signals();

/// Catches the stop_signals() while it lives, also where they were blocked (ChildProcesses::start), and restores what
/// caught them before.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// Whether one of them has arrived.
  [[nodiscard]] static bool requested();
};

}  // namespace bitstate::experiments
