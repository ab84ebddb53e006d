// Lines of ListOps: words, and the value of the expression they make.
#include "core/error.h"
#include "datasets/sets/listops.h"
#include "tests/fuzz/target.h"

namespace bitstate::fuzz {
namespace {

std::string read(std::string_view input) {
  const datasets::ListopsExample example = datasets::parse_listops(input, "fuzz");
  promise(example.value <= 9, "a digit");
  std::string source;
  for (const std::uint8_t symbol : example.expression) {
    promise(symbol < datasets::listops_words.size(), "a symbol");
    source += symbol == 10 ? "] " : std::string(datasets::listops_words[symbol]) + ' ';
  }
  const auto again = datasets::parse_listops(source + '\t' + std::to_string(example.value), "fuzz");
  promise(again.expression == example.expression && again.value == example.value, "the same words");
  const std::uint8_t value = datasets::evaluate_listops(example.expression, "fuzz");
  promise(value <= 9, "a value");
  return source + std::to_string(value) + std::to_string(example.value);
}

std::string repeated(std::string_view text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

}  // namespace

Target target() {
  return {{{"( ( ( [MAX 4 ) 3 ) ] )\t4"},
           {"[SM 9 [MED 1 2 8 ] [MIN 3 [MAX 0 7 ] ] ]\t3"},
           {"7\t7"},
           {repeated("[MIN ", 500) + "5" + repeated(" ]", 500) + "\t5"},
           {repeated("[SM ", 500) + "\t5", Claim::refused},
           {repeated("] ", 500) + "\t5", Claim::refused},
           {"[MAX ]\t1", Claim::refused},
           {"1 2\t1", Claim::refused},
           {"[MAX 1 ]\t10", Claim::refused},
           {"[SUM 1 ]\t1", Claim::refused},
           {"", Claim::refused}},
          read};
}

}  // namespace bitstate::fuzz
