#include "experiments/commands/data_commands.h"

#include "core/error.h"
#include "core/suggest.h"
#include "datasets/catalog.h"
#include "datasets/registry.h"
#include "datasets/splits.h"
#include "datasets/training_warnings.h"
#include "experiments/data/fetch.h"
#include "experiments/data/make_data.h"
#include "experiments/data/show_data.h"
#include "experiments/host/console.h"
#include "experiments/host/signals.h"
#include "experiments/settings/options.h"
#include "experiments/settings/run_config.h"

#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <string>

namespace bitstate::experiments {
namespace {

namespace fs = std::filesystem;

/// Reads every sequence of a data set; what is damaged is an Error.
void read_all(const std::string& name, const datasets::DataSettings& settings) {
  const datasets::Splits splits = datasets::load(name, settings);
  std::size_t sequences = 0;
  datasets::Example example;
  for (const auto& part : {splits.train, splits.validation, splits.test}) {
    for (std::size_t i = 0; part != nullptr && i < part->size(); ++i, ++sequences) {
      example.clear();
      part->read(i, example);
    }
  }
  fmt::print("{}: {} sequences can be read\n", name, sequences);
  if (splits.origin.empty()) return;
  fmt::print("{}\n", datasets::summary(splits));
  for (const std::string& warning : datasets::training_warnings(splits)) fmt::print("warning: {}\n", warning);
}

/// The folder of the official files of `name`; nothing where they are not there, but `data_set`, which is read as it is
/// distributed, may be in files of other names.
std::optional<fs::path> official_folder(const std::string& name, const std::string& data_set, const fs::path& data) {
  const bool other_names = !data_set.empty() && datasets::source_of(name).unpack.empty();
  try {
    return datasets::find_data(name, data);
  } catch (const Error&) {
    if (!other_names) throw;
    return std::nullopt;
  }
}

/// Official checksums decide where there are any; where there are none, whether the data set can be read.
int check_official(const std::string& name, const std::string& data_set, const datasets::DataSettings& settings) {
  bool ok = true;
  bool read = false;
  for (const auto& file : datasets::data_check(name, settings.path)) {
    // the archive of what may be there unpacked, or made
    const bool replaceable = file.verdict == "missing" && !data_set.empty();
    read = read || replaceable || file.verdict == "no published checksum";
    ok = ok && (file.ok || replaceable);
    if (!replaceable) fmt::print("{}: {}\n", (settings.path / file.file).string(), file.verdict);
  }
  if (ok && read && !data_set.empty()) read_all(data_set, settings);
  return ok ? 0 : 1;
}

int check_data(const RunConfig& config, const std::string& name) {
  const std::string data_set = datasets::canonical_name(name);
  require<UsageError>(!datasets::is_generated(data_set), "data check",
                      "{} has no files that could be checked: train generates it", name);
  datasets::DataSettings settings = config.data;
  if (settings.own.folding.all()) settings.own.folding.fold = 0;  // all folds are of the same data
  if (data_set != "own") {
    if (const auto folder = official_folder(name, data_set, config.data.path)) {
      settings.path = *folder;
      return check_official(name, data_set, settings);
    }
  }
  read_all(data_set, settings);
  if (data_set != "own") fmt::print("the official files of {} are not there, and these have no checksums\n", name);
  return 0;
}

int fetch_data(const RunConfig& config, const std::string& name, const std::string& mirror) {
  require<UsageError>(!name.empty(), "data fetch", "needs the name of a data set");
  return fetch(name, datasets::data_folder(name, config.data.path), mirror, say_line) ? 0 : exit_interrupted;
}

int show_data(RunConfig config, const std::string& file, const std::string& svg) {
  const datasets::OwnFiles& parts = config.data.own.parts;
  const bool given = !config.data.path.empty() || !parts.train.empty() || !parts.test.empty();
  require<UsageError>(file.empty() == given, "data show",
                      "needs one file or folder, or the parts --train=PATH and --test=PATH");
  if (!file.empty()) config.data.path = file;
  show_own_data(config.data, svg);
  return 0;
}

}  // namespace

int data_command(const CommandLine& line) {
  if (!line.positionals.empty() && line.positionals.front() == "make") return make_data(line);
  RunConfig config;
  std::string mirror, svg;
  for (const auto& [name, value] : line.options) {
    if (name == "mirror") {
      mirror = value;
    } else if (name == "svg") {
      svg = value;
    } else {
      set_option(config, name, value);
    }
  }
  const auto& words = line.positionals;
  require<UsageError>(!words.empty() && words.size() <= 2, "data",
                      "needs check, fetch or make and a data set's name, or show and a file");
  const std::string name = words.size() > 1 ? words[1] : std::string();
  require<UsageError>(svg.empty() || words.front() == "show", "svg", "is for data show, not for data {}",
                      words.front());
  if (words.front() == "show") return show_data(config, name, svg);
  if (words.front() == "check") return check_data(config, name.empty() ? "mnist" : name);
  if (words.front() == "fetch") return fetch_data(config, name, mirror);
  fail<UsageError>("data", "'{}' is not a command of it{}", words.front(),
                   suggestion(words.front(), {"check", "fetch", "make", "show"}));
}

}  // namespace bitstate::experiments
