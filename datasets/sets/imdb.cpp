#include "datasets/sets/imdb.h"

#include "datasets/formats/archive.h"
#include "datasets/sets/imdb_reviews.h"
#include "datasets/tokens.h"
#include "datasets/vocabulary.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace bitstate::datasets {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_length = 4096;
constexpr std::size_t max_characters = max_length - 1;  // <eos> is the last
constexpr std::size_t min_frequency = 15;
TokenData tokenise(const fs::path& source) {
  const std::vector<Review> reviews = read_reviews(source);
  std::vector<std::u32string> texts;
  CharacterVocabulary vocabulary;
  for (const Review& review : reviews) {
    texts.push_back(code_points(review.bytes, (source / review.name).string()));
    texts.back().resize(std::min(texts.back().size(), max_characters));
    if (!review.test) vocabulary.count(texts.back());
  }
  vocabulary.build(min_frequency);
  TokenData data;
  data.vocabulary = vocabulary.size();
  data.symbols = vocabulary.digest();
  std::vector<std::uint16_t> document;
  for (std::size_t i = 0; i < reviews.size(); ++i) {
    document.clear();
    vocabulary.encode(texts[i], max_characters, document);
    TokenPart& part = reviews[i].test ? data.test : data.train;
    part.add(document);
    part.labels.push_back(reviews[i].label);
  }
  return data;
}

}  // namespace

Splits imdb(const fs::path& source, const fs::path& cache) {
  const std::string digest = source_digest(source, is_review);
  auto data = std::make_shared<TokenData>(cached_tokens(cache, "imdb", digest, [&] { return tokenise(source); }));
  return token_splits("imdb", std::move(data), 2, max_length, false);
}

}  // namespace bitstate::datasets
