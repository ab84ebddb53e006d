#include "core/io/folder_lock.h"

#include "core/error.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <thread>
#include <utility>

namespace bitstate {
namespace {

namespace fs = std::filesystem;

/// How many of the folders that lead to `folder`, itself included, are not there.
std::size_t missing_levels(fs::path folder) {
  std::size_t missing = 0;
  std::error_code error;
  for (; !folder.empty() && !fs::exists(folder, error); folder = folder.parent_path()) ++missing;
  return missing;
}

/// Whether `file` is what stands under `path`, and not a file that another process has taken away since it was opened.
bool is_at(int file, const fs::path& path) {
  struct stat opened {};
  struct stat there {};
  return ::fstat(file, &opened) == 0 && ::stat(path.c_str(), &there) == 0 && opened.st_ino == there.st_ino &&
         opened.st_dev == there.st_dev;
}

}  // namespace

FolderLock::FolderLock(fs::path folder, std::chrono::seconds patience)
    : folder_(fs::absolute(folder).lexically_normal()), deadline_(std::chrono::steady_clock::now() + patience) {
  if (!folder_.has_filename()) folder_ = folder_.parent_path();  // it was given with a slash at its end
  do {
    made_ = missing_levels(folder_);
    std::error_code error;
    fs::create_directories(folder_, error);
    require(!error, folder.string(), "the folder cannot be made: {}", error.message());
  } while (!lock_file());
}

/// False when patience is at its end.
bool FolderLock::wait_a_moment() const {
  if (std::chrono::steady_clock::now() >= deadline_) return false;
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  return true;
}

/// False where it is to be tried again: the file was taken away before it could be locked, or there is patience left.
bool FolderLock::lock_file() {
  const fs::path path = folder_ / ".lock";
  file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file_ < 0) return errno != ENOENT;
  while (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
    // who only looks whether a run is in progress shares the lock for a moment; a writer does not
    if (errno == EWOULDBLOCK && ::flock(file_, LOCK_SH | LOCK_NB) == 0) continue;
    const bool held = errno == EWOULDBLOCK;
    ::close(std::exchange(file_, -1));
    if (held && wait_a_moment()) return false;
    require(!held, folder_.string(), "another process works in this folder; wait until it ends");
    return true;
  }
  if (is_at(file_, path)) return true;
  ::close(std::exchange(file_, -1));
  return false;
}

FolderLock::~FolderLock() {
  if (file_ < 0) return;
  ::unlink((folder_ / ".lock").c_str());  // while it is held: nobody else can have locked it
  fs::path folder = folder_;
  for (; made_ > 0 && ::rmdir(folder.c_str()) == 0; --made_) folder = folder.parent_path();
  ::close(file_);
}

bool is_locked(const fs::path& folder) {
  const int file = ::open((folder / ".lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  const bool held = ::flock(file, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(file);
  return held;
}

}  // namespace bitstate
