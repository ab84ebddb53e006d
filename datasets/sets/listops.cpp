#include "datasets/sets/listops.h"

#include "core/error.h"
#include "core/io/sha256.h"
#include "datasets/formats/lines.h"
#include "datasets/sets/part_files.h"
#include "datasets/tokens.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <utility>

namespace bitstate::datasets {
namespace {

namespace fs = std::filesystem;

// indices in listops_words; 14 is SM
constexpr std::uint8_t closing = 10;
constexpr std::uint8_t max_operator = 11;
constexpr std::uint8_t med_operator = 12;
constexpr std::uint8_t min_operator = 13;
constexpr std::uint16_t end_id = 2;
constexpr std::size_t vocabulary = 3 + listops_words.size();
constexpr std::size_t classes = 10;
constexpr std::size_t max_length = 2048;
constexpr std::size_t max_line_bytes = std::size_t{1} << 20;

constexpr std::array<std::string_view, 3> file_names = {"basic_train.tsv", "basic_val.tsv", "basic_test.tsv"};
constexpr std::array<std::string_view, 4> subfolders = {
    "listops", "listops-1000", "lra_release/lra_release/listops-1000", "lra_release/listops-1000"};

/// Sorts the arguments and applies an operator to them; there is at least one.
std::uint8_t apply(std::uint8_t op, std::span<std::uint8_t> arguments) {
  std::sort(arguments.begin(), arguments.end());
  const std::size_t n = arguments.size();
  switch (op) {
    case min_operator:
      return arguments.front();
    case max_operator:
      return arguments.back();
    case med_operator:
      return static_cast<std::uint8_t>((arguments[(n - 1) / 2] + arguments[n / 2]) / 2);
    default:
      return static_cast<std::uint8_t>(std::accumulate(arguments.begin(), arguments.end(), std::size_t{0}) % 10);
  }
}

/// Appends the expressions of one file to `part`, symbols in place of ids.
void read_part(const fs::path& path, TokenPart& part) {
  LineReader lines(path, max_line_bytes);
  const bool header = lines.next() && lines.line() == "Source\tTarget";
  require(header, lines.where(), "is not the header \"Source\\tTarget\"");
  std::vector<std::uint16_t> document;
  while (lines.next()) {
    const std::string where = lines.where();
    const ListopsExample example = parse_listops(lines.line(), where);
    const std::uint8_t value = evaluate_listops(example.expression, where);
    require(value == example.value, where, "the target is {}, but the expression has the value {}", example.value,
            value);
    document.assign(example.expression.begin(), example.expression.end());
    document.resize(std::min(document.size(), max_length - 1));  // <eos> is the last
    part.add(document);
    part.labels.push_back(value);
  }
  require(!part.labels.empty(), path.string(), "holds no examples");
}

/// `part` with the ids of its symbols, and <eos> behind every document.
TokenPart numbered(const TokenPart& part, std::span<const std::uint16_t> ids) {
  TokenPart out;
  out.labels = part.labels;
  out.tokens.reserve(part.tokens.size() + part.ends.size());
  std::vector<std::uint16_t> document;
  std::size_t at = 0;
  for (const std::uint64_t end : part.ends) {
    document.clear();
    for (; at < end; ++at) document.push_back(ids[part.tokens[at]]);
    document.push_back(end_id);
    out.add(document);
  }
  return out;
}

TokenData tokenise(const PartFiles& files) {
  TokenData data;
  data.vocabulary = vocabulary;
  read_part(files.train, data.train);
  read_part(files.validation, data.validation);
  read_part(files.test, data.test);
  std::array<std::uint64_t, listops_words.size()> counts{};
  for (const std::uint16_t symbol : data.train.tokens) ++counts[symbol];
  const auto ids = listops_ids(counts);
  data.symbols = sha256_hex(fmt::format("{}", fmt::join(ids, ",")));
  for (TokenPart* part : {&data.train, &data.validation, &data.test}) *part = numbered(*part, ids);
  return data;
}

}  // namespace

ListopsExample parse_listops(std::string_view line, std::string_view where) {
  const std::size_t tab = line.find('\t');
  require(tab != std::string_view::npos, where, "has no tab between expression and value");
  const std::string_view source = line.substr(0, tab);
  const std::string_view target = line.substr(tab + 1);
  require(target.size() == 1 && target[0] >= '0' && target[0] <= '9', where, "the value \"{}\" is not one of 0 to 9",
          target.substr(0, 20));

  ListopsExample example;
  example.value = static_cast<std::uint8_t>(target[0] - '0');
  const auto skipped = [](char c) { return c == ' ' || c == '(' || c == ')'; };
  for (std::size_t end = 0; end < source.size();) {
    const std::size_t begin = end++;
    if (skipped(source[begin])) continue;
    while (end < source.size() && !skipped(source[end])) ++end;
    const std::string_view word = source.substr(begin, end - begin);
    const auto* const found =
        word == "]" ? listops_words.begin() + closing : std::find(listops_words.begin(), listops_words.end(), word);
    require(found != listops_words.end() && word != "X", where, "column {}: \"{}\" is not part of an expression",
            begin + 1, word.substr(0, 20));
    example.expression.push_back(static_cast<std::uint8_t>(found - listops_words.begin()));
  }
  return example;
}

std::uint8_t evaluate_listops(std::span<const std::uint8_t> expression, std::string_view where) {
  ListopsSymbols open;  // operators whose list is not closed, and the values of their arguments so far
  for (const std::uint8_t symbol : expression) {
    if (symbol != closing) {
      open.push_back(symbol);
      continue;
    }
    const auto last = std::find_if(open.rbegin(), open.rend(), [](std::uint8_t s) { return s > closing; });
    require(last != open.rend(), where, "a list is closed that was not opened");
    require(last != open.rbegin(), where, "an operator has no arguments");
    const auto op = static_cast<std::size_t>(open.rend() - last) - 1;
    open[op] = apply(open[op], std::span(open).subspan(op + 1));
    open.resize(op + 1);
  }
  require(open.size() == 1 && open[0] < closing, where, "is not one complete expression");
  return open[0];
}

std::array<std::uint16_t, listops_words.size()> listops_ids(
    const std::array<std::uint64_t, listops_words.size()>& counts) {
  std::array<std::size_t, listops_words.size()> order{};
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return counts[a] > counts[b]; });
  std::array<std::uint16_t, listops_words.size()> ids{};
  for (std::size_t i = 0; i < order.size(); ++i) ids[order[i]] = static_cast<std::uint16_t>(end_id + 1 + i);
  return ids;
}

Splits listops(const fs::path& folder, const fs::path& cache) {
  const PartFiles files = find_part_files("listops", folder, subfolders, file_names);
  auto data =
      std::make_shared<TokenData>(cached_tokens(cache, "listops", files.digest(), [&] { return tokenise(files); }));
  return token_splits("listops", std::move(data), classes, max_length, false);
}

}  // namespace bitstate::datasets
