#include "datasets/own/own_parts.h"

#include "core/error.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <span>
#include <string_view>
#include <system_error>

namespace bitstate::datasets {
namespace {

namespace fs = std::filesystem;

std::string small(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// The name of a file in small letters, without .gz at its end.
std::string without_gz(const fs::path& file) {
  std::string name = small(file.filename().string());
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  return name;
}

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

/// What is in a folder and not hidden, by name.
std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (!is_hidden(entry->path())) entries.push_back(entry->path());
  }
  require(!error, folder.string(), "cannot be listed: {}", error.message());
  std::sort(entries.begin(), entries.end());
  return entries;
}

/// The name of the part that an entry of a data folder would be: its own, for a file without its ending.
std::string part_name(const fs::path& entry) {
  std::error_code ignored;
  if (fs::is_directory(entry, ignored)) return small(entry.filename().string());
  const bool data = fs::is_regular_file(entry, ignored) && (is_table(entry) || is_hdf5(entry) || is_tokens(entry));
  return data ? small(fs::path(without_gz(entry)).stem().string()) : std::string();
}

}  // namespace

bool is_table(const fs::path& file) {
  const std::string name = without_gz(file);
  const std::string ending = fs::path(name).extension().string();
  return ending == ".csv" || ending == ".tsv" || ending == ".dat" ||
         (ending == ".txt" && name.size() < file.filename().string().size());
}

bool is_hdf5(const fs::path& file) {
  const std::string ending = small(file.extension().string());
  return ending == ".h5" || ending == ".hdf5";
}

bool is_text(const fs::path& file) { return small(file.extension().string()) == ".txt"; }

bool is_tokens(const fs::path& file) { return is_text(file) || small(file.extension().string()) == ".npy"; }

OwnFiles find_parts(const fs::path& folder, std::vector<std::string>& ignored) {
  OwnFiles files;
  for (const fs::path& entry : entries_of(folder)) {
    const std::string name = part_name(entry);
    const bool validates = std::count(std::begin(validation_names), std::end(validation_names), name) > 0;
    fs::path* const part = name == "train"  ? &files.train
                           : name == "test" ? &files.test
                           : validates      ? &files.validation
                                            : nullptr;
    if (part == nullptr) {
      ignored.push_back(entry.filename().string());
      continue;
    }
    require(part->empty(), "own", "{} and {} are the same part", part->string(), entry.string());
    *part = entry;
  }
  require(!files.train.empty() && !files.test.empty(), "own",
          "{} holds no {}: a folder of data has train and test, each a .csv, .tsv, .dat, .h5, .npy or .txt file or a "
          "folder of them{}",
          folder.string(), files.train.empty() ? "train" : "test", not_read(ignored));
  return files;
}

std::vector<fs::path> data_files(const fs::path& part, bool (*is_data)(const fs::path&), std::string_view ending,
                                 std::vector<std::string>& ignored) {
  std::error_code error;
  if (!fs::is_directory(part, error)) return {part};
  std::vector<fs::path> files;
  std::vector<std::string> others;
  for (const fs::path& entry : entries_of(part)) {
    if (is_data(entry)) {
      files.push_back(entry);
    } else {
      others.push_back((part.filename() / entry.filename()).string());
    }
  }
  require(!files.empty(), "own", "{} holds no {} file{}", part.string(), ending, not_read(others));
  ignored.insert(ignored.end(), others.begin(), others.end());
  return files;
}

std::vector<fs::path> table_files(const fs::path& part, std::vector<std::string>& ignored) {
  std::error_code error;
  const bool folder = fs::is_directory(part, error);
  const auto entries = folder ? entries_of(part) : std::vector<fs::path>();
  const bool texts = !entries.empty() && std::none_of(entries.begin(), entries.end(), is_table);
  return data_files(part, texts ? is_text : is_table, ".csv, .tsv, .dat or .txt", ignored);
}

bool holds_texts(const fs::path& part) {
  std::error_code error;
  if (!fs::is_directory(part, error)) return is_text(part);
  const auto entries = entries_of(part);
  return std::any_of(entries.begin(), entries.end(), is_text) &&
         std::all_of(entries.begin(), entries.end(), [](const fs::path& e) { return is_text(e) || !is_tokens(e); });
}

std::string not_read(const std::vector<std::string>& ignored) {
  constexpr std::size_t shown = 5;
  if (ignored.empty()) return {};
  const std::size_t count = std::min(ignored.size(), shown);
  return fmt::format("; not read: {}{}", fmt::join(std::span(ignored).first(count), ", "),
                     count == ignored.size() ? "" : fmt::format(" and {} more", ignored.size() - count));
}

}  // namespace bitstate::datasets
