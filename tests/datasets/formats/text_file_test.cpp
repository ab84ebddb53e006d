#include "tests/datasets/formats/csv_files.h"
#include "tests/datasets/formats/idx_files.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

using namespace bitstate;
using namespace bitstate::datasets;
using namespace bitstate::tests;

TEST_CASE("csv: UTF-16, Latin-1 and gzip are read as what they hold") {
  const auto wide = [](const std::string& text, bool big) {
    std::string bytes;
    for (const char c : text) bytes += big ? std::string{'\0', c} : std::string{c, '\0'};
    return bytes;
  };
  const std::string text = "t,u\n0,1.5\n1,2.5\n";
  const Doubles expected{0, 1.5, 1, 2.5};
  for (const std::string& bytes :
       {"\xFF\xFE" + wide(text, false), "\xFE\xFF" + wide(text, true), wide(text, false), wide(text, true)}) {
    const Csv table = table_of(bytes);
    CHECK(table.values == expected);
    CHECK(table.notes == Names{"UTF-16"});
  }
  says(table_refusal("\xFF\xFE" + wide(text, false) + "1"), "is UTF-16 and ends within a character");
  // a character beyond 16 bits, and half of one
  CHECK(table_of(std::string("\xFF\xFE\x3D\xD8\x00\xDE\n\0001\0", 10)).names == Names{"\U0001F600"});
  says(table_refusal(std::string("\xFF\xFE\x3D\xD8u\0\n\0001\0", 10)), "is UTF-16 with half a character at byte 0");
  const Csv latin = table_of("T [\xB0\x43],u\n1,2\n", {"T [\u00B0"
                                                       "C]"});
  CHECK(latin.values == Doubles{1});
  CHECK(latin.notes == Names{"Latin-1"});

  const std::string packed = tests::gzip(text);
  const Csv table = table_of(packed);
  CHECK(table.values == expected);
  CHECK(table.notes == Names{"gzip"});
  CHECK(table_of(tests::gzip("t,u\n0,1.5\n") + tests::gzip("1,2.5\n")).values == expected);
  for (std::size_t size = 2; size < packed.size(); ++size) {
    says(table_refusal(packed.substr(0, size)), "the compressed content is truncated");
  }
  std::string damaged = packed;
  damaged[damaged.size() - 6] ^= 1;  // of the checksum
  says(table_refusal(damaged), "the compressed content is damaged");
  says(table_refusal(packed + "x"), "the compressed content is");
  const TempFolder folder;
  tests::write_quickly(folder / "bomb.csv.gz", tests::gzip(std::string(1'000'000, '1')));
  says(error_of<Error>([&] { (void)read_csv(folder / "bomb.csv.gz", {}, {}, 0, 10'000); }),
       "holds more than 10000 bytes");
}
