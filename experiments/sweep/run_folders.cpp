#include "experiments/sweep/run_folders.h"

#include <fmt/format.h>

#include <system_error>

namespace bitstate::experiments {

namespace {

constexpr std::size_t longest_slug = 48;
constexpr std::size_t hash_digits = 16;

std::string readable(const std::string& text) {
  std::string result;
  for (const char c : text) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if ((lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9') || (lower == '.' && !result.empty())) {
      result += lower;
    } else if (!result.empty() && result.back() != '-') {
      result += '-';
    }
  }
  while (!result.empty() && (result.back() == '-' || result.back() == '.')) result.pop_back();
  return result;
}

}  // namespace

std::string slug(const std::string& label, const std::string& tail) {
  const std::string end = readable(tail);
  const std::size_t room = longest_slug - (end.empty() ? 0 : end.size() + 1);
  const std::string begin = readable(readable(label).substr(0, room));
  return begin + (begin.empty() || end.empty() ? "" : "-") + end;
}

std::map<std::string, std::filesystem::path> run_folders(const std::vector<SweepRun>& plan,
                                                         const std::filesystem::path& out) {
  std::map<std::string, std::filesystem::path> present;
  std::error_code none;  // a sweep that has not begun
  for (const auto& entry : std::filesystem::directory_iterator(out / "runs", none)) {
    const std::string name = entry.path().filename().string();
    const bool named = name.size() == hash_digits || (name.size() > hash_digits && name[name.size() - 17] == '-');
    if (named && entry.is_directory(none)) present.emplace(name.substr(name.size() - hash_digits), entry.path());
  }
  std::map<std::string, std::filesystem::path> folders;
  for (const SweepRun& run : plan) {
    const auto found = present.find(run.hash);
    const std::string name = slug(run.row, fmt::format("{} seed {}", run.stage, run.config.training.seed));
    folders[run.hash] = found != present.end() ? found->second : out / "runs" / fmt::format("{}-{}", name, run.hash);
  }
  return folders;
}

}  // namespace bitstate::experiments
