#include "datasets/generators/retrieval_generator.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "datasets/sets/retrieval.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace bitstate::tests::retrieval_generator_test {

using namespace bitstate;
using datasets::make_retrieval;
using datasets::parse_text_pair;
using datasets::RetrievalOptions;
using tests::error_of;
using tests::TempFolder;

namespace {

constexpr std::array<const char*, 3> names = {"new_aan_pairs.train.tsv", "new_aan_pairs.eval.tsv",
                                              "new_aan_pairs.test.tsv"};
constexpr std::size_t symbols = 9;  // a to h, space

struct Pair {
  int label = 0;
  std::array<std::string, 2> texts;
};

std::vector<Pair> pairs_of(const std::filesystem::path& file) {
  std::istringstream text(read_file(file, std::size_t{1} << 28));
  std::vector<Pair> pairs;
  for (std::string line; std::getline(text, line);) {
    const auto pair = parse_text_pair(line, "line");
    pairs.push_back({pair.label, {std::string(pair.texts[0]), std::string(pair.texts[1])}});
  }
  return pairs;
}

std::string contents(const std::filesystem::path& folder) {
  std::string all;
  for (const char* name : names) all += read_file(folder / name, std::size_t{1} << 28);
  return all;
}

std::size_t symbol(char c) { return c == ' ' ? 8 : static_cast<std::size_t>(c - 'a'); }

using Features = std::vector<double>;

/// Shares of the characters, or of the pairs of neighbours, in a text.
Features shares(const std::string& text, bool neighbours) {
  Features counts(neighbours ? symbols * symbols : symbols);
  for (std::size_t i = neighbours ? 1 : 0; i < text.size(); ++i) {
    counts.at(neighbours ? symbol(text[i - 1]) * symbols + symbol(text[i]) : symbol(text[i])) += 1.0;
  }
  for (double& count : counts) count /= static_cast<double>(text.size());
  return counts;
}

/// |x0 - x1| and x0 * x1 of the two documents' shares, and 1.
std::vector<Features> features_of(const std::vector<Pair>& pairs, bool neighbours) {
  std::vector<Features> all;
  for (const Pair& pair : pairs) {
    const Features x0 = shares(pair.texts[0], neighbours);
    const Features x1 = shares(pair.texts[1], neighbours);
    Features& f = all.emplace_back();
    for (std::size_t i = 0; i < x0.size(); ++i) {
      f.push_back(std::abs(x0[i] - x1[i]));
      f.push_back(x0[i] * x1[i]);
    }
    f.push_back(1.0);
  }
  return all;
}

/// Divides each feature by its deviation on the training part, after taking off its mean (but for the constant).
void standardise(std::vector<Features>& train, std::vector<Features>& test) {
  for (std::size_t k = 0; k + 1 < train[0].size(); ++k) {
    double sum = 0.0;
    double squares = 0.0;
    for (const Features& f : train) {
      sum += f[k];
      squares += f[k] * f[k];
    }
    const double mean = sum / static_cast<double>(train.size());
    const double deviation = std::sqrt(std::max(squares / static_cast<double>(train.size()) - mean * mean, 1e-20));
    for (auto* part : {&train, &test}) {
      for (Features& f : *part) f[k] = (f[k] - mean) / deviation;
    }
  }
}

double dot(const Features& a, const Features& b) {
  double sum = 0.0;
  for (std::size_t k = 0; k < a.size(); ++k) sum += a[k] * b[k];
  return sum;
}

/// Test accuracy of logistic regression (gradient descent).
double logistic_accuracy(const std::vector<Pair>& train, const std::vector<Pair>& test, bool neighbours) {
  auto x = features_of(train, neighbours);
  auto x_test = features_of(test, neighbours);
  standardise(x, x_test);
  Features w(x[0].size());
  for (int step = 0; step < 100; ++step) {
    Features gradient(w.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double error = train[i].label - 1.0 / (1.0 + std::exp(-dot(w, x[i])));
      for (std::size_t k = 0; k < w.size(); ++k) gradient[k] += error * x[i][k];
    }
    for (std::size_t k = 0; k < w.size(); ++k) w[k] += 0.1 * gradient[k] / static_cast<double>(x.size());
  }
  std::size_t right = 0;
  for (std::size_t i = 0; i < test.size(); ++i) right += (dot(w, x_test[i]) > 0.0) == (test[i].label == 1) ? 1U : 0U;
  return static_cast<double>(right) / static_cast<double>(test.size());
}

/// Whether two neighbouring letters of one document stand the other way round in the other one.
bool contradict(const Pair& pair) {
  const Features first = shares(pair.texts[0], true);
  const Features second = shares(pair.texts[1], true);
  for (std::size_t a = 0; a < 8; ++a) {
    for (std::size_t b = 0; b < 8; ++b) {
      if (first[a * symbols + b] > 0.0 && second[b * symbols + a] > 0.0) return true;
    }
  }
  return false;
}

RetrievalOptions few() {
  RetrievalOptions options;
  options.train = 20;
  options.validation = 10;
  options.test = 10;
  return options;
}

}  // namespace

TEST_CASE("retrieval generator: counts of characters say nothing about the label, counts of neighbours all") {
  for (const std::size_t classes : {4U, 8U}) {
    const TempFolder folder;
    RetrievalOptions options;
    options.train = 2000;
    options.classes = classes;
    Workers workers(2);
    make_retrieval(options, folder.path(), workers, {});
    const auto train = pairs_of(folder / names[0]);
    const auto test = pairs_of(folder / names[2]);
    // 1000 pairs: chance has a deviation of 1.6 %
    CHECK(std::abs(logistic_accuracy(train, test, false) - 0.5) < 0.05);
    CHECK(logistic_accuracy(train, test, true) > 0.95);
    for (const Pair& pair : test) CHECK(contradict(pair) == (pair.label == 0));
  }
}

TEST_CASE("retrieval generator: documents are words of different letters, of the lengths asked for") {
  const TempFolder folder;
  RetrievalOptions options = few();
  options.train = 1000;
  options.min_length = 50;
  options.max_length = 60;
  Workers workers(1);
  make_retrieval(options, folder.path(), workers, {});
  const auto pairs = pairs_of(folder / names[0]);
  CHECK(pairs.size() == 1000);
  CHECK(pairs_of(folder / names[1]).size() == 10);
  CHECK(pairs_of(folder / names[2]).size() == 10);
  std::size_t positive = 0;
  std::vector<std::size_t> lengths(70);
  for (const Pair& pair : pairs) {
    positive += pair.label == 1 ? 1U : 0U;
    for (const std::string& text : pair.texts) {
      ++lengths.at(text.size());
      std::istringstream words(text);
      for (std::string word; words >> word;) {
        CHECK(word.size() <= 6);
        CHECK(word.find_first_not_of("abcdefgh") == std::string::npos);
        std::sort(word.begin(), word.end());
        CHECK(std::adjacent_find(word.begin(), word.end()) == word.end());
      }
    }
  }
  CHECK(std::abs(static_cast<double>(positive) - 500.0) < 65.0);  // four deviations
  for (std::size_t length = 0; length < lengths.size(); ++length) {
    CHECK((lengths[length] > 0) == (length >= 50 && length <= 60));
  }
}

TEST_CASE("retrieval generator: the files depend on the seed, not on the threads, and are read as a data set") {
  const TempFolder a;
  const TempFolder b;
  const TempFolder c;
  RetrievalOptions options = few();
  Workers one(1);
  Workers three(3);
  CHECK(make_retrieval(options, a.path(), one, {}));
  CHECK(make_retrieval(options, b.path(), three, {}));
  CHECK(contents(a.path()) == contents(b.path()));
  options.seed = 1;
  CHECK(make_retrieval(options, c.path(), one, {}));
  CHECK(contents(a.path()) != contents(c.path()));
  const auto splits = datasets::aan(a.path(), {});
  CHECK(splits.d_input == 12);
  CHECK(splits.train->size() == 20);
}

TEST_CASE("retrieval generator: finished files are left alone, other options are refused") {
  const TempFolder folder;
  RetrievalOptions options = few();
  Workers workers(1);
  CHECK(make_retrieval(options, folder.path(), workers, {}));
  CHECK_FALSE(make_retrieval(options, folder.path(), workers, {}));
  options.seed = 3;
  CHECK(
      error_of<UsageError>([&] {
        make_retrieval(options, folder.path(), workers, {});
      }).find("[" + (folder / "options.txt").string() + "] the folder belongs to data of other options (seed = 0); ") ==
      0);
}

TEST_CASE("retrieval generator: impossible options are refused") {
  const TempFolder folder;
  Workers workers(1);
  const auto refusal = [&](auto change) {
    RetrievalOptions options = few();
    change(options);
    return error_of<UsageError>([&] { make_retrieval(options, folder / "x", workers, {}); });
  };
  CHECK(refusal([](RetrievalOptions& o) { o.train = 0; }) ==
        "[retrieval] train: expected a whole number from 1 to 1000000, got \"0\"");
  CHECK(refusal([](RetrievalOptions& o) { o.min_length = 601; }) ==
        "[retrieval] expected 50 <= min_length <= max_length <= 3999, got 601 and 600");
  CHECK(refusal([](RetrievalOptions& o) { o.min_length = 49; }) ==
        "[retrieval] expected 50 <= min_length <= max_length <= 3999, got 49 and 600");
  CHECK(refusal([](RetrievalOptions& o) { o.max_length = 4000; }) ==
        "[retrieval] expected 50 <= min_length <= max_length <= 3999, got 200 and 4000");
  CHECK(refusal([](RetrievalOptions& o) { o.classes = 1; }) ==
        "[retrieval] classes: expected a whole number from 2 to 8, got \"1\"");
  CHECK(refusal([](RetrievalOptions& o) { o.classes = 9; }) ==
        "[retrieval] classes: expected a whole number from 2 to 8, got \"9\"");
  CHECK_FALSE(std::filesystem::exists(folder / "x"));
}

}  // namespace bitstate::tests::retrieval_generator_test
