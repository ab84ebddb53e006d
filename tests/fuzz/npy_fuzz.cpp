// Tables in NumPy's format, and of lines.
#include "datasets/formats/npy.h"
#include "tests/fuzz/target.h"

namespace bitstate::fuzz {
namespace {

std::string npy(const std::string& type, const std::string& shape, const std::string& data, int version = 1) {
  const std::string header = "{'descr': '" + type + "', 'fortran_order': False, 'shape': (" + shape + "), }\n";
  std::string bytes = "\x93NUMPY";
  bytes += static_cast<char>(version);
  bytes += '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) bytes += static_cast<char>(header.size() >> (8 * i) & 255U);
  return bytes + header + data;
}

std::string read(std::string_view input) {
  const datasets::Table table = datasets::read_table(in_file(input));
  promise(!table.empty(), "rows");
  std::string content;
  for (const auto& row : table) {
    promise(!row.empty(), "fields");
    for (const std::string& field : row) content += std::to_string(field.size()) + ':' + field;
    content += '\n';
  }
  return content;
}

}  // namespace

Target target() {
  const std::string most = "18446744073709551615";
  return {{{npy("|S3", "2, 2", std::string("onetwox\0\0end", 12)), Claim::cuts_show},
           {npy("<U1", "1, 2", std::string("\xac\x20\0\0\0\xf6\x01\0", 8), 3), Claim::cuts_show},
           {npy("<f8", "1, 1", std::string("\0\0\0\0\0\0\xf8\x3f", 8), 2), Claim::cuts_show},
           {npy("<i4", "2, 1", std::string("\1\0\0\0\xff\xff\xff\xff", 8)), Claim::cuts_show},
           {"images/0 sample_1.png 0 1\nimages/0 sample_2.png 1 0.5\n"},
           {npy("<f8", most + ", 1", "x"), Claim::refused},
           {npy("<f8", "4294967296, 4294967296", "x"), Claim::refused},
           {npy("|S" + most, "1, 1", "x"), Claim::refused},
           {npy("<U4611686018427387905", "1, 1", "xxxx"), Claim::refused},  // 4 times it is 4
           {npy("|O", "1, 1", "x"), Claim::refused},
           {std::string("\x93NUMPY\2\0\xff\xff\xff\xff{", 13), Claim::refused},
           {"\x1f\x8b", Claim::refused},
           {"", Claim::refused}},
          read};
}

}  // namespace bitstate::fuzz
