// MATLAB's files up to version 7, which libmatio reads: in a child process first, as data sets do.
#include "core/io/rehearsal.h"
#include "datasets/formats/mat.h"
#include "tests/datasets/formats/mat_files.h"
#include "tests/fuzz/arrays.h"

namespace bitstate::fuzz {
namespace {

std::string mat_of(matio_compression compression) {
  const tests::TempFolder folder;
  {
    tests::MatWriter writer(folder / "a.mat");
    writer.doubles("x", {3, 4}, std::vector<double>(12, 0.5), compression);
    writer.write<std::int8_t>("y", MAT_C_INT8, MAT_T_INT8, {3, 1}, {-1, 0, 1}, 0, compression);
    writer.write<char>("rows", MAT_C_CHAR, MAT_T_UINT8, {2, 2}, {'u', 'd', 'p', ' '});
    writer.texts("names", {"up", "down", "up"});
  }
  return read_file(folder / "a.mat", std::size_t{1} << 20);
}

}  // namespace

Target target() {
  return {{{mat_of(MAT_COMPRESSION_NONE)},
           {mat_of(MAT_COMPRESSION_ZLIB)},
           {"MATLAB 5.0 MAT-file", Claim::refused},
           {"", Claim::refused}},
          [](std::string_view input) {
            const std::filesystem::path file = in_file(input);
            return rehearsed(file, [&] { return content_of(datasets::read_mat(file)); });
          }};
}

}  // namespace bitstate::fuzz
