#include "core/io/rehearsal.h"

#include "core/error.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>

namespace bitstate {
namespace {

/// In the child: crashes end it at once, silently and without a core file.
void prepare(rlim_t seconds) {
  for (const int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGXCPU}) std::signal(signal, SIG_DFL);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  const rlimit computing{seconds, seconds + 1};  // SIGXCPU, then SIGKILL
  ::setrlimit(RLIMIT_CPU, &computing);
  if (const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC); nowhere >= 0) ::dup2(nowhere, STDERR_FILENO);
}

}  // namespace

void rehearse(const std::filesystem::path& file, const std::function<void()>& read) {
  std::error_code ignored;
  const std::uintmax_t bytes = std::filesystem::file_size(file, ignored);
  const rlim_t seconds = 1 + (ignored ? 0 : bytes >> 17U);
  const pid_t child = ::fork();
  require(child >= 0, file.string(), "cannot start a child process to try it in: {}", std::strerror(errno));
  if (child == 0) {
    prepare(seconds);
    try {
      read();
    } catch (...) {
      ::_exit(0);
    }
    ::_exit(0);
  }
  int status = 0;
  pid_t ended = 0;
  do {
    ended = ::waitpid(child, &status, 0);
  } while (ended < 0 && errno == EINTR);
  require(ended == child, file.string(), "the child process that tried it was lost");
  const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  require(signal != SIGXCPU, file.string(), "is damaged: reading it did not end within {} s of computing", seconds);
  require(signal != SIGKILL, file.string(), "the process that tried it was killed, probably for lack of memory");
  require(signal == 0 && WEXITSTATUS(status) == 0, file.string(),
          "is damaged: the library that should read it crashes");
}

}  // namespace bitstate
