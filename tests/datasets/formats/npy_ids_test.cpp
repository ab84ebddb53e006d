#include "datasets/formats/npy_ids.h"

#include "core/error.h"
#include "tests/datasets/formats/npy_files.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace bitstate::datasets::npy_ids_test {
namespace {

using tests::npy_of;
using Ids = std::vector<std::uint16_t>;

struct Reader {
  tests::TempFolder folder;
  std::filesystem::path file = folder / "ids.npy";

  [[nodiscard]] NpyIds ids(const std::string& bytes) const {
    std::filesystem::remove(file);
    tests::write_quickly(file, bytes);
    return read_ids(file);
  }
  [[nodiscard]] std::string message(const std::string& bytes) const {
    return tests::error_of<Error>([&] { (void)ids(bytes); });
  }
  [[nodiscard]] bool says(const std::string& bytes, const std::string& sentence) const {
    const std::string text = message(bytes);
    INFO(text);
    return text == "[" + file.string() + "] " + sentence;
  }
};

TEST_CASE("npy ids: integers of every width, with and without a sign, in one and two dimensions") {
  const Reader reader;
  const Ids expected = {0, 7, 100};
  for (const auto& bytes :
       {npy_of<std::int8_t>("|i1", "(3,)", {0, 7, 100}), npy_of<std::uint8_t>("|u1", "(3,)", {0, 7, 100}),
        npy_of<std::int16_t>("<i2", "(3,)", {0, 7, 100}), npy_of<std::uint16_t>("<u2", "(3,)", {0, 7, 100}),
        npy_of<std::int32_t>("<i4", "(3,)", {0, 7, 100}), npy_of<std::uint32_t>("<u4", "(3,)", {0, 7, 100}),
        npy_of<std::int64_t>("<i8", "(3,)", {0, 7, 100}), npy_of<std::uint64_t>("<u8", "(3,)", {0, 7, 100})}) {
    const NpyIds read = reader.ids(bytes);
    CHECK(read.ids == expected);
    CHECK(read.columns == 0);
  }
  const NpyIds rows = reader.ids(npy_of<std::uint16_t>("<u2", "(2, 3)", {1, 2, 3, 4, 5, 65535}));
  CHECK(rows.ids == Ids{1, 2, 3, 4, 5, 65535});
  CHECK(rows.columns == 3);
}

TEST_CASE("npy ids: what is no id is refused in one sentence that names the element") {
  const Reader reader;
  CHECK(reader.says(npy_of<std::int32_t>("<i4", "(3,)", {4, -1, 2}),
                    "element 1: expected a token id from 0 to 65535, got -1"));
  CHECK(reader.says(npy_of<std::int8_t>("|i1", "(2,)", {4, -3}),
                    "element 1: expected a token id from 0 to 65535, got -3"));
  CHECK(reader.says(npy_of<std::int64_t>("<i8", "(2,)", {65536, 0}),
                    "element 0: expected a token id from 0 to 65535, got 65536"));
  CHECK(reader.says(npy_of<std::uint64_t>("<u8", "(1,)", {UINT64_MAX}),
                    "element 0: expected a token id from 0 to 65535, got 18446744073709551615"));
  CHECK(reader.says(npy_of<float>("<f4", "(2,)", {1.0F, 2.0F}),
                    "the elements are floating-point numbers; token ids are integers"));
  CHECK(reader.says(npy_of<char>("|S2", "(1,)", {'a', 'b'}), "the elements are strings; token ids are integers"));
}

TEST_CASE("npy ids: other files, and sizes that are not there, are refused before anything is allocated") {
  const Reader reader;
  CHECK(reader.says("", "is empty"));
  CHECK(reader.says("1 2 3", "offset 0: is not an array of NumPy"));
  CHECK(reader.message(npy_of<std::uint16_t>("<u2", "(4294967296,)", {1, 2})).find("but 4 bytes follow") !=
        std::string::npos);
  CHECK(reader.message(npy_of<std::uint16_t>("<u2", "(4294967297,)", {1})).find("expected 1 to 4294967296 elements") !=
        std::string::npos);
  CHECK(reader.message(npy_of<std::uint16_t>("<u2", "(0,)", {})).find("expected 1 to") != std::string::npos);
  CHECK(reader.message(npy_of<std::uint16_t>(">u2", "(1,)", {1})).find("are not of a type") != std::string::npos);
  CHECK(reader.message(npy_of<std::uint16_t>("<u2", "(1, 1, 1)", {1})).find("more than 2 dimensions") !=
        std::string::npos);
  const std::string good = npy_of<std::uint16_t>("<u2", "(2, 3)", {1, 2, 3, 4, 5, 6});
  for (std::size_t size = 0; size < good.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(reader.message(good.substr(0, size)).empty());
  }
  CHECK_FALSE(reader.message(good + '\0').empty());
}

}  // namespace
}  // namespace bitstate::datasets::npy_ids_test
