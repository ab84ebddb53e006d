#include "datasets/generators/listops_generator.h"

#include "core/error.h"
#include "core/random.h"

#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace bitstate::datasets {
namespace {

constexpr std::size_t expressions_per_batch = 16'384;
constexpr std::size_t max_fruitless = 1'000'000;  // candidates in a row of which none is taken
constexpr double digit_probability = 0.75;
constexpr std::array<std::string_view, 4> operators = {"[MIN", "[MAX", "[MED", "[SM"};

/// One expression being drawn: printed, counted and evaluated on the way.
class Candidate {
 public:
  Candidate(const ListopsOptions& options, std::uint64_t index)
      : options_(options), random_{options.seed, random_stream("listops", index)} {
    value_ = draw(1);
  }

  [[nodiscard]] std::size_t length() const { return length_; }
  [[nodiscard]] unsigned value() const { return value_; }
  [[nodiscard]] std::string& source() { return source_; }

 private:
  /// Appends an expression of this level and returns its value; what is too long to be accepted is left unfinished.
  unsigned draw(std::size_t depth) {
    if (depth == options_.max_depth || random_.uniform(draws_++) < digit_probability) {
      const auto digit = static_cast<unsigned>(random_.below(10, draws_++));
      source_ += static_cast<char>('0' + digit);
      ++length_;
      return digit;
    }
    const std::size_t n = 2 + random_.below(options_.max_args - 1, draws_++);
    const std::size_t op = random_.below(operators.size(), draws_++);
    // ( ( ( [OP a ) b ) ] ): a pair for each argument and one for the end
    for (std::size_t i = 0; i <= n; ++i) source_ += "( ";
    source_ += operators[op];
    length_ += 2;
    std::vector<unsigned> values;
    for (std::size_t i = 0; i < n && length_ < options_.max_length; ++i) {
      source_ += ' ';
      values.push_back(draw(depth + 1));
      source_ += " )";
    }
    source_ += " ] )";
    return value_of(op, values);
  }

  static unsigned value_of(std::size_t op, std::vector<unsigned>& values) {
    if (values.empty()) return 0;  // of an expression that is too long
    const auto [least, greatest] = std::minmax_element(values.begin(), values.end());
    if (op == 0) return *least;
    if (op == 1) return *greatest;
    if (op == 3) return std::accumulate(values.begin(), values.end(), 0U) % 10;
    std::sort(values.begin(), values.end());
    const std::size_t half = values.size() / 2;
    return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
  }

  const ListopsOptions& options_;
  Random random_;
  std::uint64_t draws_ = 0;
  std::string source_;
  std::size_t length_ = 0;  // in symbols; parentheses do not count
  unsigned value_ = 0;
};

void validate(const ListopsOptions& o) {
  constexpr std::string_view where = "listops";
  constexpr std::size_t max_examples = 10'000'000;
  for (const auto& [name, count] : {std::pair{"train", o.train}, {"validation", o.validation}, {"test", o.test}}) {
    require<UsageError>(count >= 1 && count <= max_examples, where,
                        "{0}: expected a whole number from 1 to {2}, got \"{1}\"", name, count, max_examples);
  }
  require<UsageError>(o.max_length <= 100'000, where, "max_length: expected at most 100000, got \"{}\"", o.max_length);
  require<UsageError>(o.max_length >= 2 && o.min_length <= o.max_length - 2, where,
                      "no length is more than min_length {} and less than max_length {}", o.min_length, o.max_length);
  require<UsageError>(o.max_depth >= 2 && o.max_depth <= 100, where,
                      "max_depth: expected a whole number from 2 to 100, got \"{}\"", o.max_depth);
  require<UsageError>(o.max_args >= 2 && o.max_args <= 100, where,
                      "max_args: expected a whole number from 2 to 100, got \"{}\"", o.max_args);
}

/// Takes candidates in their order.
class Selection {
 public:
  Selection(const ListopsOptions& options, Workers& workers) : options_(options), workers_(workers) {}

  /// Lines of the next candidates that are taken.
  std::vector<std::string> next_batch() {
    std::vector<Drawn> drawn(expressions_per_batch);
    workers_.for_each(expressions_per_batch, [&](std::size_t i) {
      Candidate candidate(options_, first_ + i);
      const std::size_t length = candidate.length();
      if (length <= options_.min_length || length >= options_.max_length) return;
      const std::size_t hash = std::hash<std::string>()(candidate.source());
      drawn[i] = {hash, length, candidate.value(), std::move(candidate.source())};
    });
    first_ += expressions_per_batch;

    const std::size_t wanted = options_.train + options_.validation + options_.test;
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < expressions_per_batch && summary_.accepted < wanted; ++i) {
      ++summary_.candidates;
      ++fruitless_;
      if (drawn[i].length == 0 || !seen_.insert(drawn[i].hash).second) continue;
      fruitless_ = 0;
      ++summary_.accepted;
      ++summary_.labels[drawn[i].value];
      symbols_ += drawn[i].length;
      lines.push_back(fmt::format("{}\t{}\n", drawn[i].source, drawn[i].value));
    }
    require<UsageError>(fruitless_ < max_fruitless, "listops",
                        "{} of {} expressions were found, and none among {} further ones was new and of more than {} "
                        "and less than {} symbols",
                        summary_.accepted, wanted, fruitless_, options_.min_length, options_.max_length);
    return lines;
  }

  [[nodiscard]] ListopsSummary summary() const {
    ListopsSummary summary = summary_;
    summary.made = true;
    summary.mean_length = static_cast<double>(symbols_) / static_cast<double>(summary.accepted);
    return summary;
  }

 private:
  struct Drawn {
    std::size_t hash = 0;
    std::size_t length = 0;  // 0: not of an allowed length
    unsigned value = 0;
    std::string source;
  };

  const ListopsOptions& options_;
  Workers& workers_;
  std::uint64_t first_ = 0;  // candidate of the next batch
  std::size_t fruitless_ = 0;
  std::size_t symbols_ = 0;
  // hashes of 64 bits: among 100,000 expressions one is mistaken for another with a probability of 3e-10, and skipped
  std::unordered_set<std::size_t> seen_;
  ListopsSummary summary_;
};

}  // namespace

ListopsSummary make_listops(const ListopsOptions& o, const std::filesystem::path& out, Workers& workers,
                            const Progress& progress) {
  validate(o);
  const GeneratedParts parts = {
      {{"basic_train.tsv", o.train}, {"basic_val.tsv", o.validation}, {"basic_test.tsv", o.test}}};
  const std::string options = fmt::format(
      "data = listops\nseed = {}\ntrain = {}\nvalidation = {}\ntest = {}\nmin_length = {}\nmax_length = {}\n"
      "max_depth = {}\nmax_args = {}\n",
      o.seed, o.train, o.validation, o.test, o.min_length, o.max_length, o.max_depth, o.max_args);
  if (already_generated(out, options, parts)) return {};
  Selection selection(o, workers);
  write_parts(
      out, options, parts, "Source\tTarget\n", [&] { return selection.next_batch(); }, progress);
  return selection.summary();
}

}  // namespace bitstate::datasets
