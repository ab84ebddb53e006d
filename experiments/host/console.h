// Progress for a person: a bar with the time left on a terminal, nothing but finished lines elsewhere.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace bitstate::experiments {

class ProgressBar {
 public:
  /// `total` units of work of which `done` lie behind.
  ProgressBar(std::size_t total, std::size_t done);
  ~ProgressBar() { clear(); }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// Redraws at most ten times per second; does nothing when stderr is no terminal.
  void show(std::size_t done, std::string_view note);
  /// Prints a line that stays, on stdout.
  void line(std::string_view text);

 private:
  void clear();

  std::size_t total_;
  std::size_t start_;
  std::chrono::steady_clock::time_point began_;
  std::chrono::steady_clock::time_point drawn_;
  bool terminal_;
  bool visible_ = false;
};

/// Most memory this process has held so far.
std::uint64_t peak_rss_bytes();

/// A line on stdout or stderr.
void print_line(std::string_view text);
void print_error(std::string_view text);

/// From here on what print_line(), print_error() and ProgressBar::line() print is also appended to `file`, which stays
/// open until the process ends or another one is named. Where stdout or stderr is that file, its lines are written
/// once. Throws Error.
void log_to(const std::filesystem::path& file);

struct TerminalSize {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

/// Of the terminal on stdout; 80 x 24 where there is none, or it does not say.
TerminalSize terminal_size();

/// A line on stdout. A transient one, which may be several, is replaced by what follows, and left out where stdout is
/// no terminal.
void say_line(std::string_view text, bool transient);

/// From here on stdout goes nowhere, because another process says the same.
void silence_stdout();

/// "1h02m", "3m20s" or "12s".
std::string duration_text(double seconds);

}  // namespace bitstate::experiments
