#include "datasets/generators/retrieval_generator.h"

#include "core/error.h"
#include "core/random.h"

#include <fmt/core.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bitstate::datasets {
namespace {

constexpr std::string_view letters = "abcdefgh";
constexpr std::size_t min_word = 2;
constexpr std::size_t max_word = 6;
constexpr std::size_t max_classes = 8;
constexpr std::size_t pairs_per_batch = 1'024;

/// Draws in their order.
struct OrderedDraws {
  Random random;
  std::uint64_t count = 0;

  std::size_t below(std::size_t n) { return random.below(n, count++); }

  /// Moves `n` characters of `text`, each set of them equally likely, to its front, in random order.
  void shuffle_front(std::string& text, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) std::swap(text[i], text[i + below(text.size() - i)]);
  }
};

/// How many of the pairs of letters two orders have the same way round.
std::size_t agreements(std::string_view a, std::string_view b) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = i + 1; j < a.size(); ++j) count += b.find(a[i]) < b.find(a[j]) ? 1U : 0U;
  }
  return count;
}

/// Each author's order of the letters. Two of them differ in at least a third of the pairs of letters.
std::vector<std::string> letter_orders(const RetrievalOptions& options) {
  constexpr std::size_t pairs = letters.size() * (letters.size() - 1) / 2;
  OrderedDraws draws{{options.seed, random_stream("retrieval orders")}};
  std::vector<std::string> orders;
  while (orders.size() < options.classes) {
    std::string order(letters);
    draws.shuffle_front(order, order.size());
    const auto alike = [&](const std::string& other) { return agreements(order, other) > pairs * 2 / 3; };
    if (std::none_of(orders.begin(), orders.end(), alike)) orders.push_back(order);
  }
  return orders;
}

std::string document(const RetrievalOptions& options, const std::string& order, OrderedDraws& draws) {
  const std::size_t length = options.min_length + draws.below(options.max_length - options.min_length + 1);
  std::string text;
  while (text.size() < length) {
    // the last word is cut before its letters are chosen: which ones are lost by a cut would depend on the order
    const std::size_t n = std::min(min_word + draws.below(max_word - min_word + 1), length - text.size());
    std::string word(letters);
    draws.shuffle_front(word, n);
    word.resize(n);
    std::sort(word.begin(), word.end(), [&](char a, char b) { return order.find(a) < order.find(b); });
    text += word;
    if (text.size() < length) text += ' ';
  }
  return text;
}

std::string pair_line(const RetrievalOptions& options, const std::vector<std::string>& orders, std::size_t index) {
  OrderedDraws draws{{options.seed, random_stream("retrieval", index)}};
  const std::size_t label = draws.below(2);
  const std::size_t first = draws.below(options.classes);
  const std::size_t second = label == 1 ? first : (first + 1 + draws.below(options.classes - 1)) % options.classes;
  const std::string text = document(options, orders[first], draws);
  return fmt::format("{}.0\t{}\t{}\t{}\t{}\n", label, 2 * index, 2 * index + 1, text,
                     document(options, orders[second], draws));
}

void validate(const RetrievalOptions& o) {
  constexpr std::string_view where = "retrieval";
  constexpr std::size_t max_examples = 1'000'000;
  constexpr std::size_t min_characters = 50;     // some ten words, in which most pairs of letters meet
  constexpr std::size_t max_characters = 3'999;  // what aan() reads of a document
  for (const auto& [name, count] : {std::pair{"train", o.train}, {"validation", o.validation}, {"test", o.test}}) {
    require<UsageError>(count >= 1 && count <= max_examples, where,
                        "{0}: expected a whole number from 1 to {2}, got \"{1}\"", name, count, max_examples);
  }
  require<UsageError>(o.min_length >= min_characters && o.min_length <= o.max_length && o.max_length <= max_characters,
                      where, "expected {2} <= min_length <= max_length <= {3}, got {0} and {1}", o.min_length,
                      o.max_length, min_characters, max_characters);
  require<UsageError>(o.classes >= 2 && o.classes <= max_classes, where,
                      "classes: expected a whole number from 2 to {1}, got \"{0}\"", o.classes, max_classes);
}

}  // namespace

bool make_retrieval(const RetrievalOptions& o, const std::filesystem::path& out, Workers& workers,
                    const Progress& progress) {
  validate(o);
  const GeneratedParts parts = {{{"new_aan_pairs.train.tsv", o.train},
                                 {"new_aan_pairs.eval.tsv", o.validation},
                                 {"new_aan_pairs.test.tsv", o.test}}};
  const std::string options = fmt::format(
      "data = retrieval\nseed = {}\ntrain = {}\nvalidation = {}\ntest = {}\nmin_length = {}\nmax_length = {}\n"
      "classes = {}\n",
      o.seed, o.train, o.validation, o.test, o.min_length, o.max_length, o.classes);
  if (already_generated(out, options, parts)) return false;
  const std::vector<std::string> orders = letter_orders(o);
  std::size_t first = 0;
  const auto next_batch = [&] {
    std::vector<std::string> lines(pairs_per_batch);
    workers.for_each(pairs_per_batch, [&](std::size_t i) { lines[i] = pair_line(o, orders, first + i); });
    first += pairs_per_batch;
    return lines;
  };
  write_parts(out, options, parts, "", next_batch, progress);
  return true;
}

}  // namespace bitstate::datasets
