#include "datasets/sets/imdb_bytes.h"

#include "core/error.h"
#include "datasets/sets/imdb_reviews.h"
#include "datasets/splits.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace bitstate::datasets {
namespace {

constexpr std::uint32_t order_seed = 42;

/// The texts, each with a byte 0 behind it, and one before the first.
TokenIds joined(const std::vector<const std::string*>& texts) {
  TokenIds all{0};
  for (const std::string* text : texts) {
    for (const char byte : *text) all.push_back(static_cast<unsigned char>(byte));
    all.push_back(0);
  }
  return all;
}

/// With a reset at the start of each review no byte of it is left out; else what is left behind the last window is.
std::vector<Window> cut(const TokenIds& text, std::size_t length, const StreamSettings& stream) {
  if (text.size() <= length) return {};
  const Document whole{0, text.size()};
  if (stream.resets()) return windows_of(split_documents(text, whole, 0), {length}, stream);
  return windows_of({whole}, {length, 0, false}, stream);
}

/// In an order that depends on their number alone.
std::vector<const std::string*> shuffled(const std::vector<Review>& reviews, bool test) {
  std::vector<const std::string*> texts;
  for (const Review& review : reviews) {
    if (review.test == test) texts.push_back(&review.bytes);
  }
  std::vector<const std::string*> drawn;
  drawn.reserve(texts.size());
  for (const std::uint32_t i : torch_randperm(texts.size(), order_seed)) drawn.push_back(texts[i]);
  return drawn;
}

}  // namespace

OptionTable<ByteSettings> byte_options() {
  using S = ByteSettings;
  OptionTable<S> table("data");
  auto& read = table.whole("test_bytes", "BYTES", &S::test_bytes, 2, 1000000000, "of the test part that are read");
  read.decides_test = true;
  read.of_evaluation = true;
  return table;
}

Splits imdb_bytes(const std::filesystem::path& source, std::size_t length, const ByteSettings& settings,
                  const StreamSettings& stream) {
  const std::vector<Review> reviews = read_reviews(source);
  std::vector<const std::string*> train = shuffled(reviews, false);
  const std::size_t held = std::min<std::size_t>(1000, (train.size() + 9) / 10);
  const std::vector<const std::string*> validation(train.end() - static_cast<std::ptrdiff_t>(held), train.end());
  train.resize(train.size() - held);
  TokenIds test = joined(shuffled(reviews, true));
  test.resize(std::min(test.size(), settings.test_bytes));
  const auto part = [&](TokenIds text, const char* name, const StreamSettings& streamed) {
    std::vector<Window> windows = cut(text, length, streamed);
    require(!windows.empty(), source.string(), "the {} part has no window of {} bytes and one more", name, length);
    return token_windows(std::make_shared<const TokenIds>(std::move(text)), std::move(windows));
  };
  Splits splits;
  splits.name = "imdb-bytes";
  splits.task = Task::labelling;
  splits.metric = Metric::bits_per_byte;
  splits.tokens = true;
  splits.streams = stream.carries();
  splits.d_input = splits.d_output = 256;
  splits.max_length = length;
  splits.train = part(joined(train), "training", {});
  splits.validation = part(joined(validation), "validation", stream);
  splits.test = part(std::move(test), "test", stream);
  return splits;
}

}  // namespace bitstate::datasets
