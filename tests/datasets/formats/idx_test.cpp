#include "datasets/formats/idx.h"

#include "core/error.h"
#include "tests/datasets/formats/idx_files.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <optional>
#include <string>

using namespace bitstate;
using datasets::Idx;
using datasets::read_idx;
using tests::error_of;
using tests::gzip;
using tests::idx_header;
using tests::TempFolder;

namespace {

const std::string content = std::string("\x01\x02\x03\xff\x00\x07\x08\x09\x0a\x0b\x0c\x0d", 12);

std::string small_file() { return idx_header({2, 3, 2}) + content; }

bool is_small_file(const Idx& array) {
  return array.shape == std::vector<std::size_t>{2, 3, 2} &&
         std::string(array.values.begin(), array.values.end()) == content;
}

/// What reading `bytes` as an idx file gives; nothing if it is an Error.
std::optional<Idx> read(const TempFolder& folder, std::string_view bytes, std::size_t rank = 3) {
  tests::write_quickly(folder / "x", bytes);
  try {
    return read_idx(folder / "x", rank);
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

TEST_CASE("idx: raw and compressed files give the same array") {
  const TempFolder folder;
  for (const std::string& bytes : {small_file(), gzip(small_file())}) {
    const auto array = read(folder, bytes);
    REQUIRE(array.has_value());
    CHECK(is_small_file(*array));
  }
}

TEST_CASE("idx: every truncation of a file is an error") {
  const TempFolder folder;
  for (const std::string& bytes : {small_file(), gzip(small_file())}) {
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      CAPTURE(size);
      CHECK_FALSE(read(folder, std::string_view(bytes).substr(0, size)).has_value());
    }
  }
}

TEST_CASE("idx: every flipped bit of a header is an error") {
  const TempFolder folder;
  for (std::size_t bit = 0; bit < 16 * 8; ++bit) {
    std::string bytes = small_file();
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ 1 << bit % 8);
    CAPTURE(bit);
    CHECK_FALSE(read(folder, bytes).has_value());
    CHECK_FALSE(read(folder, gzip(bytes)).has_value());
  }
}

TEST_CASE("idx: every flipped bit of a compressed file is an error or gives the same array") {
  const TempFolder folder;
  const std::string good = gzip(small_file());
  std::size_t errors = 0;
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bytes = good;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ 1 << bit % 8);
    const auto array = read(folder, bytes);
    CAPTURE(bit);
    if (array.has_value()) {
      CHECK(is_small_file(*array));
    } else {
      ++errors;
    }
  }
  CHECK(errors > good.size() * 4);  // only the time, the origin and the like may differ
}

TEST_CASE("idx: bytes after the content are an error, also after the compressed content") {
  const TempFolder folder;
  CHECK_FALSE(read(folder, small_file() + "x").has_value());
  CHECK_FALSE(read(folder, gzip(small_file() + "x")).has_value());
  CHECK_FALSE(read(folder, gzip(small_file()) + "x").has_value());
}

TEST_CASE("idx: other element types, ranks and files are errors that name file, offset and reason") {
  const TempFolder folder;
  const auto file = folder / "x";
  const auto message = [&](const std::string& bytes, std::size_t rank) {
    tests::write_quickly(file, bytes);
    return error_of<Error>([&] { (void)read_idx(file, rank); });
  };
  const std::string truncated = message(small_file().substr(0, 20), 3);
  CHECK(truncated.find(file.string()) != std::string::npos);
  CHECK(truncated.find("offset 16: the header claims 12 more bytes, but the file has 4") != std::string::npos);
  CHECK(message(small_file(), 1).find("3 dimensions, not 1") != std::string::npos);
  std::string floats = small_file();
  floats[2] = '\x0d';
  CHECK(message(floats, 3).find("0x0d") != std::string::npos);
  CHECK(message("<html>404</html>", 3).find("not an idx file") != std::string::npos);
  CHECK(message(gzip(small_file()).substr(0, 30), 3).find("truncated") != std::string::npos);
  CHECK(message(idx_header({0}), 1).find("size 0") != std::string::npos);
  CHECK_FALSE(error_of<Error>([&] { (void)read_idx(folder / "absent", 3); }).empty());
  CHECK_FALSE(error_of<Error>([&] { (void)read_idx(folder.path(), 3); }).empty());
}

TEST_CASE("idx: sizes are refused before anything is allocated for them") {
  const TempFolder folder;
  const auto file = folder / "x";
  // 2^96 elements, and just under the limit with nothing behind it
  for (const auto& shape :
       {std::vector<std::uint32_t>{~0U, ~0U, ~0U}, std::vector<std::uint32_t>{1U << 10, 1U << 10, 1U << 9}}) {
    CHECK_FALSE(read(folder, idx_header(shape)).has_value());
    CHECK_FALSE(read(folder, gzip(idx_header(shape))).has_value());
  }
  tests::write_quickly(file, gzip(idx_header({1U << 10, 1U << 10, 1U << 9})));
  CHECK(error_of<Error>([&] { (void)read_idx(file, 3); }).find("cannot hold") != std::string::npos);
  tests::write_quickly(file, small_file());
  CHECK_FALSE(error_of<Error>([&] { (void)read_idx(file, 3, 11); }).empty());
}

TEST_CASE("idx: a decompression bomb behind a small header is refused after the bytes the header claims") {
  const TempFolder folder;
  const std::string bomb = gzip(small_file() + std::string(std::size_t{64} << 20, '\0'));
  REQUIRE(bomb.size() < 100'000);
  tests::write_quickly(folder / "x", bomb);
  const std::string message = error_of<Error>([&] { (void)read_idx(folder / "x", 3); });
  CHECK(message.find("offset 28: more bytes follow") != std::string::npos);
}
