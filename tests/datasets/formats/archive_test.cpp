#include "datasets/formats/archive.h"

#include "core/error.h"
#include "tests/datasets/formats/idx_files.h"
#include "tests/support/archives.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <map>
#include <string>

namespace bitstate::datasets {
namespace {

using tests::error_of;
using tests::tar_of;
using tests::TempFolder;
using tests::write_quickly;

bool text(std::string_view name) { return name.ends_with(".txt"); }

std::map<std::string, std::string> files(const std::filesystem::path& source, const ArchiveLimits& limits = {}) {
  std::map<std::string, std::string> found;
  for_each_file(
      source, text, [&](std::string_view name, std::string content) { found[std::string(name)] = std::move(content); },
      limits);
  return found;
}

const std::vector<tests::Member> two = {
    {"a/one.txt", "first"}, {"a/b/two.txt", std::string(5000, 'x')}, {"c.bin", "no"}};

TEST_CASE("archive: a folder and archives of it, packed in any way, show the same files") {
  const TempFolder folder;
  for (const auto& [name, content, kind] : two) {
    std::filesystem::create_directories((folder / "tree" / name).parent_path());
    write_quickly(folder / "tree" / name, content);
  }
  const auto expected = files(folder / "tree");
  REQUIRE(expected.size() == 2);
  CHECK(expected.at("a/one.txt") == "first");
  for (const char* filter : {"", "gzip", "xz", "bzip2"}) {
    INFO(filter);
    write_quickly(folder / "packed", tar_of(two, filter));
    CHECK(files(folder / "packed") == expected);
  }
}

TEST_CASE("archive: the digest changes with the content of a wanted file, not with others") {
  const TempFolder folder;
  const auto digest = [&](const char* first, const char* other) {
    write_quickly(folder / "a.txt", first);
    write_quickly(folder / "b.bin", other);
    return source_digest(folder.path(), text);
  };
  const std::string before = digest("one", "x");
  CHECK(digest("one", "y") == before);
  CHECK(digest("two", "y") != before);
}

TEST_CASE("archive: names that lead out of it, and links, are refused") {
  const TempFolder folder;
  const auto refusal = [&](const tests::Member& member) {
    write_quickly(folder / "x.tar", tar_of({member}, ""));
    return error_of<Error>([&] { files(folder / "x.tar"); });
  };
  CHECK(refusal({"../evil.txt", "x"}).find("leads out of the archive") != std::string::npos);
  CHECK(refusal({"a/../../evil.txt", "x"}).find("leads out of the archive") != std::string::npos);
  CHECK(refusal({"/etc/evil.txt", "x"}).find("leads out of the archive") != std::string::npos);
  CHECK(refusal({"link.txt", "/etc/passwd", 'l'}).find("is a link") != std::string::npos);
  CHECK(refusal({"hard.txt", "other", 'h'}).find("is a link") != std::string::npos);
}

TEST_CASE("archive: bombs are refused while they are read, before they are kept") {
  const TempFolder folder;
  write_quickly(folder / "bomb.tar.gz", tar_of({{"a.txt", std::string(20'000'000, '\0')}}, "gzip"));
  CHECK(std::filesystem::file_size(folder / "bomb.tar.gz") < 100'000);
  CHECK(error_of<Error>([&] { files(folder / "bomb.tar.gz", {.file_bytes = 1'000'000}); }).find("is longer than") !=
        std::string::npos);
  CHECK(error_of<Error>([&] { files(folder / "bomb.tar.gz", {.total_bytes = 1'000'000}); }).find("holds more than") !=
        std::string::npos);
  CHECK(error_of<Error>([&] { files(folder / "bomb.tar.gz", {.entries = 0}); }).find("members") != std::string::npos);
}

TEST_CASE("archive: every truncation is an error or shows no more than the whole files before it") {
  const TempFolder folder;
  for (const char* filter : {"", "gzip", "xz"}) {
    const std::string whole = tar_of({{"a.txt", "alpha"}, {"b.txt", "beta"}}, filter);
    write_quickly(folder / "t", whole);
    const auto expected = files(folder / "t");
    for (std::size_t size = 0; size < whole.size(); ++size) {
      write_quickly(folder / "t", whole.substr(0, size));
      std::map<std::string, std::string> found;
      const std::string error = error_of<Error>([&] { found = files(folder / "t"); });
      if (!error.empty()) continue;
      for (const auto& [name, content] : found) CHECK_MESSAGE(expected.at(name) == content, filter, " cut at ", size);
      // of the plain tar only the padding at the end can be missed
      CHECK_MESSAGE((*filter == '\0' || found == expected), filter, " cut at ", size);
    }
  }
}

TEST_CASE("archive: a cut in a .tar.gz shows also where zlib has just filled its 16 KiB") {
  const TempFolder folder;
  const std::string whole = tar_of({{"a.txt", std::string(7000, 'a')}, {"b.txt", std::string(7000, 'b')}}, "gzip");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    write_quickly(folder / "t", whole.substr(0, size));
    CHECK_MESSAGE(!error_of<Error>([&] { files(folder / "t"); }).empty(), "cut at ", size);
  }
}

TEST_CASE("archive: a flipped bit of a compressed archive is an error or shows the same files") {
  const TempFolder folder;
  for (const char* filter : {"gzip", "xz", "bzip2"}) {
    const std::string whole = tar_of({{"a.txt", "alpha"}, {"b.txt", "beta"}}, filter);
    write_quickly(folder / "t", whole);
    const auto expected = files(folder / "t");
    for (std::size_t bit = 0; bit < 8 * whole.size(); bit += *filter == 'g' ? 1 : 7) {
      std::string damaged = whole;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
      write_quickly(folder / std::to_string(bit), damaged);
      std::map<std::string, std::string> found;
      const std::string error = error_of<Error>([&] { found = files(folder / std::to_string(bit)); });
      CHECK_MESSAGE((!error.empty() || found == expected), filter, ", bit ", bit);
    }
  }
}

TEST_CASE("archive: what is unpacked is counted wherever it stands: before, in and behind the members") {
  const TempFolder folder;
  const auto refusal = [&](const std::string& name, std::size_t zeros) {
    write_quickly(folder / "bomb.tar.bz2", tar_of({{name, std::string(zeros, '\0')}}, "bzip2"));
    return error_of<Error>([&] { files(folder / "bomb.tar.bz2"); });
  };
  CHECK(refusal("a.txt", 1000).empty());
  CHECK(refusal("a.txt", 4'000'000).find("it holds more than") != std::string::npos);  // 1032 times its file
  CHECK(refusal("not wanted", 4'000'000).find("it holds more than") != std::string::npos);
  // the end of the archive is followed by zeros
  const std::string tar = tar_of({{"a.txt", "x"}}, "");
  write_quickly(folder / "padded.tar.gz", tests::gzip(tar + std::string(3'000'000, '\0')));
  CHECK(files(folder / "padded.tar.gz").size() == 1);
  CHECK(error_of<Error>([&] {
          files(folder / "padded.tar.gz", {.total_bytes = 2'000'000});
        }).find("it holds more than 2000000 bytes") != std::string::npos);
}

TEST_CASE("archive: what is none is named") {
  const TempFolder folder;
  write_quickly(folder / "x.tar", "this is no archive at all");
  CHECK(error_of<Error>([&] { files(folder / "x.tar"); }).find("x.tar") != std::string::npos);
  CHECK(error_of<Error>([&] { files(folder / "absent"); }).find("absent") != std::string::npos);
}

}  // namespace
}  // namespace bitstate::datasets
