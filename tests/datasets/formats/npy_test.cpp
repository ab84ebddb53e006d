#include "datasets/formats/npy.h"

#include "core/error.h"
#include "tests/datasets/formats/npy_files.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

using namespace bitstate;
using namespace bitstate::datasets;
using tests::error_of;
using tests::little_endian_bytes;
using tests::npy;
using tests::npy_header;
using tests::raw;
using tests::TempFolder;

namespace {

/// Code points as '<U<width>'.
std::string ucs4(const std::u32string& text, std::size_t width) {
  std::string bytes;
  for (const char32_t c : text) bytes += little_endian_bytes(c, 4);
  bytes.resize(width * 4, '\0');
  return bytes;
}

/// What numpy.save writes of [["imgs/0", "sample_0.png", 1], ["imgs/0", "ä€😀", 0]] as strings.
std::string small_file(int version) {
  return npy(version, npy_header("<U12", "(2, 3)"),
             ucs4(U"imgs/0", 12) + ucs4(U"sample_0.png", 12) + ucs4(U"1", 12) + ucs4(U"imgs/0", 12) +
                 ucs4(U"\u00e4\u20ac\U0001f600", 12) + ucs4(U"0", 12));
}
const Table small_table = {{"imgs/0", "sample_0.png", "1"}, {"imgs/0", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "0"}};

struct Reader {
  TempFolder folder;
  std::filesystem::path file = folder / "0.npy";

  [[nodiscard]] Table table(const std::string& bytes) const {
    std::filesystem::remove(file);  // some file systems flush a file that is written over
    tests::write_quickly(file, bytes);
    return read_table(file);
  }
  [[nodiscard]] std::string message(const std::string& bytes) const {
    return error_of<Error>([&] { (void)table(bytes); });
  }
  [[nodiscard]] bool says(const std::string& bytes, const std::string& part) const {
    const std::string text = message(bytes);
    INFO(text);
    return text.find("[" + file.string() + "] ") == 0 && text.find(part) != std::string::npos;
  }
};

}  // namespace

TEST_CASE("npy: lines of words are rows of fields") {
  const Reader reader;
  const Table expected = {{"imgs/0", "sample_0.png", "0", "1", "1.8"}, {"imgs/0", "sample_1.png"}};
  CHECK(reader.table("imgs/0 sample_0.png 0 1 1.8\nimgs/0 sample_1.png\n") == expected);
  CHECK(reader.table("imgs/0  sample_0.png 0 1 1.8 \n imgs/0 sample_1.png") == expected);
}

TEST_CASE("npy: text that is damaged is an error with its line or offset") {
  const Reader reader;
  CHECK(reader.says("", "is empty"));
  CHECK(reader.says("a b\n\nc d\n", "line 2 is empty"));
  CHECK(reader.says("a b\nc\x01 d\n", "offset 5: is neither text nor a NumPy array"));
  CHECK(reader.says("a\xc3\xa4", "offset 1: is neither"));
  std::string many;
  for (int i = 0; i < 1 << 20; ++i) many += "1 ";
  CHECK(reader.table(many).at(0).size() == 1U << 20U);
  CHECK(reader.says(many + "\n2", "line 2: there are more than 1048576 fields"));
  CHECK(reader.says(std::string((std::size_t{1} << 24U) + 1, 'x'), "at most 16777216 are read"));
}

TEST_CASE("npy: arrays of strings and numbers of all versions are rows of fields") {
  const Reader reader;
  for (const int version : {1, 2, 3}) CHECK(reader.table(small_file(version)) == small_table);
  CHECK(reader.table(npy(1, npy_header("|S3", "(2, 2)"), std::string("abc\0\0\0x\0\0yz\0", 12))) ==
        Table{{"abc", ""}, {"x", "yz"}});
  CHECK(reader.table(npy(1, npy_header("<f8", "(1, 3)"), raw<double>({1.0, -0.1, 1e300}))) ==
        Table{{"1", "-0.1", "1e+300"}});
  CHECK(reader.table(npy(1, npy_header("<f4", "(2, 1)"), raw<float>({0.1F, 3.0F}))) == Table{{"0.1"}, {"3"}});
  CHECK(reader.table(npy(1, npy_header("<i8", "(1, 2)"), raw<std::int64_t>({-5, INT64_MAX}))) ==
        Table{{"-5", "9223372036854775807"}});
  CHECK(reader.table(npy(1, npy_header("<i4", "(1, 2)"), raw<std::int32_t>({7, INT32_MIN}))) ==
        Table{{"7", "-2147483648"}});
  CHECK(reader.table(npy(1, "{'shape': (1, 1), 'descr': '|S1', 'fortran_order': False}", "k")) == Table{{"k"}});
}

TEST_CASE("npy: every truncation and extension of an array is an error") {
  const Reader reader;
  for (const int version : {1, 2, 3}) {
    const std::string good = small_file(version);
    for (std::size_t size = 0; size < good.size(); ++size) {
      CAPTURE(size);
      CHECK_FALSE(reader.message(good.substr(0, size)).empty());
    }
    CHECK_FALSE(reader.message(good + '\0').empty());
  }
}

TEST_CASE("npy: every flipped bit of a header is an error or gives the same rows") {
  const Reader reader;
  for (const int version : {1, 2, 3}) {
    const std::string good = small_file(version);
    std::size_t errors = 0;
    for (std::size_t bit = 0; bit < (good.size() - 6 * 48) * 8; ++bit) {
      std::string bytes = good;
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ 1 << bit % 8);
      CAPTURE(version);
      CAPTURE(bit);
      try {
        const Table table = reader.table(bytes);
        CHECK(table == small_table);
      } catch (const Error&) {
        ++errors;
      }
    }
    CHECK(errors > (good.size() - 6 * 48) * 7);
  }
}

TEST_CASE("npy: sizes are refused before anything is allocated for them") {
  const Reader reader;
  for (const std::string shape : {"(1048577, 1)", "(1152921504606846976, 16)", "(1024, 1025)", "(0, 3)", "(3, 0)"}) {
    CHECK(reader.says(npy(1, npy_header("|S1", shape), ""), "expected 1 to 1048576 elements"));
  }
  CHECK(reader.says(npy(1, npy_header("|S1", "(99999999999999999999, 1)"), ""), "expected a size here"));
  CHECK(reader.says(npy(1, npy_header("<U4194304", "(1048576, 1)"), "abc"),
                    "1048576 x 1 elements of 16777216 bytes, but 3"));
  CHECK(reader.says(npy(1, npy_header("|S0", "(1048576, 1)"), ""), "are not of a type"));
  CHECK(reader.says(npy(1, npy_header("<U99999999", "(1, 1)"), ""), "are not of a type"));
  CHECK(reader.says(std::string("\x93NUMPY\x02\0\xff\xff\xff\xff{'descr'", 20), "the header claims 4294967295 bytes"));
}

TEST_CASE("npy: other arrays are errors that name file, offset and reason") {
  const Reader reader;
  const auto refused = [&](const std::string& text, const std::string& part) {
    return reader.says(npy(1, text, std::string(8, '\0')), part);
  };
  CHECK(refused(npy_header(">f8", "(1, 1)"), "offset 20: the elements are not of a type"));
  CHECK(refused(npy_header("<f2", "(1, 1)"), "are not of a type"));
  CHECK(refused(npy_header("|O", "(1, 1)"), "are not of a type"));
  CHECK(refused(npy_header("<f8", "(1,)"), "one dimension, not two"));
  CHECK(refused(npy_header("<f8", "()"), "expected a size here"));
  CHECK(refused(npy_header("<f8", "(1, 1, 1)"), "more than 2 dimensions"));
  CHECK(refused("{'descr': '<f8', 'fortran_order': True, 'shape': (1, 1), }", "C order"));
  CHECK(refused("{'descr': '<f8', 'descr': '<f8', 'shape': (1, 1), }", "twice"));
  CHECK(refused("{'descr': '<f8', 'shape': (1, 1), }", "is not one of the keys"));
  CHECK(refused(npy_header("<f8", "(1, 1)") + "x", "does not end with a line"));
  CHECK(refused("", "expected { here in the header"));
  std::string version_4 = small_file(3);
  version_4[6] = 4;
  CHECK(reader.says(version_4, "offset 6: the format has version 4.0"));
  for (const char32_t code : {U'\xd800', U'\x110000', U'\xffffffff'}) {
    CHECK(reader.says(npy(1, npy_header("<U2", "(1, 1)"), ucs4({U'a', code}, 2)), "offset 132: is not a character"));
  }
  CHECK(reader.says(npy(1, npy_header("|S3", "(1, 1)"), std::string("a\0b", 3)), "offset 129: is not a character"));
  CHECK_THROWS_AS((void)read_table(reader.folder / "absent"), Error);
}
