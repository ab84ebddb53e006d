// Other programs that bitstate runs where this machine has them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::experiments {

/// A folder among the temporary ones, or in `parent`, that is removed with all that is in it.
class WorkFolder {
 public:
  WorkFolder();
  explicit WorkFolder(const std::filesystem::path& parent);
  ~WorkFolder();
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::filesystem::path& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// Where $PATH has the program, or the program itself where its name has a slash; nothing that cannot be executed.
std::optional<std::filesystem::path> find_executable(std::string_view name);

struct ToolOutcome {
  int exit_code = 0;  ///< or 128 + the signal that killed it
  std::string said;   ///< the first line of its output; the first two where that ends with a colon

  /// "exit code 1: what it said", "signal 11"
  [[nodiscard]] std::string text() const;
};

/// Runs the commands (a path that find_executable() has found, then its arguments) beside each other until the last has
/// ended; their output goes to files in `folder`. Throws Error when this process is told to stop.
std::vector<ToolOutcome> run_tools(const std::vector<std::vector<std::string>>& commands,
                                   const std::filesystem::path& folder);

inline ToolOutcome run_tool(const std::vector<std::string>& command, const std::filesystem::path& folder) {
  return run_tools({command}, folder).front();
}

}  // namespace bitstate::experiments
