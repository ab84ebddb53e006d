// A folder that lives as long as a test.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace bitstate::tests {

class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "bitstate-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder: " + name);
    path_ = name;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::filesystem::path& name) const { return path_ / name; }
  /// How many files and folders are in it.
  [[nodiscard]] std::size_t entries() const {
    std::size_t count = 0;
    for (std::filesystem::directory_iterator entry(path_), end; entry != end; ++entry) ++count;
    return count;
  }

 private:
  std::filesystem::path path_;
};

/// A file that is removed at the end of its scope.
struct TemporaryFile {
  TempFolder folder;
  std::filesystem::path path;
  TemporaryFile(const std::string& name, const std::string& text) : path(folder / name) { std::ofstream(path) << text; }
};

/// Writes a file without flushing it to disk, for tests that write thousands.
inline void write_quickly(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

/// The message of the `E` that `action` throws; empty if it throws nothing.
template <class E, class Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const E& error) {
    return error.what();
  }
  return {};
}

}  // namespace bitstate::tests
