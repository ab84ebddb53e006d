// Archives of arrays of data.
#include "datasets/formats/npz.h"
#include "tests/datasets/formats/npy_files.h"
#include "tests/fuzz/arrays.h"
#include "tests/support/archives.h"

namespace bitstate::fuzz {

Target target() {
  using tests::npy_of;
  const std::vector<tests::Member> arrays = {{"x.npy", npy_of<float>("<f4", "(2, 2, 1)", {1, -2, 0.5F, 0})},
                                             {"y.npy", npy_of<std::uint32_t>("<U2", "(2,)", {'u', 'p', 0xFC, 0})},
                                             {"b.npy", npy_of<std::uint8_t>("|b1", "(2,)", {0, 1})},
                                             {"i.npy", npy_of<std::int16_t>("<i2", "(2,)", {-1, 300})},
                                             {"s.npy", npy_of<std::uint8_t>("|S2", "(1,)", {'a', 0})}};
  return {{{tests::zip_of(arrays, false)},
           {tests::zip_of(arrays, true)},
           {tests::zip_of({arrays[0], arrays[0]}, false), Claim::refused},
           {tests::zip_of({{"a.npy", npy_of<float>("<f4", "(4294967296, 4294967296)", {1})}}, false), Claim::refused},
           {tests::zip_of({{"a.npy", npy_of<std::uint32_t>("<U1", "(1,)", {0x110000})}}, false), Claim::refused},
           {"", Claim::refused}},
          [](std::string_view input) {
            return content_of(datasets::read_npz_arrays(in_file(input), std::size_t{1} << 20));
          }};
}

}  // namespace bitstate::fuzz
