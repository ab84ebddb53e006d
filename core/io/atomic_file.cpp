#include "core/io/atomic_file.h"

#include "core/error.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace bitstate {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view marker = ".tmp-";

/// An open file descriptor.
class Descriptor {
 public:
  Descriptor(const fs::path& path, int flags, mode_t mode = 0) {
    do {
      fd_ = ::open(path.c_str(), flags | O_CLOEXEC, mode);
    } while (fd_ < 0 && errno == EINTR);
  }
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  int close() { return fd_ < 0 ? 0 : ::close(std::exchange(fd_, -1)); }

 private:
  int fd_ = -1;
};

[[noreturn]] void fail_on(const fs::path& path, std::string_view what) {
  const int code = errno;
  fail(path.string(), "{}: {}", what, std::strerror(code));
}

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

/// ".<name>.tmp-": hidden, in the target's folder, followed by the process and a number.
std::string temporary_prefix(const fs::path& path) { return fmt::format(".{}{}", path.filename().string(), marker); }

/// Flushes a file or a folder (an entry that was renamed or created in it) to disk.
void flush_to_disk(const fs::path& path, int flags) {
  const Descriptor file(path, flags);
  if (!file.is_open()) fail_on(path, "cannot be opened to flush it to disk");
  int status = 0;
  do {
    status = ::fsync(file.fd());
  } while (status != 0 && errno == EINTR);
  // some file systems cannot flush a folder and say EINVAL; there is nothing more to do then
  if (status != 0 && !(errno == EINVAL && (flags & O_DIRECTORY) != 0)) {
    fail_on(path, "cannot be flushed to disk");
  }
}

}  // namespace

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)) {
  require(path_.has_filename(), path_.string(), "is not the name of a file to write");
  const std::string prefix = temporary_prefix(path_) + std::to_string(::getpid());
  for (int number = 0;; ++number) {
    temporary_ = folder_of(path_) / fmt::format("{}-{}", prefix, number);
    Descriptor file(temporary_, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (file.is_open()) return;
    if (errno != EEXIST || number == 10'000) fail_on(path_, "cannot be written: its folder takes no temporary file");
  }
}

AtomicFile::~AtomicFile() {
  if (!committed_) ::unlink(temporary_.c_str());
}

void AtomicFile::commit() {
  require(!committed_, path_.string(), "was committed already");
  publish_file(temporary_, path_);
  committed_ = true;
}

void publish_file(const fs::path& from, const fs::path& path) {
  flush_to_disk(from, O_RDONLY);
  if (::rename(from.c_str(), path.c_str()) != 0) fail_on(path, "cannot be replaced by its new version");
  flush_to_disk(folder_of(path), O_RDONLY | O_DIRECTORY);
}

void write_file_atomically(const fs::path& path, std::string_view bytes) {
  AtomicFile target(path);
  Descriptor file(target.temporary(), O_WRONLY);
  if (!file.is_open()) fail_on(path, "cannot be written");
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.fd(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_on(path, "cannot be written");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  if (file.close() != 0) fail_on(path, "cannot be written");
  target.commit();
}

void require_regular(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || S_ISREG(status.st_mode)) return;
  require(!S_ISDIR(status.st_mode), path.string(), "is a folder; a file is expected");
  const std::string name = path.string();
  const bool handed_over = name == "/dev/stdin" || name.starts_with("/dev/fd/") || name.starts_with("/proc/self/fd/");
  require(handed_over, name, "is a {}; a file is expected",
          S_ISFIFO(status.st_mode) ? "pipe" : (S_ISSOCK(status.st_mode) ? "socket" : "device"));
}

std::string read_file(const fs::path& path, std::size_t max_bytes) {
  require_regular(path);
  const Descriptor file(path, O_RDONLY);
  if (!file.is_open()) fail_on(path, "cannot be opened");
  struct stat status {};
  if (::fstat(file.fd(), &status) != 0) fail_on(path, "cannot be read");
  const auto claimed = static_cast<std::size_t>(std::max<off_t>(status.st_size, 0));
  require(claimed <= max_bytes, path.string(), "has {} bytes; at most {} are read", claimed, max_bytes);

  // the claimed size is a hint only: the file may grow while it is read, and pipes claim 0
  std::string bytes;
  std::size_t size = 0;
  for (;;) {
    if (size == bytes.size()) bytes.resize(size == 0 ? claimed + 1 : size + (std::size_t{1} << 16));
    const ssize_t count = ::read(file.fd(), bytes.data() + size, bytes.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_on(path, "cannot be read");
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
    require(size <= max_bytes, path.string(), "has more than the {} bytes that are read at most", max_bytes);
  }
  bytes.resize(size);
  return bytes;
}

std::size_t remove_stale_temporaries(const fs::path& path) {
  const std::string prefix = temporary_prefix(path);
  const fs::path folder = folder_of(path);
  // not fs::directory_iterator, which ends the program when memory runs out
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::opendir(folder.c_str()), ::closedir);
  if (entries == nullptr) return 0;
  std::size_t removed = 0;
  while (const dirent* const entry = ::readdir(entries.get())) {
    if (!std::string_view(entry->d_name).starts_with(prefix)) continue;
    if (::unlink((folder / entry->d_name).c_str()) == 0) ++removed;
  }
  return removed;
}

}  // namespace bitstate
