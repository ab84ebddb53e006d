#include "datasets/sets/retrieval.h"

#include "core/error.h"
#include "datasets/formats/lines.h"
#include "datasets/sets/part_files.h"
#include "datasets/tokens.h"
#include "datasets/vocabulary.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace bitstate::datasets {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t classes = 2;
constexpr std::size_t max_length = 4000;
constexpr std::size_t max_characters = max_length - 1;  // <eos> is the last
constexpr std::size_t max_line_bytes = std::size_t{1} << 24;

constexpr std::array<std::string_view, 3> file_names = {"new_aan_pairs.train.tsv", "new_aan_pairs.eval.tsv",
                                                        "new_aan_pairs.test.tsv"};
constexpr std::array<std::string_view, 4> subfolders = {"retrieval", "tsv_data", "lra_release/lra_release/tsv_data",
                                                        "lra_release/tsv_data"};

/// Calls f(label, both texts cut to max_characters) for each line of a file.
void for_each_pair(const fs::path& path,
                   const std::function<void(std::uint8_t, const std::array<std::u32string, 2>&)>& f) {
  LineReader lines(path, max_line_bytes);
  bool empty = true;
  for (; lines.next(); empty = false) {
    const std::string where = lines.where();
    const TextPair pair = parse_text_pair(lines.line(), where);
    std::array<std::u32string, 2> texts;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      texts[i] = code_points(pair.texts[i], fmt::format("{}, text {}", where, i + 1));
      if (texts[i].size() > max_characters) texts[i].resize(max_characters);
    }
    f(pair.label, texts);
  }
  require(!empty, path.string(), "holds no examples");
}

TokenPart encode(const fs::path& path, const CharacterVocabulary& vocabulary) {
  TokenPart part;
  std::vector<std::uint16_t> document;
  for_each_pair(path, [&](std::uint8_t label, const std::array<std::u32string, 2>& texts) {
    for (const std::u32string& text : texts) {
      document.clear();
      vocabulary.encode(text, max_characters, document);
      part.add(document);
    }
    part.labels.push_back(label);
  });
  return part;
}

TokenData tokenise(const PartFiles& files) {
  CharacterVocabulary vocabulary;
  for_each_pair(files.train, [&](std::uint8_t, const std::array<std::u32string, 2>& texts) {
    for (const std::u32string& text : texts) vocabulary.count(text);
  });
  vocabulary.build(1);
  return {vocabulary.size(), vocabulary.digest(), encode(files.train, vocabulary), encode(files.validation, vocabulary),
          encode(files.test, vocabulary)};
}

}  // namespace

TextPair parse_text_pair(std::string_view line, std::string_view where) {
  std::vector<std::string_view> fields;
  for (std::size_t begin = 0; begin <= line.size();) {
    const std::size_t end = std::min(line.find('\t', begin), line.size());
    fields.push_back(line.substr(begin, end - begin));
    begin = end + 1;
  }
  require(fields.size() == 5, where, "has {} fields, not the 5 of label, two ids and two texts", fields.size());
  double label = -1.0;
  const auto [rest, error] = std::from_chars(fields[0].data(), fields[0].data() + fields[0].size(), label);
  const bool number = error == std::errc() && rest == fields[0].data() + fields[0].size();
  require(number && (label == 0.0 || label == 1.0), where, "the label \"{}\" is neither 0 nor 1",
          fields[0].substr(0, 20));
  require(!fields[3].empty() && !fields[4].empty(), where, "text {} is empty", fields[3].empty() ? 1 : 2);
  return {static_cast<std::uint8_t>(label), {fields[3], fields[4]}};
}

Splits aan(const fs::path& folder, const fs::path& cache) {
  const PartFiles files = find_part_files("aan", folder, subfolders, file_names);
  auto data = std::make_shared<TokenData>(cached_tokens(cache, "aan", files.digest(), [&] { return tokenise(files); }));
  return token_splits("aan", std::move(data), classes, max_length, true);
}

}  // namespace bitstate::datasets
