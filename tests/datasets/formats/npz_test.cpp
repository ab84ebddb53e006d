// Archives of arrays, and damaged ones.
#include "datasets/formats/npz.h"

#include "core/error.h"
#include "tests/datasets/formats/npy_files.h"
#include "tests/support/archives.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace bitstate::tests::npz_test {
namespace {

const std::vector<Member> arrays = {{"params/B.npy", npy_of<float>("<f4", "(2, 1, 2)", {1.0F, -2.0F, 3.5F, 0.0F})},
                                    {"C.npy", npy_of<float>("<c8", "(2,)", {1.0F, 2.0F, 3.0F, 4.0F})},
                                    {"D.npy", npy_of<double>("<f8", "(3,)", {0.1, 0.2, 0.3})},
                                    {"E.npy", npy_of<double>("<c16", "(1, 1)", {5.0, 6.0})}};

std::string refusal(const std::string& bytes) {
  const TempFolder folder;
  write_quickly(folder / "a.npz", bytes);
  return error_of<Error>([&] { (void)datasets::read_npz(folder / "a.npz"); });
}

TEST_CASE("npz: keys, shapes and numbers come back, stored and deflated") {
  for (const bool deflated : {false, true}) {
    const TempFolder folder;
    write_quickly(folder / "a.npz", zip_of(arrays, deflated));
    const NamedTensors read = datasets::read_npz(folder / "a.npz");
    REQUIRE(read.shapes.size() == 4);
    CHECK(read.shapes.at("params/B") == TensorShape{2, 1, 2});
    CHECK(read.read("params/B") == std::vector{1.0F, -2.0F, 3.5F, 0.0F});
    CHECK(read.shapes.at("C") == TensorShape{2, 2});
    CHECK(read.read("C") == std::vector{1.0F, 2.0F, 3.0F, 4.0F});
    CHECK(read.shapes.at("D") == TensorShape{3});
    CHECK(read.read("D") == std::vector{0.1F, 0.2F, 0.3F});
    CHECK(read.shapes.at("E") == TensorShape{1, 1, 2});
    CHECK(read.read("E") == std::vector{5.0F, 6.0F});
  }
}

TEST_CASE("npz: what is damaged or of another kind is refused with the name of the array") {
  CHECK(!refusal("").empty());
  CHECK(!refusal("no zip at all").empty());
  CHECK(contains(refusal(zip_of({{"a.npy", "x"}}, false)), "a.npz: a] is not an array of NumPy"));
  CHECK(contains(refusal(zip_of({arrays[1], arrays[1]}, false)), "the array C is there twice"));
  CHECK(contains(refusal(zip_of({{"a.npy", npy_of<int>("<i4", "(1,)", {1})}}, false)), "a] the elements are not"));
  CHECK(contains(refusal(zip_of({{"a.npy", npy_of<float>("<f4", "(4294967296, 4294967296)", {1})}}, false)), "a] "));
  CHECK(contains(refusal(zip_of({{"a.npy", npy_of<float>("<f4", "(2,)", {1})}}, true)), "a] "));
  CHECK(contains(refusal(zip_of({{"a\n.npy", "x"}}, false)), "not printable"));
  CHECK(!refusal(zip_of({}, false)).empty());
  for (const bool deflated : {false, true}) {
    const std::string whole = zip_of(arrays, deflated);
    for (const std::size_t length : {whole.size() / 4, whole.size() / 2})
      CHECK(!refusal(whole.substr(0, length)).empty());
    std::string flipped = whole;
    flipped[120] = static_cast<char>(flipped[120] ^ 1);  // within the first array
    CHECK(!refusal(flipped).empty());
  }
}

TEST_CASE("npz: numbers that are not finite are refused with their place") {
  const TempFolder folder;
  const float infinite = std::numeric_limits<float>::infinity();
  write_quickly(folder / "a.npz", zip_of({{"a.npy", npy_of<float>("<f4", "(2,)", {1, infinite})}}, false));
  const NamedTensors read = datasets::read_npz(folder / "a.npz");
  CHECK(contains(error_of<Error>([&] { (void)read.read("a"); }), "element 1 of a is inf"));
}

TEST_CASE("npz: arrays of data are numbers, integers, booleans and texts, and others are refused when they are read") {
  using datasets::Stored;
  const TempFolder folder;
  const std::vector<Member> members = {
      {"x.npy", npy_of<double>("<f8", "(1, 2)", {0.1, -1e300})},
      {"i.npy", npy_of<std::int64_t>("<i8", "(2,)", {-5, std::int64_t{1} << 40})},
      {"u.npy", npy_of<std::uint8_t>("|u1", "(2,)", {0, 255})},
      {"b.npy", npy_of<std::uint8_t>("|b1", "(2,)", {1, 0})},
      {"t.npy", npy_of<std::uint32_t>("<U2", "(3,)", {'u', 'p', 0xFC, 0, 0x1F600, 'x'})},
      {"s.npy", npy(1, npy_header("|S3", "(2,)"), std::string("abc") + std::string("d\0\0", 3))},
      {"c.npy", npy_of<float>("<c8", "(1,)", {1.0F, 2.0F})},
      {"o.npy", "no array"}};
  write_quickly(folder / "a.npz", zip_of(members, true));
  const datasets::ArraysInMemory read = datasets::read_npz_arrays(folder / "a.npz");
  CHECK(read.list().size() == members.size());
  CHECK(read.shape("x") == std::vector<std::size_t>{1, 2});
  CHECK(read.numbers("x") == std::vector<double>{0.1, -1e300});
  CHECK(read.numbers("i") == std::vector<double>{-5, 0x1.0p40});
  CHECK(read.stored("i") == Stored::integers);
  CHECK(read.numbers("u") == std::vector<double>{0, 255});
  CHECK(read.stored("b") == Stored::booleans);
  CHECK(read.numbers("b") == std::vector<double>{1, 0});
  CHECK(read.texts("t") == std::vector<std::string>{"up", "\xC3\xBC", "\xF0\x9F\x98\x80x"});
  CHECK(read.texts("s") == std::vector<std::string>{"abc", "d"});
  CHECK(contains(error_of<Error>([&] { (void)read.numbers("c"); }), "a.npz: c] holds complex numbers"));
  CHECK(contains(error_of<Error>([&] { (void)read.numbers("o"); }), "a.npz: o] is not an array of NumPy"));
  // integers of each width, the largest and one that is negative where there is a sign; the ends of UTF-8's lengths
  const std::vector<Member> widths = {
      {"i1.npy", npy_of<std::int8_t>("|i1", "(2,)", {-1, 127})},
      {"i2.npy", npy_of<std::int16_t>("<i2", "(2,)", {-2, 32767})},
      {"u2.npy", npy_of<std::uint16_t>("<u2", "(2,)", {2, 65535})},
      {"i4.npy", npy_of<std::int32_t>("<i4", "(2,)", {-4, 2147483647})},
      {"u4.npy", npy_of<std::uint32_t>("<u4", "(2,)", {4, 4294967295})},
      {"i8.npy", npy_of<std::int64_t>("<i8", "(2,)", {-8, std::int64_t{1} << 52})},
      {"u8.npy", npy_of<std::uint64_t>("<u8", "(2,)", {8, std::uint64_t{1} << 63})},
      {"ends.npy", npy_of<std::uint32_t>("<U1", "(6,)", {0x7F, 0x80, 0x7FF, 0x800, 0xFFFF, 0x10000})}};
  write_quickly(folder / "w.npz", zip_of(widths, false));
  const datasets::ArraysInMemory wide = datasets::read_npz_arrays(folder / "w.npz");
  CHECK(wide.numbers("i1") == std::vector<double>{-1, 127});
  CHECK(wide.numbers("i2") == std::vector<double>{-2, 32767});
  CHECK(wide.numbers("u2") == std::vector<double>{2, 65535});
  CHECK(wide.numbers("i4") == std::vector<double>{-4, 2147483647});
  CHECK(wide.numbers("u4") == std::vector<double>{4, 4294967295});
  CHECK(wide.numbers("i8") == std::vector<double>{-8, 0x1.0p52});
  CHECK(wide.numbers("u8") == std::vector<double>{8, 0x1.0p63});
  CHECK(wide.texts("ends") ==
        std::vector<std::string>{"\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xEF\xBF\xBF", "\xF0\x90\x80\x80"});
  write_quickly(folder / "b.npz", zip_of({{"t.npy", npy_of<std::uint32_t>("<U1", "(1,)", {0x110000})}}, false));
  CHECK(contains(error_of<Error>([&] { (void)datasets::read_npz_arrays(folder / "b.npz"); }),
                 "b.npz: t] holds the character 0x110000, which is none"));
  write_quickly(folder / "c.npz", zip_of({{"t.npy", npy_of<std::uint8_t>("|b1", "(2,)", {1})}}, false));
  CHECK(!error_of<Error>([&] { (void)datasets::read_npz_arrays(folder / "c.npz"); }).empty());
}

}  // namespace
}  // namespace bitstate::tests::npz_test
