#include "datasets/formats/lines.h"

#include "core/error.h"
#include "core/io/sha256.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

using namespace bitstate;
using datasets::find_release;
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

TEST_CASE("text files: lines of every length come whole, whatever their end") {
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

TEST_CASE("text files: errors name file and line") {
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

TEST_CASE("text files: a release is found in its subfolders, missing files are named") {
  const TempFolder folder;
  const std::array<std::string_view, 2> subfolders = {"s", "t/s"};
  const auto find = [&] { return find_release("aan", folder.path(), subfolders, {"a", "b", "c"}); };
  CHECK(error_of<Error>(find).find("[" + folder.path().string() +
                                   "] lacks a, b, c (as do its folders s, t/s); make such data (bitstate data make "
                                   "retrieval --out=DIR), or get") == 0);
  std::filesystem::create_directories(folder / "t/s");
  for (const char* file : {"a", "b"}) write_quickly(folder / "t/s" / file, file);
  CHECK(error_of<Error>(find).find("[" + (folder / "t/s").string() + "] lacks c ") == 0);
  write_quickly(folder / "t/s/c", "c");
  CHECK(find().validation == folder / "t/s/b");
  for (const char* file : {"a", "b", "c"}) write_quickly(folder / file, file);
  CHECK(find().train == folder / "a");
}

TEST_CASE("text files: the digest is of the contents and of which file has which") {
  const TempFolder folder;
  write_quickly(folder / "1", "one");
  write_quickly(folder / "2", std::string(1'000'000, '2'));
  write_quickly(folder / "3", "");
  const datasets::PartFiles files{folder / "1", folder / "2", folder / "3"};
  CHECK(files.digest() == sha256_hex(sha256_hex("one") + sha256_hex(std::string(1'000'000, '2')) + sha256_hex("")));
  const datasets::PartFiles unreadable{folder / "1", folder / "2", folder.path()};
  CHECK(error_of<Error>([&] { (void)unreadable.digest(); }) ==
        "[" + folder.path().string() + "] is a folder; a file is expected");
}
