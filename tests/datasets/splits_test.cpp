#include "datasets/splits.h"

#include "core/error.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <set>
#include <string>

using namespace bitstate;
using namespace bitstate::datasets;

namespace {

using Indices = std::vector<std::uint32_t>;

Indices first_five(const Indices& part) { return {part.begin(), part.begin() + 5}; }

std::uint64_t sum(const Indices& part) { return std::accumulate(part.begin(), part.end(), std::uint64_t{0}); }

/// Example i is the sequence [i].
class Counting final : public Dataset {
 public:
  [[nodiscard]] std::size_t size() const override { return 7; }
  void read(std::size_t index, Example& out) const override {
    out.length = 1;
    out.x = {static_cast<float>(index)};
  }
};

/// Twice the same example.
class Constant final : public Dataset {
 public:
  explicit Constant(Example example) : example_(std::move(example)) {}
  [[nodiscard]] std::size_t size() const override { return 2; }
  void read(std::size_t, Example& out) const override { out = example_; }

 private:
  Example example_;
};

}  // namespace

TEST_CASE("splits: a stratified split gives each class its share, and the first piece one of each") {
  std::vector<std::int32_t> classes(100, 0);  // 60 of class 0, 36 of class 1, 3 of class 2, 1 of class 3; sorted
  std::fill(classes.begin() + 60, classes.end(), 1);
  std::fill(classes.begin() + 96, classes.end(), 2);
  classes[99] = 3;
  const auto pieces = stratified_split(classes, {80, 10, 10}, 42);
  CHECK(pieces == stratified_split(classes, {80, 10, 10}, 42));
  CHECK(pieces != stratified_split(classes, {80, 10, 10}, 43));
  std::set<std::uint32_t> all;
  const auto count = [&](const Indices& piece, std::int32_t label) {
    return std::count_if(piece.begin(), piece.end(), [&](std::uint32_t i) { return classes[i] == label; });
  };
  for (const Indices& piece : pieces) all.insert(piece.begin(), piece.end());
  CHECK(all.size() == 100);
  CHECK(pieces[0].size() == 80);
  for (const std::size_t small : {1, 2}) {
    CHECK(pieces[small].size() == 10);
    CHECK(std::abs(count(pieces[small], 0) - 6) <= 1);
    CHECK(std::abs(count(pieces[small], 1) - 4) <= 1);
    CHECK(count(pieces[small], 3) == 0);
  }
  CHECK(count(pieces[0], 2) >= 1);
  CHECK_FALSE(std::is_sorted(pieces[0].begin(), pieces[0].end()));  // the first ones are of several classes
  // of ten different ones there is room for eight in the first piece
  classes.resize(10);
  std::iota(classes.begin(), classes.end(), 0);
  const auto distinct = stratified_split(classes, {8, 1, 1}, 42);
  CHECK(distinct[0].size() == 8);
  CHECK(distinct[1].size() == 1);
  CHECK(distinct[2].size() == 1);
}

TEST_CASE("splits: the digest of data is another for whatever of an example changes, the second document, too") {
  const Example example{2, {1.0F, 2.0F}, {3, 4}, {5, 6}, 7, {8.0F}};
  const auto digest_of = [](const Example& e) {
    Splits splits;
    splits.train = std::make_shared<Constant>(e);
    return digest(splits);
  };
  std::set<std::string> digests = {digest_of(example)};
  const auto changed = [&](auto change) {
    Example e = example;
    change(e);
    CHECK(digests.insert(digest_of(e)).second);
    CHECK(digest_of(e) == digest_of(e));
  };
  changed([](Example& e) { e.x[1] = 2.5F; });
  changed([](Example& e) { e.tokens[0] = 9; });
  changed([](Example& e) { e.second[1] = 9; });
  changed([](Example& e) { e.second.clear(); });
  changed([](Example& e) { std::swap(e.tokens, e.second); });
  changed([](Example& e) { e.label = 0; });
  changed([](Example& e) { e.target[0] = 9.0F; });
}

TEST_CASE("splits: the digest of data is another for other units, sizes and vocabularies") {
  Splits splits;
  splits.train = std::make_shared<Counting>();
  std::set<std::string> digests = {digest(splits)};
  const auto changed = [&](auto change) {
    Splits other = splits;
    change(other);
    CHECK(digests.insert(digest(other)).second);
  };
  changed([](Splits& s) { s.task = Task::value; });
  changed([](Splits& s) { s.tokens = true; });
  changed([](Splits& s) { s.pairs = true; });
  changed([](Splits& s) { s.d_input = 2; });
  changed([](Splits& s) { s.d_output = 2; });
  changed([](Splits& s) { s.max_length = 2; });
  changed([](Splits& s) { s.reading.vocabulary = "x"; });
  changed([](Splits& s) { s.reading.input_units = {{1.0}, {2.0}}; });
  changed([](Splits& s) { s.reading.input_units = {{1.0}, {3.0}}; });
  changed([](Splits& s) { s.reading.input_units = {{1.0}, {2.0}, true}; });
  changed([](Splits& s) { s.reading.target_units = {{1.0}, {2.0}}; });
}

TEST_CASE("splits: random_split of seed 42 gives PyTorch's indices for 60000, 50000 and 200000 examples") {
  const auto mnist = random_split({54'000, 6'000}, 42);
  CHECK(mnist[0].size() == 54'000);
  CHECK(first_five(mnist[0]) == Indices{37542, 43087, 2992, 25810, 39634});
  CHECK(first_five(mnist[1]) == Indices{33841, 37977, 40521, 16882, 50296});
  CHECK(sum(mnist[1]) == 178'617'204);

  const auto cifar = random_split({45'000, 5'000}, 42);
  CHECK(first_five(cifar[0]) == Indices{37542, 44491, 216, 43688, 41558});
  CHECK(first_five(cifar[1]) == Indices{17408, 40845, 3378, 22188, 44921});
  CHECK(sum(cifar[1]) == 125'078'647);

  const auto pathfinder = random_split({160'000, 20'000, 20'000}, 42);
  CHECK(first_five(pathfinder[0]) == Indices{37542, 143173, 127710, 58234, 152906});
  CHECK(first_five(pathfinder[1]) == Indices{122036, 135593, 30913, 110858, 149407});
  CHECK(sum(pathfinder[1]) == 1'993'653'222);
  CHECK(first_five(pathfinder[2]) == Indices{143170, 45464, 153084, 73281, 46339});
  CHECK(sum(pathfinder[2]) == 1'988'642'805);
}

TEST_CASE("splits: torch_randperm is a permutation, also of none and one") {
  for (const std::size_t n : {0, 1, 2, 3, 1000}) {
    Indices order = torch_randperm(n, 7);
    std::sort(order.begin(), order.end());
    Indices expected(n);
    std::iota(expected.begin(), expected.end(), 0U);
    CHECK(order == expected);
  }
  CHECK(torch_randperm(1000, 7) != torch_randperm(1000, 8));
}

TEST_CASE("limit: the first n examples, all of them where there are fewer, nothing beyond") {
  const auto all = std::make_shared<Counting>();
  const auto three = limit(all, 3);
  CHECK(three->size() == 3);
  Example example;
  three->read(2, example);
  CHECK(example.x == std::vector<float>{2.0F});
  CHECK_THROWS_AS(three->read(3, example), Error);
  CHECK(limit(all, 7)->size() == 7);
  CHECK(limit(all, 100)->size() == 7);
  CHECK(limit(nullptr, 3) == nullptr);
}
