// One writer in a folder at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>

namespace bitstate {

/// Holds a folder, by a lock on the file .lock in it, so that two processes (or two threads) never write in it at once.
/// Makes the folder, with its parents, where it is not there yet; what is still empty at the end is taken away again,
/// and so is .lock. The kernel lets go of the lock when the process ends, however it ends.
class FolderLock {
 public:
  /// Throws Error naming the folder when somebody else holds it or it cannot be made. Where nothing can be locked (a
  /// read-only folder, a file system without locks) the folder is not held, and writing there fails or not as ever.
  /// With `patience`, waits that long for somebody else to let go.
  explicit FolderLock(std::filesystem::path folder, std::chrono::seconds patience = std::chrono::seconds(0));
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  bool lock_file();
  bool wait_a_moment() const;

  std::filesystem::path folder_;
  std::chrono::steady_clock::time_point deadline_;
  std::size_t made_ = 0;  ///< folders that were not there
  int file_ = -1;
};

/// Whether a process holds `folder`.
bool is_locked(const std::filesystem::path& folder);

}  // namespace bitstate
