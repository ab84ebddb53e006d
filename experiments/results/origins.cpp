#include "experiments/results/origins.h"

#include "core/error.h"
#include "core/text.h"
#include "experiments/run_folder/source.h"
#include "experiments/run_folder/text_files.h"
#include "experiments/settings/ini.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

namespace bitstate::experiments {

namespace {

using nlohmann::json;

/// The folder of the run that the one in `folder` went on from, as that wrote it, or empty.
std::string shorter_run_of(const std::filesystem::path& folder) {
  if (const auto path = folder / "result.json"; std::filesystem::exists(path)) {
    const json result = json::parse(read_text(path), nullptr, false);
    const bool said = result.is_object() && result.contains("extended_from") && result["extended_from"].is_string();
    return said ? result["extended_from"].get<std::string>() : std::string();
  }
  const auto path = folder / "extended_from.txt";  // it has no result yet
  return std::filesystem::exists(path) ? std::string(trimmed(read_text(path))) : std::string();
}

/// How the run in `folder` was trained, whatever its seed, and so what it started from; empty if it has another seed or
/// is not there any more.
std::string training_of(const std::filesystem::path& folder, const std::string& seed, int depth = 8) {
  try {
    Settings settings = read_ini(folder / "settings.ini");
    const std::string* const own = last_value(settings, "seed");
    if (own == nullptr || *own != seed || depth == 0) return {};
    std::erase_if(settings, [](const auto& setting) { return setting.first == "seed"; });
    settings.emplace_back("extended_from", extension_of(folder));
    for (auto& [key, value] : settings) {
      if (key == "from" && !value.empty()) value = training_of(source_folder(folder, value), seed, depth - 1);
    }
    return format_ini(settings);
  } catch (const Error&) {
    return {};
  }
}

/// What tells the sources of runs apart: their weights or, before there are any, their folders.
std::string identity_of_source(const RunRecord& run) { return run.source.empty() ? run.from.string() : run.source; }

/// The path of a source with {seed} in place of its seed, and without the hash behind that in the folder of a sweep;
/// as it is where it does not name the seed.
std::string with_any_seed(const std::string& path, const std::string& seed) {
  std::string name = path;
  const std::size_t dash = name.rfind('-');
  const bool hashed = dash != name.npos && name.size() - dash == 17;
  if (hashed && name.find_first_not_of("0123456789abcdef", dash + 1) == name.npos) name.resize(dash);
  const std::size_t place = name.rfind(seed);
  const auto is_digit = [&](std::size_t at) { return at < name.size() && name[at] >= '0' && name[at] <= '9'; };
  if (seed.empty() || place == name.npos || is_digit(place + seed.size()) || is_digit(place - 1))
    return path;  // -1 is far behind
  return name.replace(place, seed.size(), "{seed}");
}

/// The names of sources. Only sources that were trained alike, each with the seed of the runs that started from it,
/// share a name. Where they are gone, paths that differ in nothing but that seed stand for that.
class SourceNames {
 public:
  explicit SourceNames(const std::vector<RunRecord>& runs) {
    for (const RunRecord& run : runs) seeds_[identity_of_source(run)].insert(run.setting("seed"));
  }

  /// What the name of the source of `run` is found by; `path` is how the run wrote it.
  std::string add(const RunRecord& run, const std::string& path) {
    const std::string identity = identity_of_source(run);
    const std::string seed = run.setting("seed");
    std::string key = identity;
    if (seeds_[identity].size() == 1) {
      const auto folder = source_folder(run.folder, path);
      const bool is_there = std::filesystem::exists(folder / "settings.ini");
      const std::string training = is_there ? training_of(folder, seed) : with_any_seed(path, seed);
      const bool is_first = !training.empty() && sources_[training].emplace(seed, identity).first->second == identity;
      if (is_first) key = training;
      if (is_there) settings_.try_emplace(key, read_ini(folder / "settings.ini"));
    }
    names_.try_emplace(key, Name{path, seed, run.source});
    return key;
  }

  /// After all of add(). Sources of another kind that would be called alike are told apart by the settings in which
  /// they differ, and single ones by their weights.
  std::map<std::string, std::string> names() const {
    std::map<std::string, std::vector<std::string>> keys;  // by name
    for (const auto& [key, name] : names_) {
      const auto sources = sources_.find(key);
      const bool several = sources != sources_.end() && sources->second.size() > 1;
      keys[several ? with_any_seed(name.path, name.seed) : name.path].push_back(key);
    }
    std::map<std::string, std::string> found;
    for (const auto& [text, alike] : keys) {
      for (const auto& key : alike) found[key] = alike.size() == 1 ? text : text + difference(key, alike);
    }
    return found;
  }

 private:
  struct Name {
    std::string path;
    std::string seed;    ///< of the run that it was taken from
    std::string source;  ///< likewise
  };

  /// " (epochs 80)": what the source found by `key` has and not all of `others` have.
  std::string difference(const std::string& key, const std::vector<std::string>& others) const {
    std::string text;
    for (const auto& [name, value] : settings_of(key)) {
      const bool differs = std::any_of(others.begin(), others.end(), [&](const std::string& other) {
        const Settings settings = settings_of(other);
        const std::string* const theirs = last_value(settings, name);
        return theirs == nullptr || *theirs != value;
      });
      if (differs && name != "from") text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, value);
    }
    const Name& name = names_.at(key);
    return fmt::format(" ({})",
                       text.empty() ? fmt::format("{:.8}", name.source.empty() ? name.seed : name.source) : text);
  }

  Settings settings_of(const std::string& key) const {
    const auto found = settings_.find(key);
    return found == settings_.end() ? Settings() : found->second;
  }

  std::map<std::string, std::set<std::string>> seeds_;                 // of the runs that started from a source
  std::map<std::string, std::map<std::string, std::string>> sources_;  // by training and seed
  std::map<std::string, Name> names_;
  std::map<std::string, Settings> settings_;  // of sources that are there
};

}  // namespace

std::string extension_of(const std::filesystem::path& folder, int depth) {
  const std::string path = shorter_run_of(folder);
  if (path.empty() || depth == 0) return {};
  try {
    const auto shorter = source_folder(folder, path);
    RunRecord run;
    run.settings = read_ini(shorter / "settings.ini");
    const std::string before = extension_of(shorter, depth - 1);
    return fmt::format("{} epochs{}", run.setting("epochs"), before.empty() ? "" : ", extended from " + before);
  } catch (const std::runtime_error&) {  // it is gone
    return "a shorter run";
  }
}

void unify_sources(std::vector<RunRecord>& runs) {
  std::map<std::string, std::string> digests;  // by path
  for (const RunRecord& run : runs) {
    if (!run.source.empty()) digests.emplace(run.setting("from"), run.source);
  }
  for (RunRecord& run : runs) {
    const auto known = digests.find(run.setting("from"));
    if (run.source.empty() && known != digests.end() && !known->first.empty()) run.source = known->second;
  }
  SourceNames names(runs);
  std::vector<std::pair<std::string*, std::string>> keys;
  for (RunRecord& run : runs) {
    const bool has_source = !run.source.empty() || std::filesystem::exists(run.from / "settings.ini");
    for (auto& [key, value] : run.settings) {
      if (key == "from" && !value.empty() && has_source) keys.emplace_back(&value, names.add(run, value));
    }
  }
  const auto found = names.names();
  for (const auto& [value, key] : keys) *value = found.at(key);
}

}  // namespace bitstate::experiments
