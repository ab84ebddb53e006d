#include "experiments/host/console.h"

#include "core/error.h"

#include <fmt/core.h>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>

namespace bitstate::experiments {

using Clock = std::chrono::steady_clock;

namespace {

/// The file of log_to(): one per process, as stdout is.
struct Log {
  int file = -1;
  bool is_stdout = false;
  bool is_stderr = false;

  void append(std::string_view text) const {
    if (file < 0) return;
    std::array<iovec, 2> line{{{const_cast<char*>(text.data()), text.size()}, {const_cast<char*>("\n"), 1}}};
    // in one piece and without memory; a log that cannot be written is no reason to lose the run
    (void)!::writev(file, line.data(), static_cast<int>(line.size()));
  }
};

Log& log() {
  static Log the_log;
  return the_log;
}

bool same_file(int a, int b) {
  struct stat of_a {
  }, of_b{};
  return ::fstat(a, &of_a) == 0 && ::fstat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

}  // namespace

void log_to(const std::filesystem::path& file) {
  if (log().file >= 0) ::close(log().file);
  log() = {};
  const int opened = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  require(opened >= 0, file.string(), "cannot be written: {}", std::strerror(errno));
  log() = {opened, same_file(opened, STDOUT_FILENO), same_file(opened, STDERR_FILENO)};
}

void print_line(std::string_view text) {
  fmt::print("{}\n", text);
  std::fflush(stdout);
  if (!log().is_stdout) log().append(text);
}

void print_error(std::string_view text) {
  fmt::print(stderr, "{}\n", text);
  if (!log().is_stderr) log().append(text);
}

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
  print_line(text);
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

TerminalSize terminal_size() {
  winsize size{};
  TerminalSize terminal;
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return terminal;
  if (size.ws_col > 0) terminal.columns = size.ws_col;
  if (size.ws_row > 0) terminal.rows = size.ws_row;
  return terminal;
}

void say_line(std::string_view text, bool transient) {
  static std::ptrdiff_t above = 0;  // lines of the transient text on the terminal above the cursor's
  const bool terminal = isatty(STDOUT_FILENO) != 0;
  if (!terminal && !transient) fmt::print("{}\n", text);
  if (terminal) {
    std::string drawn = above > 0 ? fmt::format("\r\033[{}A", above) : "\r";
    for (const char c : text) drawn += c == '\n' ? std::string("\033[K\n") : std::string(1, c);
    fmt::print("{}\033[K{}\033[J", drawn, transient ? "" : "\n");
    above = transient ? std::count(text.begin(), text.end(), '\n') : 0;
  }
  std::fflush(stdout);
}

void silence_stdout() {
  if (std::freopen("/dev/null", "w", stdout) == nullptr)
    fail("/dev/null", "cannot be opened: {}", std::strerror(errno));
}

std::string duration_text(double seconds) {
  const auto whole = std::lround(seconds);
  if (whole >= 3600) return fmt::format("{}h{:02}m", whole / 3600, whole % 3600 / 60);
  if (whole >= 60) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  return fmt::format("{}s", whole);
}

}  // namespace bitstate::experiments
