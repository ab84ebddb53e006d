// A file that is being downloaded: it grows beside its target as NAME.part until it is whole, also over several calls.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace bitstate::experiments {

/// NAME.part, and in NAME.part.version what its server said of the version the bytes belong to (a strong ETag or a
/// date). Locked while it lives: a second one of the same name is an Error. When it ends, bytes that have a version
/// remain; others could not be continued and are dropped. All functions throw Error naming the file.
class PartialFile {
 public:
  explicit PartialFile(std::filesystem::path path);
  ~PartialFile();
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  [[nodiscard]] const std::filesystem::path& part() const { return part_; }
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] const std::string& version() const { return version_; }

  /// Drops all bytes; those that follow belong to `version` (empty: none is known).
  void restart(std::string_view version);
  void append(const char* bytes, std::size_t size);
  /// Flushes the file to disk and gives it its name; nothing can be done with it afterwards.
  void publish();

 private:
  std::filesystem::path path_;
  std::filesystem::path part_;
  std::filesystem::path version_file_;
  std::string version_;
  std::uint64_t size_ = 0;
  int fd_ = -1;
};

}  // namespace bitstate::experiments
