// One writer in a folder at a time.
#pragma once

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
  explicit FolderLock(std::filesystem::path folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  bool lock_file();

  std::filesystem::path folder_;
  std::size_t made_ = 0;  ///< folders that were not there
  int file_ = -1;
};

}  // namespace bitstate
