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

bool is_data(const fs::path& file) {
  return is_table(file) || is_arrays(file) || is_tokens(file) || has_ending(file, {".ts", ".arff"});
}

/// The name of the part that an entry of a data folder would be: its own, for a file without its ending.
std::string part_name(const fs::path& entry) {
  std::error_code error;
  if (fs::is_directory(entry, error)) return small(entry.filename().string());
  const bool data = fs::is_regular_file(entry, error) && is_data(entry);
  return data ? small(fs::path(without_gz(entry)).stem().string()) : std::string();
}

/// What stands behind the last _ in the name of a file.
std::string archive_part_name(const fs::path& entry) {
  std::error_code error;
  const std::string name = fs::is_directory(entry, error) ? std::string() : part_name(entry);
  const std::size_t at = name.rfind('_');
  return at == std::string::npos ? std::string() : name.substr(at + 1);
}

/// The part of a name, or null.
fs::path* part_of(OwnFiles& files, const std::string& name) {
  if (name == "train") return &files.train;
  if (name == "test") return &files.test;
  const bool validates = std::count(std::begin(validation_names), std::end(validation_names), name) > 0;
  return validates ? &files.validation : nullptr;
}

/// Of files of one name, that of the lowest place is read.
std::size_t archive_place(const fs::path& file) {
  constexpr std::array<std::string_view, 3> order = {".ts", ".arff", ".tsv"};
  return static_cast<std::size_t>(std::find(order.begin(), order.end(), small(file.extension().string())) -
                                  order.begin());
}

/// The entries of a folder by what `name_of` says of them.
OwnSource sorted_by(const std::vector<fs::path>& entries, std::string (*name_of)(const fs::path&)) {
  OwnSource source;
  for (const fs::path& entry : entries) {
    fs::path* const part = part_of(source.parts, name_of(entry));
    if (part == nullptr || part->empty()) {
      if (part == nullptr) source.ignored.push_back(entry.filename().string());
      if (part != nullptr) *part = entry;
      continue;
    }
    const bool same_name = part_name(*part) == part_name(entry);
    require(same_name && archive_place(*part) != archive_place(entry), "own",
            "{} and {} are the same part; say which files are meant, by --train, --val and --test", part->string(),
            entry.string());
    const bool better = archive_place(entry) < archive_place(*part);
    source.ignored.push_back((better ? *part : entry).filename().string());
    if (better) *part = entry;
  }
  return source;
}

}  // namespace

bool is_table(const fs::path& file) {
  const std::string name = without_gz(file);
  const std::string ending = fs::path(name).extension().string();
  return ending == ".csv" || ending == ".tsv" || ending == ".dat" ||
         (ending == ".txt" && name.size() < file.filename().string().size());
}

bool has_ending(const fs::path& file, std::initializer_list<std::string_view> endings) {
  return std::find(endings.begin(), endings.end(), small(file.extension().string())) != endings.end();
}

bool is_arrays(const fs::path& file) { return is_hdf5(file) || has_ending(file, {".npz", ".mat"}); }

bool holds_arrays(const fs::path& file_or_folder) {
  std::error_code error;
  if (!fs::is_directory(file_or_folder, error)) return is_arrays(file_or_folder);
  const std::vector<fs::path> entries = entries_of(file_or_folder);
  return std::any_of(entries.begin(), entries.end(), is_arrays) &&
         std::none_of(entries.begin(), entries.end(), is_table);
}

std::vector<fs::path> class_folders(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> classes;
  if (!fs::is_directory(folder, error)) return classes;
  for (const fs::path& entry : entries_of(folder)) {
    if (!fs::is_directory(entry, error)) continue;
    const std::vector<fs::path> files = entries_of(entry);
    const auto is_sound = [](const fs::path& file) { return has_ending(file, {".wav"}); };
    if (std::any_of(files.begin(), files.end(), is_sound)) classes.push_back(entry);
  }
  return classes;
}

bool is_hdf5(const fs::path& file) { return has_ending(file, {".h5", ".hdf5"}); }

bool is_text(const fs::path& file) { return has_ending(file, {".txt"}); }

bool is_tokens(const fs::path& file) { return has_ending(file, {".txt", ".npy"}); }

namespace {

constexpr std::ptrdiff_t least_files = 10;  // that are split by chance

/// Files of sequences or series, one or more in each.
std::ptrdiff_t data_files_in(const std::vector<fs::path>& entries) {
  return std::count_if(entries.begin(), entries.end(),
                       [](const fs::path& file) { return is_data(file) && !is_tokens(file); });
}

/// Whether a folder without parts is data.
bool is_whole(const fs::path& folder, const std::vector<fs::path>& entries) {
  return data_files_in(entries) >= least_files || !class_folders(folder).empty();
}

}  // namespace

OwnSource find_parts(const fs::path& folder) {
  const std::vector<fs::path> entries = entries_of(folder);
  OwnSource source = sorted_by(entries, part_name);
  if (source.parts.train.empty() && source.parts.test.empty()) source = sorted_by(entries, archive_part_name);
  const OwnFiles& parts = source.parts;
  if (parts.train.empty() && parts.test.empty() && is_whole(folder, entries)) return {folder};
  require(
      !parts.train.empty() || !parts.test.empty(), "own",
      "{} holds no train and no test: a folder of data has both, each a file or a folder of files, or else at least "
      "{} files that are split by chance, but it has {}{}",
      folder.string(), least_files, data_files_in(entries), not_read(source.ignored));
  require(!parts.train.empty() && !parts.test.empty(), "own",
          "{} holds no {}: a folder of data has train and test, each a file or a folder of files{}", folder.string(),
          parts.train.empty() ? "train" : "test", not_read(source.ignored));
  return source;
}

namespace {

void require_there(const fs::path& path) {
  std::error_code error;
  require(fs::exists(path, error) || error, "data", "{} does not exist", path.string());
}

}  // namespace

OwnSource source_of(const fs::path& file_or_folder, const OwnFiles& parts, bool trained) {
  if (parts.train.empty() && parts.validation.empty() && parts.test.empty()) {
    require<UsageError>(!file_or_folder.empty(), "data",
                        "own data need a file or a folder, --data=PATH, or its parts, --train=PATH --test=PATH");
    require_there(file_or_folder);
    std::error_code error;
    if (fs::is_directory(file_or_folder, error)) return find_parts(file_or_folder);
    return {file_or_folder};
  }
  require<UsageError>(!parts.test.empty(), "test", "is missing: parts of own data need a test part, --test=PATH");
  require<UsageError>(!parts.train.empty() || trained, "train",
                      "is missing: a test part alone is for a model that is trained, --train=PATH is needed");
  for (const fs::path& part : {parts.train, parts.validation, parts.test}) {
    if (!part.empty()) require_there(part);
  }
  return {{}, parts, {}};
}

std::vector<fs::path> data_files(const fs::path& part, const std::function<bool(const fs::path&)>& is_data,
                                 std::string_view ending, std::vector<std::string>& ignored) {
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
