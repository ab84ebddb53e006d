#include "datasets/formats/lines.h"

#include "core/error.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace bitstate;
using datasets::LineReader;
using tests::error_of;
using tests::TempFolder;
using tests::write_quickly;

namespace {

std::vector<std::string> lines_of(const std::filesystem::path& file, std::size_t max_line_bytes = 1 << 20) {
  LineReader reader(file, max_line_bytes);
  std::vector<std::string> lines;
  while (reader.next()) lines.emplace_back(reader.line());
  return lines;
}

}  // namespace

TEST_CASE("lines: those of every length come whole, whatever their end") {
  const TempFolder folder;
  // lengths around the size of the pieces in which a file is read
  std::vector<std::string> lines;
  for (const std::size_t length : {0U, 1U, 262'142U, 262'143U, 262'144U, 0U, 600'000U, 3U}) {
    lines.emplace_back(length, static_cast<char>('a' + lines.size()));
  }
  for (const std::string end : {"\n", "\r\n"}) {
    std::string bytes;
    for (const std::string& line : lines) bytes += line + end;
    write_quickly(folder / "x", bytes);
    CHECK(lines_of(folder / "x") == lines);
  }
  write_quickly(folder / "x", "");
  CHECK(lines_of(folder / "x").empty());
}

TEST_CASE("lines: errors name file and line") {
  const TempFolder folder;
  const std::string name = (folder / "x").string();
  const auto message = [&](const std::string& bytes, std::size_t limit) {
    write_quickly(folder / "x", bytes);
    return error_of<Error>([&] { lines_of(folder / "x", limit); });
  };
  CHECK(message("abc\ndef", 3) ==
        "[" + name + ", line 2] the file ends within this line: it is truncated (if it is not, append a line end)");
  CHECK(message("abc\ndefg\nh\n", 3) == "[" + name + ", line 2] is longer than 3 bytes, the most that are read");
  CHECK(message("abc\ndef\n", 3).empty());
  // a line without end is given up as soon as it exceeds the limit, not at the end of the file
  CHECK(message("abc\n" + std::string(5'000'000, 'x'), 1000) ==
        "[" + name + ", line 2] is longer than 1000 bytes, the most that are read");
  CHECK(error_of<Error>([&] { lines_of(folder / "absent"); }) ==
        "[" + (folder / "absent").string() + "] cannot be opened");
  CHECK(error_of<Error>([&] { lines_of(folder.path()); }) == "[" + folder.path().string() + "] cannot be read");
}
