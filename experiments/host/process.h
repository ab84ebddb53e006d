// Child processes, started, watched and told to stop.
#pragma once

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include <sys/types.h>

namespace bitstate::experiments {

/// A group of child processes. While it lives, SIGCHLD and the stop_signals() are blocked in this thread and are taken
/// by wait(), so no signal is lost and no handler is installed. Children run in process groups of their own and are
/// asked to stop when this process dies. To be made before the process starts other threads, which would otherwise take
/// the signals.
class ChildProcesses {
 public:
  struct Event {
    enum class Kind { ended, signal, nothing };
    Kind kind = Kind::nothing;
    pid_t child = 0;    ///< ended: which
    int exit_code = 0;  ///< ended: its exit code, or 128 + the signal that killed it
    int signal = 0;     ///< signal: one of stop_signals()
  };

  ChildProcesses();
  /// Asks the children that still run to stop and waits for them.
  ~ChildProcesses();
  ChildProcesses(const ChildProcesses&) = delete;
  ChildProcesses& operator=(const ChildProcesses&) = delete;

  /// Starts a program (full path first); its output is appended to `log`. With `catches_stops` the program makes a
  /// StopSignals, and a signal that comes before waits for it. Throws Error.
  pid_t start(const std::vector<std::string>& command, const std::filesystem::path& log, bool catches_stops = false);

  /// The next end of a child or signal to this process, or nothing after about `seconds`.
  Event wait(double seconds);

  /// Sends a signal to every child that runs, or to one of them.
  void send(int signal) const;
  void send(int signal, pid_t child) const;

  /// The program that runs now.
  static std::filesystem::path this_executable();

 private:
  sigset_t before_{};
  sigset_t watched_{};
  std::vector<pid_t> running_;
};

/// `word` as one word for a POSIX shell.
std::string shell_word(const std::string& word);

}  // namespace bitstate::experiments
