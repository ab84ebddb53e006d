#include "experiments/run_folder/appended_file.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace bitstate::experiments {

AppendedFile::AppendedFile(std::filesystem::path path, std::size_t kept, Warn warn)
    : path_(std::move(path)), kept_(kept), warn_(std::move(warn)) {}

AppendedFile::~AppendedFile() {
  if (file_ >= 0) ::close(file_);
}

void AppendedFile::append(std::string_view bytes) {
  unwritten_ += bytes;
  if (open() && write()) return;
  const char* const why = std::strerror(errno);
  if (std::exchange(complained_, true)) return;
  warn_(fmt::format("warning: [{}] cannot be written: {}; the training goes on", path_.string(), why));
}

/// Sets errno where it cannot.
bool AppendedFile::open() {
  if (file_ >= 0) return true;
  const int file = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC, 0666);
  if (file < 0) return false;
  struct stat status {};
  const bool regular = ::fstat(file, &status) == 0 && S_ISREG(status.st_mode);
  if (regular && ::ftruncate(file, static_cast<off_t>(kept_)) == 0) {
    file_ = file;
    return true;
  }
  const int error = regular ? errno : EINVAL;
  ::close(file);
  errno = error;
  return false;
}

/// Sets errno where it cannot.
bool AppendedFile::write() {
  while (!unwritten_.empty()) {
    const ssize_t written = ::write(file_, unwritten_.data(), unwritten_.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    unwritten_.erase(0, static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace bitstate::experiments
