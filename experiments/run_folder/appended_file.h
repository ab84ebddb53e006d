// A file that grows beside a training which does not depend on it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace bitstate::experiments {

/// What is appended is in the file at once, so that a killed process loses none of it. Where it cannot be written (a
/// full disk, a folder without permission), it is kept and written with what comes next, and `warn` is called once.
class AppendedFile {
 public:
  using Warn = std::function<void(std::string_view)>;

  /// Of what is there the first `kept` bytes stay.
  AppendedFile(std::filesystem::path path, std::size_t kept, Warn warn);
  ~AppendedFile();
  AppendedFile(const AppendedFile&) = delete;
  AppendedFile& operator=(const AppendedFile&) = delete;

  void append(std::string_view bytes);

 private:
  bool open();
  bool write();

  std::filesystem::path path_;
  std::size_t kept_;
  std::string unwritten_;
  Warn warn_;
  int file_ = -1;
  bool complained_ = false;
};

}  // namespace bitstate::experiments
