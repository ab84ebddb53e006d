#include "core/io/atomic_file.h"

#include "core/error.h"
#include "core/io/hdf5.h"
#include "core/io/sha256.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <string>

using namespace bitstate;
using tests::error_of;
using tests::TempFolder;

TEST_CASE("write_file_atomically: what is written is read back, and nothing else stays in the folder") {
  const TempFolder folder;
  const auto file = folder / "result.json";
  const std::string binary = std::string("a\0b\xff\n", 5) + std::string(200'000, 'x');
  for (const std::string& content : {std::string("first"), binary, std::string()}) {
    write_file_atomically(file, content);
    CHECK(read_file(file, 1 << 20) == content);
    CHECK(folder.entries() == 1);
  }
}

TEST_CASE("AtomicFile: without commit the target keeps its content and the temporary disappears") {
  const TempFolder folder;
  const auto file = folder / "checkpoint.h5";
  write_file_atomically(file, "old");
  {
    const AtomicFile next(file);
    CHECK(next.temporary().parent_path() == file.parent_path());
    std::ofstream(next.temporary()) << "half writ";
    CHECK(folder.entries() == 2);
    CHECK(read_file(file, 100) == "old");
  }
  CHECK(folder.entries() == 1);
  CHECK(read_file(file, 100) == "old");
}

TEST_CASE("AtomicFile: two writers of one file do not share a temporary, the last commit wins") {
  const TempFolder folder;
  const auto file = folder / "x";
  AtomicFile a(file);
  AtomicFile b(file);
  REQUIRE(a.temporary() != b.temporary());
  std::ofstream(a.temporary()) << "a";
  std::ofstream(b.temporary()) << "b";
  a.commit();
  CHECK(read_file(file, 100) == "a");
  b.commit();
  CHECK(read_file(file, 100) == "b");
  CHECK(folder.entries() == 1);
  CHECK_THROWS_AS(b.commit(), Error);
}

TEST_CASE("AtomicFile: errors name the file") {
  const TempFolder folder;
  const auto absent = folder / "no" / "such" / "file";
  CHECK(error_of<Error>([&] { write_file_atomically(absent, "x"); }).find(absent.string()) != std::string::npos);
  CHECK_THROWS_AS(AtomicFile(folder.path() / ""), Error);
  // a folder stands in the way: the rename fails, and the temporary is removed
  std::filesystem::create_directory(folder / "taken");
  write_file_atomically(folder / "taken" / "inside", "x");
  CHECK_THROWS_AS(write_file_atomically(folder / "taken", "x"), Error);
  CHECK(folder.entries() == 1);
}

TEST_CASE("remove_stale_temporaries: removes what killed writers of that file left, and nothing else") {
  const TempFolder folder;
  write_file_atomically(folder / "best.h5", "x");
  std::ofstream(folder / ".best.h5.tmp-123-0") << "half";
  std::ofstream(folder / ".best.h5.tmp-99-4") << "half";
  std::ofstream(folder / ".last.h5.tmp-123-0") << "other";
  CHECK(remove_stale_temporaries(folder / "best.h5") == 2);
  CHECK(folder.entries() == 2);
  CHECK(read_file(folder / "best.h5", 100) == "x");
  CHECK(remove_stale_temporaries(folder / "best.h5") == 0);
}

TEST_CASE("read_file: refuses files beyond the limit, absent files and folders") {
  const TempFolder folder;
  const auto file = folder / "data";
  write_file_atomically(file, std::string(1000, 'x'));
  CHECK(read_file(file, 1000).size() == 1000);
  const std::string message = error_of<Error>([&] { (void)read_file(file, 999); });
  CHECK(message.find("1000 bytes") != std::string::npos);
  CHECK(message.find(file.string()) != std::string::npos);
  CHECK_THROWS_AS((void)read_file(folder / "absent", 10), Error);
  CHECK_THROWS_AS((void)read_file(folder.path(), std::size_t{1} << 30), Error);
  // an endless file claims size 0
  CHECK_THROWS_AS((void)read_file("/dev/zero", 100'000), Error);
}

TEST_CASE("sha256: the test vectors of FIPS 180-4, in one piece and in many") {
  CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(sha256_hex(std::string(1'000'000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  // every length around the padding's edges, byte by byte
  for (std::size_t size = 50; size < 140; ++size) {
    const std::string text(size, 'q');
    Sha256 pieces;
    for (const char c : text) pieces.update(&c, 1);
    CHECK(pieces.hex() == sha256_hex(text));
  }
}

TEST_CASE("files: a pipe is refused by every reader, not waited for; one that the shell hands over is read") {
  const TempFolder folder;
  const auto pipe = folder / "pipe.h5";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  const std::string sentence = fmt::format("[{}] is a pipe; a file is expected", pipe.string());
  CHECK(error_of<Error>([&] { (void)read_file(pipe, 10); }) == sentence);
  CHECK(error_of<Error>([&] { (void)sha256_file(pipe); }) == sentence);
  CHECK(error_of<Error>([&] { const Hdf5Reader reader(pipe); }) == sentence);
  CHECK(error_of<Error>([&] { (void)read_file("/dev/zero", 10); }) == "[/dev/zero] is a device; a file is expected");
  CHECK(error_of<Error>([&] { (void)read_file(folder.path(), 10); }).find("is a folder") != std::string::npos);

  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  REQUIRE(::write(ends[1], "text", 4) == 4);
  ::close(ends[1]);
  CHECK(read_file(fmt::format("/dev/fd/{}", ends[0]), 10) == "text");
  ::close(ends[0]);
}

TEST_CASE("sha256: a file has the hash of its bytes, also one of several pieces") {
  const TempFolder folder;
  for (const std::size_t size : {0, 1, 65'536, 200'000}) {
    const std::string bytes(size, 'a');
    write_file_atomically(folder / "x", bytes);
    CHECK(sha256_file(folder / "x") == sha256_hex(bytes));
  }
  CHECK_THROWS_AS((void)sha256_file(folder / "absent"), Error);
  CHECK_THROWS_AS((void)sha256_file(folder.path()), Error);
}
