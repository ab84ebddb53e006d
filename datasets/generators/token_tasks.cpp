#include "datasets/generators/token_tasks.h"

#include "core/error.h"
#include "core/random.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <string_view>

namespace bitstate::datasets {
namespace {

constexpr std::int32_t special = task_vocabulary - 1;  // marks what is asked for, or asks
constexpr std::int32_t noise = task_vocabulary - 2;

using Make = void (*)(const TokenTaskSettings& settings, const Random& random, Example& out);

/// Examples that are made when they are read, each from a stream of its own.
class Generated final : public Dataset {
 public:
  Generated(Make make, const TokenTaskSettings& settings, std::string stream, std::size_t size)
      : make_(make), settings_(settings), stream_(std::move(stream)), size_(size) {}
  [[nodiscard]] std::size_t size() const override { return size_; }
  void read(std::size_t index, Example& out) const override {
    make_(settings_, Random{settings_.seed, random_stream(stream_, index)}, out);
    out.length = out.tokens.size();
  }

 private:
  Make make_;
  TokenTaskSettings settings_;
  std::string stream_;
  std::size_t size_;
};

Splits splits_of(std::string_view name, Make make, const TokenTaskSettings& settings, std::size_t length) {
  const auto part = [&](std::string_view which, std::size_t size) {
    return std::make_shared<Generated>(make, settings, std::string(name) + "." + std::string(which), size);
  };
  const std::size_t held = std::max<std::size_t>(settings.examples / 16, 1);
  Splits splits;
  splits.name = name;
  splits.task = Task::labelling;
  splits.tokens = true;
  splits.d_input = splits.d_output = task_vocabulary;
  splits.max_length = length;
  splits.train = part("train", settings.examples);
  splits.validation = part("validation", held);
  splits.test = part("test", held);
  return splits;
}

void make_induction(const TokenTaskSettings& settings, const Random& random, Example& out) {
  const std::size_t length = settings.length;
  out.tokens.resize(length);
  out.labels.assign(length, no_label);
  for (std::size_t t = 0; t < length; ++t) out.tokens[t] = static_cast<std::int32_t>(random.below(special, t));
  const std::size_t place = random.below(length - 2, length);
  out.tokens[place] = out.tokens[length - 1] = special;
  out.labels[length - 1] = out.tokens[place + 1];
}

void make_copying(const TokenTaskSettings& settings, const Random& random, Example& out) {
  const std::size_t length = settings.length;
  const std::size_t copied = settings.copied;
  out.tokens.assign(length + copied, noise);
  out.labels.assign(length + copied, no_label);
  // places by Floyd's algorithm: each subset is as probable as any other
  std::vector<std::size_t> places;
  for (std::size_t last = length - copied; last < length; ++last) {
    const std::size_t drawn = random.below(last + 1, last);
    const bool taken = std::find(places.begin(), places.end(), drawn) != places.end();
    places.push_back(taken ? last : drawn);
  }
  std::sort(places.begin(), places.end());
  for (std::size_t k = 0; k < copied; ++k) {
    out.tokens[places[k]] = static_cast<std::int32_t>(random.below(noise, length + k));
    out.tokens[length + k] = special;
    out.labels[length + k] = out.tokens[places[k]];
  }
}

}  // namespace

OptionTable<TokenTaskSettings> length_options() {
  using S = TokenTaskSettings;
  OptionTable<S> table("data");
  auto& length =
      table.whole("length", "TOKENS", &S::length, 1, 1U << 20U, "tokens or bytes of a sequence, before a question");
  length.decides_test = true;
  length.of_evaluation = true;
  return table;
}

OptionTable<TokenTaskSettings> token_task_options() {
  using S = TokenTaskSettings;
  OptionTable<S> table("data");
  table.whole("examples", "SEQUENCES", &S::examples, 1, 1000000000, "generated for training").decides_test = true;
  return table;
}

OptionTable<TokenTaskSettings> copying_options() {
  using S = TokenTaskSettings;
  OptionTable<S> table("data");
  auto& copied = table.whole("copied", "TOKENS", &S::copied, 1, 1U << 16U, "tokens of a sequence to be repeated");
  copied.decides_test = true;
  copied.of_evaluation = true;
  return table;
}

Splits induction(const TokenTaskSettings& settings) {
  require<UsageError>(settings.length >= 3, "length", "expected at least 3 tokens for induction, got {}",
                      settings.length);
  return splits_of("induction", make_induction, settings, settings.length);
}

Splits copying(const TokenTaskSettings& settings) {
  require<UsageError>(settings.copied <= settings.length, "copied", "expected at most length = {}, got {}",
                      settings.length, settings.copied);
  return splits_of("copying", make_copying, settings, settings.length + settings.copied);
}

}  // namespace bitstate::datasets
