// Files that appear whole or not at all: written beside their target, flushed to disk, then renamed over it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace bitstate {

/// A file being written. temporary() exists (empty, in the target's folder) from construction on; commit() makes it the
/// target. Without commit() the destructor removes it and the target stays as it was. Throws Error naming the file.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] const std::filesystem::path& temporary() const { return temporary_; }

  /// Flushes temporary() to disk, renames it to path() and flushes the folder. To be called once, when the writer of
  /// temporary() has closed it.
  void commit();

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  bool committed_ = false;
};

/// Flushes `from` to disk, renames it to `path`, in the same folder, and flushes the folder: commit() of a file that
/// has been written elsewhere. Throws Error naming the file.
void publish_file(const std::filesystem::path& from, const std::filesystem::path& path);

/// Replaces the content of `path` (or creates it) so that every reader, also after a crash, sees the old or the new
/// one.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

/// The whole content of a file; an Error if it is absent, unreadable or longer than `max_bytes` (nothing beyond the
/// limit is kept in memory).
std::string read_file(const std::filesystem::path& path, std::size_t max_bytes);

/// Throws Error for a folder, and for a pipe or a device, where a reader would wait for a writer: but those that the
/// shell hands over, /dev/stdin and /dev/fd/N. What does not exist is left to who opens it.
void require_regular(const std::filesystem::path& path);

/// Removes temporaries of `path` that killed writers left behind; returns how many. Only for an owner of the folder:
/// it would also remove those of a writer that is still alive.
std::size_t remove_stale_temporaries(const std::filesystem::path& path);

}  // namespace bitstate
