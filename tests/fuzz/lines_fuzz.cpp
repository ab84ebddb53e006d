// Text files, line by line.
#include "core/error.h"
#include "datasets/formats/lines.h"
#include "tests/fuzz/target.h"

namespace bitstate::fuzz {
namespace {

constexpr std::size_t max_line = 4000;

std::string read(std::string_view input) {
  datasets::LineReader lines(in_file(input), max_line);
  std::string content;
  std::size_t behind = 0;  // of the line in the input
  while (lines.next()) {
    const std::string_view line = lines.line();
    promise(line.size() <= max_line && input.substr(behind, line.size()) == line, "a line");
    behind += line.size() + (input.substr(behind + line.size()).starts_with('\r') ? 2 : 1);
    promise(behind <= input.size() && input[behind - 1] == '\n', "the end of a line");
    content.append(line) += '\n';
  }
  promise(behind == input.size(), "all lines");
  return content;
}

}  // namespace

Target target() {
  return {{{""},
           {"one\ntwo\r\n\nfour\n"},
           {std::string(max_line, 'x') + '\n'},
           {std::string(max_line + 1, 'x') + '\n', Claim::refused},
           {std::string(std::size_t{1} << 20, 'x'), Claim::refused},
           {"no end", Claim::refused}},
          read};
}

}  // namespace bitstate::fuzz
