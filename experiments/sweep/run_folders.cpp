#include "experiments/sweep/run_folders.h"

#include "core/text.h"
#include "experiments/results/run_record.h"
#include "experiments/run_folder/give_up.h"
#include "experiments/run_folder/source.h"

#include <fmt/format.h>

#include <system_error>

namespace bitstate::experiments {

namespace {

constexpr std::size_t longest_slug = 48;
constexpr std::size_t hash_digits = 16;

}  // namespace

std::string slug(const std::string& label, const std::string& tail) {
  const std::string end = slug_of(tail);
  const std::size_t room = longest_slug - (end.empty() ? 0 : end.size() + 1);
  const std::string begin = slug_of(slug_of(label).substr(0, room));
  return begin + (begin.empty() || end.empty() ? "" : "-") + end;
}

RunFolders run_folders(const std::vector<SweepRun>& plan, const std::filesystem::path& out) {
  RunFolders present;
  std::error_code none;  // a sweep that has not begun
  for (const auto& entry : std::filesystem::directory_iterator(out / "runs", none)) {
    const std::string name = entry.path().filename().string();
    const bool named = name.size() == hash_digits || (name.size() > hash_digits && name[name.size() - 17] == '-');
    if (named && entry.is_directory(none)) present.emplace(name.substr(name.size() - hash_digits), entry.path());
  }
  RunFolders folders;
  for (const SweepRun& run : plan) {
    const auto found = present.find(run.hash);
    const std::string name = slug(run.row, fmt::format("{} seed {}", run.stage, run.config.training.seed));
    folders[run.hash] = found != present.end() ? found->second : out / "runs" / fmt::format("{}-{}", name, run.hash);
  }
  return folders;
}

RunConfig in_folder(const SweepRun& run, const RunFolders& folders) {
  RunConfig config = run.config;
  config.run.out = folders.at(run.hash).string();
  if (run.source.empty()) return config;
  config.source.from = folders.at(run.source).string();
  config.source.digest = source_digest(config.source.from);
  return config;
}

bool has_result(const SweepRun& run, const RunFolders& folders) {
  const auto& folder = folders.at(run.hash);
  return status_of(folder) != RunRecord::Status::missing && !is_to_go_on(folder, run.config.run.give_up);
}

}  // namespace bitstate::experiments
