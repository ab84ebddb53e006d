#include "datasets/own/own_tokens.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "datasets/formats/npy_ids.h"
#include "datasets/own/own_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace bitstate::datasets {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_text_bytes = std::size_t{1} << 34U;
constexpr std::size_t longest_whole = std::size_t{1} << 20U;  // steps of a text that is no window
constexpr std::size_t byte_vocabulary = 256;
constexpr std::array<const char*, 3> part_names = {"training", "validation", "test"};

/// The texts of a part, end to end.
struct Texts {
  TokenIds ids;
  std::vector<Document> documents;
};

/// Reads files of one kind, and notes what was read.
class TextReader {
 public:
  explicit TextReader(const OwnSettings& own) : own_(own) {}

  void read(const fs::path& file, Texts& to) {
    const bool bytes = is_text(file);
    require(name_.empty() || bytes == bytes_, "own", "{} holds {}, but {} {}", name_, bytes_ ? "bytes" : "ids",
            file.string(), bytes ? "bytes" : "ids");
    bytes_ = bytes;
    NpyIds found = bytes ? NpyIds{bytes_of(file), 0} : read_ids(file);
    const std::size_t columns = found.columns > 0 ? found.columns : found.ids.size();
    require(columns >= 2, file.string(), "a text of {} {} asks for nothing; expected at least 2", columns,
            bytes ? "bytes" : "ids");
    check_vocabulary(found.ids, file);
    for (std::size_t row = 0; row < found.ids.size(); row += columns) {
      to.documents.push_back({to.ids.size() + row, columns});
    }
    to.ids.insert(to.ids.end(), found.ids.begin(), found.ids.end());
    if (name_.empty()) name_ = file.string();
    ++files_;
    count_ += found.ids.size();
  }

  [[nodiscard]] bool bytes() const { return bytes_; }
  [[nodiscard]] std::size_t vocabulary() const {
    if (own_.vocabulary > 0) return own_.vocabulary;
    return bytes_ ? byte_vocabulary : largest_ + std::size_t{1};
  }
  [[nodiscard]] std::uint16_t largest() const { return largest_; }
  /// "1000 ids of tokens.npy"
  [[nodiscard]] std::string origin() const {
    const std::string where = files_ == 1 ? fs::path(name_).filename().string() : fmt::format("{} files", files_);
    return fmt::format("{} {} of {}", count_, bytes_ ? "bytes" : "ids", where);
  }

 private:
  static TokenIds bytes_of(const fs::path& file) {
    const std::string text = read_file(file, max_text_bytes);
    require(!text.empty(), file.string(), "is empty");
    TokenIds ids(text.size());
    std::transform(text.begin(), text.end(), ids.begin(), [](char c) { return static_cast<unsigned char>(c); });
    return ids;
  }

  void check_vocabulary(const TokenIds& ids, const fs::path& file) {
    const auto most = std::max_element(ids.begin(), ids.end());
    require(own_.vocabulary == 0 || *most < own_.vocabulary, file.string(),
            "element {}: expected a token id below the vocabulary of {}, got {}", most - ids.begin(), own_.vocabulary,
            *most);
    largest_ = std::max(largest_, *most);
  }

  const OwnSettings& own_;
  std::string name_;  // of the first file
  std::size_t files_ = 0, count_ = 0;
  std::uint16_t largest_ = 0;
  bool bytes_ = false;
};

using Parts = std::array<Texts, 3>;  // training, validation and test

/// The one text of a file, cut behind 80 and 90 % of its ids or the next `end`.
std::array<std::vector<Document>, 3> cut_text(const TokenIds& ids, std::optional<std::size_t> end,
                                              const std::string& name) {
  std::array<std::vector<Document>, 3> parts;
  std::size_t first = 0;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    std::size_t last = ids.size() * (8 + p) / 10;
    while (end && last > 0 && last < ids.size() && ids[last - 1] != *end) ++last;
    require(last >= first + 2, name,
            "cut into 80, 10 and 10 % of its {} ids it has a {} part of {}; expected 2 or more", ids.size(),
            part_names[p], last - std::min(first, last));
    parts[p] = {{first, last - first}};
    first = last;
  }
  return parts;
}

/// One file, cut in order.
Parts cut_file(const fs::path& file, const OwnSettings& own, TextReader& reader) {
  Texts all;
  reader.read(file, all);
  std::array<std::vector<Document>, 3> documents;
  const std::size_t count = all.documents.size();
  if (count == 1) {
    documents = cut_text(all.ids, own.document_end, file.string());
  } else {
    require(count >= 10, file.string(), "holds {} texts, but splitting them takes at least 10", count);
    const auto at = [&](std::size_t tenths) {
      return all.documents.begin() + static_cast<std::ptrdiff_t>(count * tenths / 10);
    };
    documents = {{{at(0), at(8)}, {at(8), at(9)}, {at(9), at(10)}}};
  }
  Parts parts;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const Document& last = documents[p].back();
    const std::size_t first = documents[p].front().first;
    parts[p].ids.assign(all.ids.begin() + static_cast<std::ptrdiff_t>(first),
                        all.ids.begin() + static_cast<std::ptrdiff_t>(last.first + last.count));
    for (Document& document : documents[p]) document.first -= first;
    parts[p].documents = std::move(documents[p]);
  }
  return parts;
}

/// The files of the parts; names of what is not read are appended to `ignored`.
Parts read_parts(const OwnSource& source, TextReader& reader, std::vector<std::string>& ignored) {
  const OwnFiles& files = source.parts;
  Parts parts;
  const std::array<fs::path, 3> paths = {files.train, files.validation, files.test};
  for (std::size_t p = 0; p < parts.size(); ++p) {
    if (paths[p].empty()) continue;
    for (const fs::path& file : data_files(paths[p], is_tokens, ".npy or .txt", ignored)) reader.read(file, parts[p]);
  }
  return parts;
}

void check_token_options(const OwnSettings& own, const SeriesSettings& series) {
  require<UsageError>(
      own.input.empty() && own.target.empty() && series.horizon == 0 && own.task == "auto" &&
          own.table == TableSettings{},
      "data", "input, target, horizon, task and how tables are read are for series, not for .npy and .txt files");
  require<UsageError>(series.stride == 0 || series.window > 0, "stride", "is {}, but there is no window to move",
                      series.stride);
}

/// The windows of a part; null where it has no texts.
std::shared_ptr<const Dataset> windows(Texts&& part, const OwnSettings& own, const WindowCut& cut,
                                       const StreamSettings& stream, std::size_t& longest) {
  if (part.documents.empty()) return nullptr;
  if (stream.resets() && own.document_end) {
    std::vector<Document> smaller;
    for (const Document& document : part.documents) {
      const auto pieces = split_documents(part.ids, document, static_cast<std::uint16_t>(*own.document_end));
      smaller.insert(smaller.end(), pieces.begin(), pieces.end());
    }
    part.documents = std::move(smaller);
  }
  std::vector<Window> found = windows_of(part.documents, cut, stream);
  for (const Window& window : found) longest = std::max(longest, window.length);
  return token_windows(std::make_shared<const TokenIds>(std::move(part.ids)), std::move(found));
}

}  // namespace

bool holds_tokens(const fs::path& file_or_folder) {
  std::error_code error;
  if (!fs::is_directory(file_or_folder, error)) return is_tokens(file_or_folder);
  bool tokens = false;
  for (fs::directory_iterator entry(file_or_folder, error), end; !error && entry != end; entry.increment(error)) {
    if (is_table(entry->path())) return false;
    tokens = tokens || is_tokens(entry->path());
  }
  return tokens;
}

Splits own_tokens(const OwnSource& source, const OwnSettings& own, const SeriesSettings& series,
                  const StreamSettings& stream, const std::optional<Reading>& reading) {
  check_token_options(own, series);
  TextReader reader(own);
  std::vector<std::string> ignored = source.ignored;
  Parts parts = source.whole.empty() ? read_parts(source, reader, ignored) : cut_file(source.whole, own, reader);
  const std::size_t known = reading ? reading->inputs : 0;
  require(known == 0 || reader.largest() < known, "data",
          "the model was trained with the tokens 0 to {}; these data also hold {}", known - 1, reader.largest());
  Splits splits;
  splits.name = "own";
  splits.task = Task::labelling;
  splits.metric = reader.bytes() ? Metric::bits_per_byte : Metric::bits_per_token;
  splits.tokens = true;
  splits.streams = stream.carries();
  splits.d_input = splits.d_output = known > 0 ? known : reader.vocabulary();
  splits.origin = reader.origin() + not_read(ignored);
  splits.train = windows(std::move(parts[0]), own, {series.window, series.stride, false}, {}, splits.max_length);
  splits.validation = windows(std::move(parts[1]), own, {series.window}, stream, splits.max_length);
  splits.test = windows(std::move(parts[2]), own, {series.window}, stream, splits.max_length);
  if (splits.train == nullptr) splits.train = splits.test;
  require<UsageError>(splits.max_length <= longest_whole, "window",
                      "without it the longest text is a sequence of {} steps; expected a window of at most {}",
                      splits.max_length, longest_whole);
  return splits;
}

}  // namespace bitstate::datasets
