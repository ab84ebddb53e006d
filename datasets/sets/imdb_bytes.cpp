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

/// Windows of a text, each labelled by the bytes that follow.
class Windows final : public Dataset {
 public:
  Windows(std::string text, std::size_t length) : text_(std::move(text)), length_(length) {}
  [[nodiscard]] std::size_t size() const override { return text_.empty() ? 0 : (text_.size() - 1) / length_; }
  void read(std::size_t index, Example& out) const override {
    const auto* const first = reinterpret_cast<const unsigned char*>(text_.data()) + index * length_;
    out.length = length_;
    out.tokens.assign(first, first + length_);
    out.labels.assign(first + 1, first + 1 + length_);
  }

 private:
  std::string text_;
  std::size_t length_;
};

/// The texts at `order`, each with a byte 0 behind it, and one before the first.
std::string joined(const std::vector<const std::string*>& texts) {
  std::string all(1, '\0');
  for (const std::string* text : texts) all.append(*text).push_back('\0');
  return all;
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

Splits imdb_bytes(const std::filesystem::path& source, std::size_t length, const ByteSettings& settings) {
  const std::vector<Review> reviews = read_reviews(source);
  std::vector<const std::string*> train = shuffled(reviews, false);
  const std::size_t held = std::min<std::size_t>(1000, (train.size() + 9) / 10);
  const std::vector<const std::string*> validation(train.end() - static_cast<std::ptrdiff_t>(held), train.end());
  train.resize(train.size() - held);
  std::string test = joined(shuffled(reviews, true));
  test.resize(std::min(test.size(), settings.test_bytes));
  const auto part = [&](std::string text, const char* name) {
    auto windows = std::make_shared<Windows>(std::move(text), length);
    require(windows->size() > 0, source.string(), "the {} part has no window of {} bytes and one more", name, length);
    return windows;
  };
  Splits splits;
  splits.name = "imdb-bytes";
  splits.task = Task::labelling;
  splits.metric = Metric::bits_per_byte;
  splits.tokens = true;
  splits.d_input = splits.d_output = 256;
  splits.max_length = length;
  splits.train = part(joined(train), "training");
  splits.validation = part(joined(validation), "validation");
  splits.test = part(std::move(test), "test");
  return splits;
}

}  // namespace bitstate::datasets
