// Text files, line by line.
#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
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

/// The lines of a pipe or a terminal, each as soon as it has come. Throws Error naming line and input where it cannot
/// be read, and where a line is longer than `max_line_bytes`.
class LiveLines {
 public:
  LiveLines(int descriptor, std::string name, std::size_t max_line_bytes);

  /// Waits for the next line; false at the end.
  bool next();
  /// With its end, but where the input ends without one; valid until next().
  [[nodiscard]] std::string_view line() const { return std::string_view(buffer_).substr(begin_, end_ - begin_); }

 private:
  int descriptor_;
  std::string name_;
  std::size_t max_line_bytes_;
  std::string buffer_;
  std::size_t begin_ = 0, end_ = 0;  // of the line in it
  std::size_t number_ = 0;
};

}  // namespace bitstate::datasets
