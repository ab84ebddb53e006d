// SIGTERM, SIGUSR1 and SIGINT as a wish to stop: the run writes a checkpoint and exits with 75.
#pragma once

namespace bitstate::experiments {

/// The exit code of a run that was asked to stop and can be resumed (EX_TEMPFAIL of sysexits.h).
inline constexpr int exit_interrupted = 75;

/// Catches the three signals while it lives, and restores what was there.
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
