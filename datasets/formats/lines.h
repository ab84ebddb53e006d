// Tab-separated text files: reading them line by line, and finding those of the Long Range Arena's release.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>

namespace bitstate::datasets {

/// A text file, line by line; it is never in memory as a whole. Lines end in "\n" or "\r\n". Throws Error naming file
/// and line where the file cannot be read, a line is longer than `max_line_bytes`, or the last line does not end (the
/// sign of a truncated file).
class LineReader {
 public:
  LineReader(std::filesystem::path path, std::size_t max_line_bytes);

  /// Moves to the next line, the first one at first; false at the end of the file.
  bool next();
  /// The line without its end; valid until next().
  [[nodiscard]] std::string_view line() const { return line_; }
  /// "<file>, line <number from 1>"
  [[nodiscard]] std::string where() const;

 private:
  bool fill();

  std::filesystem::path path_;
  std::size_t max_line_bytes_;
  std::ifstream file_;
  std::string buffer_;  // what was read and not yet shown is [begin_, size())
  std::size_t begin_ = 0;
  std::size_t number_ = 0;  // of the current line
  std::string_view line_;
};

/// The three files of a data set.
struct PartFiles {
  std::filesystem::path train, validation, test;

  /// SHA-256 of the three contents' checksums.
  [[nodiscard]] std::string digest() const;
};

/// The files of the data set `name`, called `files`, in `folder` or in the first of its `subfolders` that has the
/// training file. Throws Error saying which files are missing, with the advice on the data set.
PartFiles find_release(std::string_view name, const std::filesystem::path& folder,
                       std::span<const std::string_view> subfolders, const std::array<std::string_view, 3>& files);

}  // namespace bitstate::datasets
