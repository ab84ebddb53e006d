// Token ids in NumPy's format.
#include "datasets/formats/npy_ids.h"
#include "tests/datasets/formats/npy_files.h"
#include "tests/fuzz/target.h"

#include <cstdint>

namespace bitstate::fuzz {
namespace {

std::string read(std::string_view input) {
  const datasets::NpyIds read = datasets::read_ids(in_file(input));
  promise(!read.ids.empty(), "ids");
  promise(read.columns == 0 || read.ids.size() % read.columns == 0, "whole rows");
  std::string content = std::to_string(read.columns) + ':';
  for (const std::uint16_t id : read.ids) content += std::to_string(id) + ' ';
  return content;
}

}  // namespace

Target target() {
  using tests::npy_of;
  return {{{npy_of<std::uint16_t>("<u2", "(4,)", {1, 2, 300, 65535}), Claim::cuts_show},
           {npy_of<std::int64_t>("<i8", "(2, 2)", {1, 2, 3, 65535}), Claim::cuts_show},
           {npy_of<std::uint8_t>("|u1", "(3,)", {0, 7, 255}), Claim::cuts_show},
           {npy_of<std::int32_t>("<i4", "(1,)", {-1}), Claim::refused},
           {npy_of<std::int32_t>("<i4", "(1,)", {65536}), Claim::refused},
           {npy_of<float>("<f4", "(1,)", {1.0F}), Claim::refused},
           {npy_of<std::uint16_t>("<u2", "(18446744073709551615, 2)", {1}), Claim::refused},
           {npy_of<std::uint16_t>("<u2", "(4294967296, 4294967296)", {1}), Claim::refused},
           {"", Claim::refused}},
          read};
}

}  // namespace bitstate::fuzz
