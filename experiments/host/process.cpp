#include "experiments/host/process.h"

#include "core/error.h"
#include "experiments/host/signals.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <ctime>

namespace bitstate::experiments {

namespace {

constexpr int cannot_start = 127;

int exit_code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

/// What the child does between fork and exec: only calls that are safe there.
[[noreturn]] void become(char* const* words, int log, const sigset_t& mask, pid_t parent) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(cannot_start);  // it died before the line above took effect
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  sigprocmask(SIG_SETMASK, &mask, nullptr);
  execv(words[0], words);
  _exit(cannot_start);
}

}  // namespace

ChildProcesses::ChildProcesses() {
  watched_ = stop_signals();
  sigaddset(&watched_, SIGCHLD);
  pthread_sigmask(SIG_BLOCK, &watched_, &before_);
}

ChildProcesses::~ChildProcesses() {
  send(SIGTERM);
  for (const pid_t child : running_) {
    while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

pid_t ChildProcesses::start(const std::vector<std::string>& command, const std::filesystem::path& log,
                            bool catches_stops) {
  std::vector<char*> words;
  for (const auto& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  require(file >= 0, log.string(), "cannot be written: {}", std::strerror(errno));
  const sigset_t stops = stop_signals();
  sigset_t mask = before_;
  if (catches_stops) sigorset(&mask, &before_, &stops);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) become(words.data(), file, mask, parent);
  const int error = errno;
  close(file);
  require(child > 0, "sweep", "cannot start {}: {}", command.front(), std::strerror(error));
  running_.push_back(child);
  return child;
}

ChildProcesses::Event ChildProcesses::wait(double seconds) {
  timespec timeout{};
  timeout.tv_sec = static_cast<time_t>(seconds);
  timeout.tv_nsec = static_cast<long>((seconds - std::floor(seconds)) * 1e9);
  Event event;
  const auto reap = [&] {  // several ends may hide behind one SIGCHLD, so every child is asked
    for (const pid_t child : running_) {
      int status = 0;
      if (waitpid(child, &status, WNOHANG) != child) continue;
      running_.erase(std::find(running_.begin(), running_.end(), child));
      event = {Event::Kind::ended, child, exit_code_of(status), 0};
      return true;
    }
    return false;
  };
  if (reap()) return event;
  const int signal = sigtimedwait(&watched_, nullptr, &timeout);
  if (signal > 0 && signal != SIGCHLD) return {Event::Kind::signal, 0, 0, signal};
  reap();
  return event;
}

void ChildProcesses::send(int signal) const {
  for (const pid_t child : running_) kill(child, signal);
}

void ChildProcesses::send(int signal, pid_t child) const {
  if (std::find(running_.begin(), running_.end(), child) != running_.end()) kill(child, signal);
}

std::filesystem::path ChildProcesses::this_executable() { return std::filesystem::read_symlink("/proc/self/exe"); }

std::string shell_word(const std::string& word) {
  if (!word.empty() && word.find_first_of(" \t\n\"'\\$`*?[]{}()<>|&;#~!") == word.npos) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

}  // namespace bitstate::experiments
