#include "datasets/tokens.h"

#include "core/error.h"
#include "core/io/hdf5.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <system_error>
#include <utility>

namespace bitstate::datasets {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t cache_version = 2;  // changes when the layout of the file does
constexpr std::size_t max_cached_tokens = std::size_t{1} << 32;

constexpr std::array<std::pair<const char*, TokenPart TokenData::*>, 3> parts = {
    {{"train", &TokenData::train}, {"validation", &TokenData::validation}, {"test", &TokenData::test}}};

/// Throws unless every document of `part` has 1 to max_length tokens below the vocabulary, and labels fit.
void check(const TokenPart& part, std::string_view name, std::size_t vocabulary, std::size_t classes,
           std::size_t max_length, std::size_t documents_each) {
  require(part.ends.size() == documents_each * part.labels.size(), name, "{} documents do not belong to {} labels",
          part.ends.size(), part.labels.size());
  require(part.tokens.size() == (part.ends.empty() ? 0 : part.ends.back()), name,
          "there are {} tokens, but the documents end at {}", part.tokens.size(),
          part.ends.empty() ? 0 : part.ends.back());
  std::uint64_t begin = 0;
  for (std::size_t i = 0; i < part.ends.size(); ++i) {
    require(part.ends[i] > begin && part.ends[i] - begin <= max_length, name,
            "document {} ends at token {} and begins at {}; a document has 1 to {} tokens", i, part.ends[i], begin,
            max_length);
    begin = part.ends[i];
  }
  for (const std::uint16_t token : part.tokens) {
    require(token < vocabulary, name, "token {} is not in the vocabulary of {}", token, vocabulary);
  }
  for (const std::uint8_t label : part.labels) {
    require(label < classes, name, "label {} is not one of the {} classes", label, classes);
  }
}

class TokenDataset final : public Dataset {
 public:
  TokenDataset(std::shared_ptr<const TokenData> data, TokenPart TokenData::*part, bool pairs)
      : data_(std::move(data)), part_(part), pairs_(pairs) {}

  [[nodiscard]] std::size_t size() const override { return part().labels.size(); }

  void read(std::size_t index, Example& out) const override {
    require(index < size(), "tokens", "example {} of {} does not exist", index, size());
    copy_document(pairs_ ? 2 * index : index, out.tokens);
    out.second.clear();
    if (pairs_) copy_document(2 * index + 1, out.second);
    out.length = out.tokens.size();
    out.label = part().labels[index];
    out.x.clear();
    out.target.clear();
  }

 private:
  [[nodiscard]] const TokenPart& part() const { return (*data_).*part_; }

  void copy_document(std::size_t document, std::vector<std::int32_t>& out) const {
    const auto& [tokens, ends, labels] = part();
    const std::uint64_t begin = document == 0 ? 0 : ends[document - 1];
    out.assign(tokens.begin() + static_cast<std::ptrdiff_t>(begin),
               tokens.begin() + static_cast<std::ptrdiff_t>(ends[document]));
  }

  std::shared_ptr<const TokenData> data_;
  TokenPart TokenData::*part_;
  bool pairs_;
};

template <class Stored>
void write_part(Hdf5Writer& writer, const std::string& group, const TokenPart& part) {
  writer.write(group + "/tokens", std::vector<Stored>(part.tokens.begin(), part.tokens.end()));
  writer.write(group + "/ends", part.ends);
  writer.write(group + "/labels", part.labels);
}

template <class Stored>
TokenPart read_part(const Hdf5Reader& reader, const std::string& group) {
  TokenPart part;
  const auto tokens = reader.read<Stored>(group + "/tokens", max_cached_tokens).values;
  part.tokens.reserve(tokens.size());
  for (const Stored token : tokens) {
    require(std::in_range<std::uint16_t>(token), group, "{} is not a token", token);
    part.tokens.push_back(static_cast<std::uint16_t>(token));
  }
  part.ends = reader.read<std::uint64_t>(group + "/ends").values;
  part.labels = reader.read<std::uint8_t>(group + "/labels").values;
  return part;
}

/// The cached data; false if there are none that fit, for whatever reason.
bool read_cache(const fs::path& file, std::string_view digest, TokenData& data) {
  try {
    const Hdf5Reader reader(file);
    if (reader.attribute<std::int64_t>("/", "version") != cache_version) return false;
    if (reader.attribute<std::string>("/", "source_sha256") != digest) return false;
    data.vocabulary = reader.attribute<std::uint64_t>("/", "vocabulary");
    data.symbols = reader.attribute<std::string>("/", "symbols");
    for (const auto& [name, part] : parts) {
      if (!reader.exists(name)) continue;
      data.*part =
          data.vocabulary <= 256 ? read_part<std::uint8_t>(reader, name) : read_part<std::int32_t>(reader, name);
    }
    return true;
  } catch (const Error&) {
    return false;  // absent, truncated or damaged: it is made again
  }
}

void write_cache(const fs::path& file, std::string_view digest, const TokenData& data) {
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  require(!error, file.parent_path().string(), "the cache folder cannot be created: {}", error.message());
  Hdf5Writer writer(file);
  writer.set_attribute("/", "version", cache_version);
  writer.set_attribute("/", "source_sha256", digest);
  writer.set_attribute("/", "vocabulary", data.vocabulary);
  writer.set_attribute("/", "symbols", data.symbols);
  for (const auto& [name, part] : parts) {
    if ((data.*part).labels.empty()) continue;
    if (data.vocabulary <= 256) {
      write_part<std::uint8_t>(writer, name, data.*part);
    } else {
      write_part<std::int32_t>(writer, name, data.*part);
    }
  }
  writer.commit();
}

}  // namespace

void TokenPart::add(std::span<const std::uint16_t> document) {
  tokens.insert(tokens.end(), document.begin(), document.end());
  ends.push_back(tokens.size());
}

TokenData cached_tokens(const fs::path& cache, std::string_view name, std::string_view digest,
                        const std::function<TokenData()>& make) {
  if (cache.empty()) return make();
  const fs::path file = cache / fmt::format("{}-{}.h5", name, digest.substr(0, 16));
  TokenData data;
  if (read_cache(file, digest, data)) return data;
  data = make();
  write_cache(file, digest, data);
  return data;
}

Splits token_splits(std::string name, const std::shared_ptr<const TokenData>& data, std::size_t classes,
                    std::size_t max_length, bool pairs) {
  Splits splits;
  for (const auto& [part_name, part] : parts) {
    check((*data).*part, fmt::format("{}, {}", name, part_name), data->vocabulary, classes, max_length, pairs ? 2 : 1);
  }
  splits.name = std::move(name);
  splits.task = Task::classification;
  splits.tokens = true;
  splits.pairs = pairs;
  splits.d_input = data->vocabulary;
  splits.d_output = classes;
  splits.reading.vocabulary = data->symbols;
  splits.max_length = max_length;
  splits.train = std::make_shared<TokenDataset>(data, &TokenData::train, pairs);
  if (!data->validation.labels.empty()) {
    splits.validation = std::make_shared<TokenDataset>(data, &TokenData::validation, pairs);
  }
  splits.test = std::make_shared<TokenDataset>(data, &TokenData::test, pairs);
  return splits;
}

}  // namespace bitstate::datasets
