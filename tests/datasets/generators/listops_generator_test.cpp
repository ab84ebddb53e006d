#include "datasets/generators/listops_generator.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "datasets/sets/listops.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace bitstate::tests::listops_generator_test {

using namespace bitstate;
using datasets::evaluate_listops;
using datasets::listops_words;
using datasets::ListopsOptions;
using datasets::make_listops;
using datasets::parse_listops;
using tests::error_of;
using tests::TempFolder;

namespace {

constexpr std::array<const char*, 3> names = {"basic_train.tsv", "basic_val.tsv", "basic_test.tsv"};

/// Lines of one generated file, without the header.
std::vector<std::string> lines_of(const std::filesystem::path& file) {
  std::istringstream text(read_file(file, std::size_t{1} << 28));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  REQUIRE(lines.at(0) == "Source\tTarget");
  lines.erase(lines.begin());
  return lines;
}

std::string contents(const std::filesystem::path& folder) {
  std::string all;
  for (const char* name : names) all += read_file(folder / name, std::size_t{1} << 28);
  return all;
}

/// Prints the expression that begins at `at`, which is moved behind it, as nested pairs.
std::string printed(const datasets::ListopsSymbols& symbols, std::size_t& at) {
  const std::uint8_t symbol = symbols.at(at++);
  std::string text(listops_words.at(symbol));
  if (symbol < 10) return text;
  while (symbols.at(at) != 10) text = "( " + text + " " + printed(symbols, at) + " )";
  ++at;
  return "( " + text + " ] )";
}

/// Small, so that it takes no time.
ListopsOptions few() {
  ListopsOptions options;
  options.train = 40;
  options.validation = 10;
  options.test = 10;
  options.min_length = 20;
  options.max_length = 60;
  return options;
}

}  // namespace

TEST_CASE("listops generator: lengths, labels and acceptance are those of the Long Range Arena's algorithm") {
  const TempFolder folder;
  ListopsOptions options;
  options.train = 4000;
  options.validation = 500;
  options.test = 500;
  Workers workers(2);
  const auto summary = make_listops(options, folder.path(), workers, {});
  CHECK(summary.made);
  CHECK(summary.accepted == 5000);
  CHECK(std::accumulate(summary.labels.begin(), summary.labels.end(), std::size_t{0}) == 5000);
  // measured on 24,000 expressions of an independent program of the same algorithm; tolerances of four deviations
  CHECK(std::abs(5000.0 / static_cast<double>(summary.candidates) - 0.0837) < 0.005);
  CHECK(std::abs(summary.mean_length - 1040.7) < 25.0);
  CHECK(std::abs(static_cast<double>(summary.labels[0]) / 5000.0 - 0.168) < 0.023);
  CHECK(std::abs(static_cast<double>(summary.labels[9]) / 5000.0 - 0.168) < 0.023);
  for (std::size_t label = 1; label < 9; ++label) {
    CHECK(summary.labels[label] > 5000 * 6 / 100);
    CHECK(summary.labels[label] < 5000 * 11 / 100);
  }

  std::vector<std::size_t> lengths;
  for (const auto& [name, count] : {std::pair{names[0], 4000U}, {names[1], 500U}, {names[2], 500U}}) {
    const auto lines = lines_of(folder / name);
    CHECK(lines.size() == count);
    for (const std::string& line : lines) lengths.push_back(parse_listops(line, "line").expression.size());
  }
  std::sort(lengths.begin(), lengths.end());
  CHECK(lengths.front() > 500);
  CHECK(lengths.back() < 2000);
  CHECK(std::abs(static_cast<double>(lengths[2500]) - 959.0) < 35.0);
  CHECK(summary.mean_length == doctest::Approx(std::accumulate(lengths.begin(), lengths.end(), 0.0) / 5000.0));
}

TEST_CASE("listops generator: every label is the value, every source is printed as nested pairs, none is twice there") {
  const TempFolder folder;
  ListopsOptions options;
  options.train = 300;
  options.validation = 50;
  options.test = 50;
  Workers workers(1);
  make_listops(options, folder.path(), workers, {});
  std::set<std::string> sources;
  for (const char* name : names) {
    for (const std::string& line : lines_of(folder / name)) {
      const auto example = parse_listops(line, "line");
      CHECK(evaluate_listops(example.expression, "line") == example.value);
      std::size_t at = 0;
      const std::string source = printed(example.expression, at);
      CHECK(at == example.expression.size());
      CHECK(line == source + "\t" + std::to_string(example.value));
      CHECK(sources.insert(source).second);
    }
  }
}

TEST_CASE("listops generator: the depth is the largest allowed, digits alone are there") {
  const TempFolder folder;
  ListopsOptions options = few();
  options.max_depth = 3;
  options.max_args = 5;
  Workers workers(1);
  make_listops(options, folder.path(), workers, {});
  std::size_t deepest = 0;
  std::size_t most = 0;
  for (const std::string& line : lines_of(folder / names[0])) {
    std::vector<std::size_t> arguments;
    for (const std::uint8_t symbol : parse_listops(line, "line").expression) {
      if (symbol != 10 && !arguments.empty()) ++arguments.back();
      if (symbol > 10) arguments.push_back(0);
      deepest = std::max(deepest, arguments.size());
      if (symbol == 10) {
        CHECK(arguments.back() >= 2);
        most = std::max(most, arguments.back());
        arguments.pop_back();
      }
    }
  }
  CHECK(deepest == 2);
  CHECK(most == 5);
}

TEST_CASE("listops generator: the files depend on the seed, not on the threads") {
  const TempFolder a;
  const TempFolder b;
  const TempFolder c;
  ListopsOptions options = few();
  Workers one(1);
  Workers three(3);
  make_listops(options, a.path(), one, {});
  make_listops(options, b.path(), three, {});
  CHECK(contents(a.path()) == contents(b.path()));
  options.seed = 1;
  make_listops(options, c.path(), one, {});
  CHECK(contents(a.path()) != contents(c.path()));
}

TEST_CASE("listops generator: finished files are left alone, a missing one is made again, other data are refused") {
  const TempFolder folder;
  ListopsOptions options = few();
  Workers workers(1);
  std::vector<std::size_t> progress;
  CHECK(make_listops(options, folder / "out", workers, [&](std::size_t done, std::size_t total) {
          CHECK(total == 60);
          progress.push_back(done);
        }).made);
  CHECK(progress.back() == 60);
  CHECK(std::is_sorted(progress.begin(), progress.end()));
  const std::string before = contents(folder / "out");
  const auto time = std::filesystem::last_write_time(folder / "out" / names[0]);
  CHECK_FALSE(make_listops(options, folder / "out", workers, {}).made);
  CHECK(std::filesystem::last_write_time(folder / "out" / names[0]) == time);

  std::filesystem::remove(folder / "out" / names[2]);
  CHECK(make_listops(options, folder / "out", workers, {}).made);
  CHECK(contents(folder / "out") == before);

  options.max_args = 9;
  options.seed = 7;
  CHECK(error_of<UsageError>([&] { make_listops(options, folder / "out", workers, {}); }) ==
        "[" + (folder / "out/options.txt").string() +
            "] the folder belongs to data of other options (seed = 0, max_args = 10); choose these or name another "
            "folder");
  CHECK(contents(folder / "out") == before);

  std::filesystem::create_directories(folder / "foreign");
  tests::write_quickly(folder / "foreign" / names[1], "precious");
  CHECK(error_of<UsageError>([&] { make_listops(options, folder / "foreign", workers, {}); }) ==
        "[" + (folder / "foreign").string() +
            "] basic_val.tsv is there without options.txt, so it was not made here; name an empty folder");
  CHECK(read_file(folder / "foreign" / names[1], 100) == "precious");
}

TEST_CASE("listops generator: impossible options are refused, and an error leaves no file") {
  const TempFolder folder;
  Workers workers(1);
  const auto refusal = [&](auto change) {
    ListopsOptions options = few();
    change(options);
    return error_of<UsageError>([&] { make_listops(options, folder / "x", workers, {}); });
  };
  CHECK(refusal([](ListopsOptions& o) { o.validation = 0; }) ==
        "[listops] validation: expected a whole number from 1 to 10000000, got \"0\"");
  CHECK(refusal([](ListopsOptions& o) { o.max_length = 21; }) ==
        "[listops] no length is more than min_length 20 and less than max_length 21");
  CHECK(refusal([](ListopsOptions& o) { o.max_length = 100'001; }) ==
        "[listops] max_length: expected at most 100000, got \"100001\"");
  CHECK(refusal([](ListopsOptions& o) { o.max_depth = 1; }) ==
        "[listops] max_depth: expected a whole number from 2 to 100, got \"1\"");
  CHECK(refusal([](ListopsOptions& o) { o.max_args = 1; }) ==
        "[listops] max_args: expected a whole number from 2 to 100, got \"1\"");
  CHECK_FALSE(std::filesystem::exists(folder / "x"));

  // there are only the ten digits
  CHECK(refusal([](ListopsOptions& o) {
          o.min_length = 0;
          o.max_length = 2;
        }).find("[listops] 10 of 60 expressions were found, and none among 1") == 0);
  CHECK(std::filesystem::is_empty(folder / "x"));
  make_listops(few(), folder / "x", workers, {});  // and so the folder is free for other options
}

TEST_CASE("listops generator: what is interrupted leaves nothing, what a killed run left is removed") {
  const TempFolder folder;
  Workers workers(1);
  const auto stop = [](std::size_t, std::size_t) { throw std::runtime_error("stopped"); };
  CHECK_THROWS_AS(make_listops(few(), folder.path(), workers, stop), std::runtime_error);
  CHECK(folder.entries() == 0);
  tests::write_quickly(folder / ".basic_train.tsv.tmp-1-0", "Source\tTarget\n");
  tests::write_quickly(folder / ".basic_val.tsv.tmp-1-0", "");
  tests::write_quickly(folder / "options.txt", "of a run that was killed before its files were there");
  CHECK(make_listops(few(), folder.path(), workers, {}).made);
  CHECK(folder.entries() == 4);
}

}  // namespace bitstate::tests::listops_generator_test
