#include "experiments/console.h"

#include <fmt/core.h>

#include <sys/resource.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>

namespace bitstate::experiments {

using Clock = std::chrono::steady_clock;

ProgressBar::ProgressBar(std::size_t total, std::size_t done)
    : total_(total), start_(done), began_(Clock::now()), drawn_(began_), terminal_(isatty(STDERR_FILENO) != 0) {}

void ProgressBar::show(std::size_t done, std::string_view note) {
  const auto now = Clock::now();
  if (!terminal_ || now - drawn_ < std::chrono::milliseconds(100)) return;
  drawn_ = now;
  constexpr std::size_t width = 24;
  const std::size_t filled = total_ == 0 ? width : done * width / total_;
  const double elapsed = std::chrono::duration<double>(now - began_).count();
  const std::size_t fresh = done - start_;
  const std::string left =
      fresh == 0 ? "?" : duration_text(elapsed / static_cast<double>(fresh) * static_cast<double>(total_ - done));
  fmt::print(stderr, "\r\033[K[{}{}] {:3}%  {} left  {}", std::string(filled, '='), std::string(width - filled, ' '),
             total_ == 0 ? 100 : done * 100 / total_, left, note);
  std::fflush(stderr);
  visible_ = true;
}

void ProgressBar::line(std::string_view text) {
  clear();
  fmt::print("{}\n", text);
  std::fflush(stdout);
}

void ProgressBar::clear() {
  if (visible_) fmt::print(stderr, "\r\033[K");
  visible_ = false;
}

std::uint64_t peak_rss_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

void say_line(std::string_view text, bool transient) {
  const bool terminal = isatty(STDOUT_FILENO) != 0;
  if (terminal) fmt::print("\r\033[K{}{}", text, transient ? "" : "\n");
  if (!terminal && !transient) fmt::print("{}\n", text);
  std::fflush(stdout);
}

std::string duration_text(double seconds) {
  const auto whole = std::lround(seconds);
  if (whole >= 3600) return fmt::format("{}h{:02}m", whole / 3600, whole % 3600 / 60);
  if (whole >= 60) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  return fmt::format("{}s", whole);
}

}  // namespace bitstate::experiments
