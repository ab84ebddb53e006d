// One's own data in HDF5 files.
#include "datasets/own/own_arrays.h"
#include "tests/fuzz/hdf5_files.h"
#include "tests/fuzz/target.h"

#include <numeric>

namespace bitstate::fuzz {
namespace {

/// `sequences` of 3 steps of one token, and a value each.
void write_part(Hdf5Writer& writer, const std::string& group, std::size_t sequences) {
  std::vector<std::int32_t> x(sequences * 3);
  std::iota(x.begin(), x.end(), 0);
  writer.write(group + "x", x, {sequences, 3});
  writer.write(group + "y", std::vector<float>(sequences, 0.5F), {sequences});
  writer.write(group + "length", std::vector<std::int64_t>(sequences, 2));
}

}  // namespace

Target target() {
  const std::string root = written([](Hdf5Writer& writer) { write_part(writer, "", 10); });
  const std::string groups = written([](Hdf5Writer& writer) {
    write_part(writer, "train/", 3);
    write_part(writer, "test/", 2);
    writer.set_attribute("/", "vocabulary", 300);
  });
  return {{{root, Claim::changes_show},
           {groups, Claim::changes_show},
           {old_hdf5(10)},
           {old_hdf5(10, 4, 4)},
           {old_hdf5(10, std::uint64_t{1} << 58, 4), Claim::refused},
           {old_hdf5(10, 4, std::uint64_t{1} << 28), Claim::refused},  // HDF5 would allocate it
           {old_hdf5(9), Claim::refused},
           {"\x89HDF\r\n\x1a\n", Claim::refused},
           {"", Claim::refused}},
          [](std::string_view input) { return content_of(datasets::own_arrays({in_file(input)}, {}, {}, {})); },
          hdf5_forge};
}

}  // namespace bitstate::fuzz
