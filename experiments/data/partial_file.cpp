#include "experiments/data/partial_file.h"

#include "core/error.h"
#include "core/io/atomic_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace bitstate::experiments {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_version_bytes = 512;

bool is_version(std::string_view text) {
  const auto printable = [](char c) { return c >= ' ' && c <= '~'; };
  return text.size() <= max_version_bytes && std::all_of(text.begin(), text.end(), printable);
}

std::string read_version(const fs::path& file) {
  try {
    std::string text = read_file(file, max_version_bytes);
    return is_version(text) ? text : std::string();
  } catch (const Error&) {
    return {};  // absent or too long to be one
  }
}

fs::path with_suffix(fs::path path, const char* suffix) { return path += suffix; }

}  // namespace

PartialFile::PartialFile(fs::path path)
    : path_(std::move(path)), part_(with_suffix(path_, ".part")), version_file_(with_suffix(part_, ".version")) {
  fd_ = ::open(part_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  require(fd_ >= 0, part_.string(), "cannot be written: {}", std::strerror(errno));
  try {
    require(::flock(fd_, LOCK_EX | LOCK_NB) == 0, part_.string(), "another download of it is running");
    // a download that ended between open and flock has renamed what was opened here
    struct stat opened {};
    struct stat named {};
    const bool same = ::fstat(fd_, &opened) == 0 && ::stat(part_.c_str(), &named) == 0 &&
                      opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
    require(same && S_ISREG(opened.st_mode), part_.string(), "another download of it has just ended");
    size_ = static_cast<std::uint64_t>(opened.st_size);
    version_ = read_version(version_file_);
    if (version_.empty()) restart("");
    require(::lseek(fd_, 0, SEEK_END) >= 0, part_.string(), "cannot be written: {}", std::strerror(errno));
  } catch (...) {
    ::close(fd_);
    throw;
  }
}

PartialFile::~PartialFile() {
  if (fd_ >= 0 && (size_ == 0 || version_.empty())) {
    ::unlink(version_file_.c_str());
    ::unlink(part_.c_str());
  }
  if (fd_ >= 0) ::close(fd_);
}

void PartialFile::restart(std::string_view version) {
  // in this order no interruption leaves bytes with the version of others
  ::unlink(version_file_.c_str());
  require(::ftruncate(fd_, 0) == 0 && ::lseek(fd_, 0, SEEK_SET) == 0, part_.string(), "cannot be emptied: {}",
          std::strerror(errno));
  size_ = 0;
  version_ = is_version(version) ? version : std::string_view();
  if (!version_.empty()) write_file_atomically(version_file_, version_);
}

void PartialFile::append(const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t written = ::write(fd_, bytes, size);
    if (written < 0 && errno == EINTR) continue;
    require(written >= 0, part_.string(),
            "cannot be written after {} bytes: {}; they are kept, and the same command continues", size_,
            std::strerror(errno));
    bytes += written;
    size -= static_cast<std::size_t>(written);
    size_ += static_cast<std::uint64_t>(written);
  }
}

void PartialFile::publish() {
  publish_file(part_, path_);
  ::unlink(version_file_.c_str());
  ::close(std::exchange(fd_, -1));
}

}  // namespace bitstate::experiments
