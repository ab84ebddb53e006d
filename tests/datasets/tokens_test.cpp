#include "datasets/tokens.h"

#include "core/error.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <fstream>

namespace bitstate::datasets {
namespace {

using tests::error_of;
using tests::TempFolder;

TokenPart part(const std::vector<std::vector<std::uint16_t>>& documents, std::vector<std::uint8_t> labels) {
  TokenPart made;
  for (const auto& document : documents) made.add(document);
  made.labels = std::move(labels);
  return made;
}

TokenData small(std::size_t vocabulary = 300) {
  return {vocabulary,
          "symbols",
          part({{3, 4, 5}, {6}}, {0, 1}),
          {},
          part({{static_cast<std::uint16_t>(vocabulary - 1)}}, {1})};
}

TEST_CASE("tokens: documents come back as they were added; a part without examples is none") {
  const Splits splits = token_splits("set", std::make_shared<TokenData>(small()), 2, 8, false);
  CHECK(splits.tokens);
  CHECK(splits.d_input == 300);
  CHECK(splits.validation == nullptr);
  Example example;
  splits.train->read(0, example);
  CHECK(example.tokens == std::vector<std::int32_t>{3, 4, 5});
  CHECK(example.length == 3);
  splits.train->read(1, example);
  CHECK(example.tokens == std::vector<std::int32_t>{6});
  CHECK(example.label == 1);
  CHECK_THROWS_AS(splits.train->read(2, example), Error);
}

TEST_CASE("tokens: of pairs an example is two documents") {
  TokenData data{10, "symbols", part({{1}, {2, 3}, {4, 5, 6}, {7}}, {1, 0}), {}, part({{1}, {1}}, {1})};
  const Splits splits = token_splits("pairs", std::make_shared<TokenData>(data), 2, 8, true);
  Example example;
  splits.train->read(1, example);
  CHECK(example.tokens == std::vector<std::int32_t>{4, 5, 6});
  CHECK(example.second == std::vector<std::int32_t>{7});
  CHECK(example.label == 0);
  data.train.labels.push_back(0);
  CHECK_THROWS_AS(token_splits("pairs", std::make_shared<TokenData>(data), 2, 8, true), Error);
}

TEST_CASE("tokens: what does not fit is refused") {
  const auto refusal = [](const auto& change) {
    TokenData data = small(10);
    change(data);
    return error_of<Error>([&] { (void)token_splits("set", std::make_shared<TokenData>(data), 2, 3, false); });
  };
  CHECK(refusal([](TokenData&) {}).empty());
  CHECK(refusal([](TokenData& d) { d.train.tokens[0] = 10; }).find("vocabulary") != std::string::npos);
  CHECK(refusal([](TokenData& d) { d.train.labels[0] = 2; }).find("label 2") != std::string::npos);
  CHECK(refusal([](TokenData& d) {
          d.train.add({});
          d.train.labels.push_back(0);
        }).find("document 2") != std::string::npos);
  CHECK(refusal([](TokenData& d) { d.train.ends[0] = 4; }).find("document 0") != std::string::npos);
  CHECK(refusal([](TokenData& d) {
          d.vocabulary = 10;
          d.train = part({{1, 2, 3, 4}}, {0});
        }).find("1 to 3 tokens") != std::string::npos);
}

TEST_CASE("tokens: the cache answers for the same source, and is made anew for another or when it is damaged") {
  const TempFolder cache;
  int made = 0;
  const auto get = [&](std::string_view digest, std::size_t vocabulary) {
    return cached_tokens(cache.path(), "set", digest, [&] {
      ++made;
      return small(vocabulary);
    });
  };
  for (const std::size_t vocabulary : {200, 300}) {  // stored as bytes, and as more
    made = 0;
    const std::string digest = "0123456789abcdef" + std::to_string(vocabulary);
    const TokenData first = get(digest, vocabulary);
    const TokenData again = get(digest, vocabulary);
    CHECK(made == 1);
    CHECK(again.vocabulary == vocabulary);
    CHECK(again.train.tokens == first.train.tokens);
    CHECK(again.train.ends == first.train.ends);
    CHECK(again.test.tokens == first.test.tokens);
    CHECK(again.test.labels == first.test.labels);
    CHECK(again.validation.labels.empty());
    get(digest + "changed", vocabulary);  // the same file name, another source
    CHECK(made == 2);
    for (std::filesystem::directory_iterator entry(cache.path()), end; entry != end; ++entry) {
      std::ofstream(entry->path(), std::ios::trunc) << "damaged";
    }
    CHECK(get(digest, vocabulary).train.tokens == first.train.tokens);
    CHECK(made == 3);
  }
}

}  // namespace
}  // namespace bitstate::datasets
