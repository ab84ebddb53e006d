#include "datasets/sets/part_files.h"

#include "core/error.h"
#include "core/io/sha256.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <string_view>

namespace bitstate::tests::part_files_test {
namespace {

using datasets::find_part_files;

TEST_CASE("part files: they are found in subfolders, missing files are named") {
  const TempFolder folder;
  const std::array<std::string_view, 2> subfolders = {"s", "t/s"};
  const auto find = [&] { return find_part_files("aan", folder.path(), subfolders, {"a", "b", "c"}); };
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

TEST_CASE("part files: the digest is of the contents and of which file has which") {
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

}  // namespace
}  // namespace bitstate::tests::part_files_test
