#include "datasets/sets/imdb.h"

#include "core/error.h"
#include "datasets/formats/archive.h"
#include "datasets/tokens.h"
#include "datasets/vocabulary.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bitstate::datasets {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_length = 4096;
constexpr std::size_t max_characters = max_length - 1;  // <eos> is the last
constexpr std::size_t min_frequency = 15;
constexpr std::size_t max_review_bytes = std::size_t{1} << 20;

/// Where the path of a review says that it belongs.
struct Place {
  bool test = false;
  std::uint8_t label = 0;
};

/// The place that "[aclImdb/]train/pos/0_9.txt" names; nothing for other files (train/unsup among them).
std::optional<Place> place_of(std::string_view name) {
  const fs::path path(name);
  const std::string label = path.parent_path().filename().string();
  const std::string part = path.parent_path().parent_path().filename().string();
  const bool known = (label == "pos" || label == "neg") && (part == "train" || part == "test");
  if (!known || path.extension() != ".txt") return std::nullopt;
  return Place{part == "test", static_cast<std::uint8_t>(label == "pos" ? 1 : 0)};
}

struct Review {
  std::string name;
  Place place;
  std::u32string text;
};

/// All reviews, sorted by name: the order of an archive is not that of a folder.
std::vector<Review> read_reviews(const fs::path& source) {
  std::vector<Review> reviews;
  for_each_file(
      source, [](std::string_view name) { return place_of(name).has_value(); },
      [&](std::string_view name, const std::string& content) {
        const std::string where = (source / name).string();
        std::u32string text = code_points(content, where);
        text.resize(std::min(text.size(), max_characters));
        reviews.push_back({std::string(name), *place_of(name), std::move(text)});
      },
      {.entries = 1'000'000, .file_bytes = max_review_bytes, .total_bytes = std::size_t{1} << 31});
  std::sort(reviews.begin(), reviews.end(), [](const Review& a, const Review& b) { return a.name < b.name; });
  const auto tested = std::count_if(reviews.begin(), reviews.end(), [](const Review& r) { return r.place.test; });
  require(tested > 0 && static_cast<std::size_t>(tested) < reviews.size(), source.string(),
          "holds no IMDB reviews (train/pos, train/neg, test/pos and test/neg, with files *.txt)");
  return reviews;
}

TokenData tokenise(const fs::path& source) {
  const std::vector<Review> reviews = read_reviews(source);
  CharacterVocabulary vocabulary;
  for (const Review& review : reviews) {
    if (!review.place.test) vocabulary.count(review.text);
  }
  vocabulary.build(min_frequency);
  TokenData data;
  data.vocabulary = vocabulary.size();
  data.symbols = vocabulary.digest();
  std::vector<std::uint16_t> document;
  for (const Review& review : reviews) {
    document.clear();
    vocabulary.encode(review.text, max_characters, document);
    TokenPart& part = review.place.test ? data.test : data.train;
    part.add(document);
    part.labels.push_back(review.place.label);
  }
  return data;
}

}  // namespace

Splits imdb(const fs::path& source, const fs::path& cache) {
  const std::string digest = source_digest(source, [](std::string_view name) { return place_of(name).has_value(); });
  auto data = std::make_shared<TokenData>(cached_tokens(cache, "imdb", digest, [&] { return tokenise(source); }));
  return token_splits("imdb", std::move(data), 2, max_length, false);
}

}  // namespace bitstate::datasets
