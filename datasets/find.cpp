#include "datasets/find.h"

#include "core/error.h"
#include "core/quant_spec.h"
#include "datasets/catalog.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <system_error>

namespace bitstate::datasets {
namespace {

namespace fs = std::filesystem;

bool is_archive(const SourceNames& names, const fs::path& file) {
  std::error_code ignored;
  const std::string name = file.filename().string();
  return fs::is_regular_file(file, ignored) &&
         std::any_of(names.archives.begin(), names.archives.end(),
                     [&](std::string_view glob) { return glob_matches(glob, name); });
}

/// The data set in `folder` itself: the folder, an archive in it, or nothing.
fs::path source_in(const SourceNames& names, const fs::path& folder) {
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) return {};
  const auto here = [&](std::string_view member) { return fs::exists(folder / member, ignored); };
  if (names.members.empty() || std::any_of(names.members.begin(), names.members.end(), here)) return folder;
  std::vector<fs::path> archives;
  for (fs::directory_iterator entry(folder, ignored), end; entry != end; entry.increment(ignored)) {
    if (is_archive(names, entry->path())) archives.push_back(entry->path());
  }
  return archives.empty() ? fs::path{} : *std::min_element(archives.begin(), archives.end());
}

}  // namespace

fs::path find_source(const SourceNames& names, const fs::path& data_option) {
  fs::path named = data_folder(names.name, data_option);
  std::error_code ignored;
  require(fs::exists(named, ignored), named.string(), "does not exist; {}", advice(names.name));
  if (fs::is_regular_file(named, ignored)) return named;
  for (const std::string_view folder : names.folders) {
    if (fs::path source = source_in(names, named / folder); !source.empty()) return source;
  }
  if (fs::path source = source_in(names, named); !source.empty()) return source;
  fail(named.string(), "neither {} nor an archive {} is in it or in its folders {}; {}",
       fmt::join(names.members, " or "), fmt::join(names.archives, " or "), fmt::join(names.folders, ", "),
       advice(names.name));
}

}  // namespace bitstate::datasets
