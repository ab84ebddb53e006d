#include "tests/fuzz/hdf5_files.h"

#include "tests/support/temp_folder.h"

#include <hdf5.h>

#include <bit>
#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace bitstate::fuzz {
namespace {

std::uint32_t little_endian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8U | static_cast<unsigned char>(bytes[i]);
  return value;
}

/// Jenkins' hash lookup3, which HDF5 takes for its checksum.
std::uint32_t lookup3(std::string_view bytes) {
  std::uint32_t a = 0xdeadbeefU + static_cast<std::uint32_t>(bytes.size());
  std::uint32_t b = a;
  std::uint32_t c = a;
  const auto add = [&](std::string_view block) {
    a += little_endian(block.substr(0, 4));
    b += little_endian(block.size() > 4 ? block.substr(4, 4) : "");
    c += little_endian(block.size() > 8 ? block.substr(8, 4) : "");
  };
  for (; bytes.size() > 12; bytes.remove_prefix(12)) {
    add(bytes.substr(0, 12));
    a = (a - c) ^ std::rotl(c, 4), c += b;
    b = (b - a) ^ std::rotl(a, 6), a += c;
    c = (c - b) ^ std::rotl(b, 8), b += a;
    a = (a - c) ^ std::rotl(c, 16), c += b;
    b = (b - a) ^ std::rotl(a, 19), a += c;
    c = (c - b) ^ std::rotl(b, 4), b += a;
  }
  if (bytes.empty()) return c;
  add(bytes);
  c = (c ^ b) - std::rotl(b, 14);
  a = (a ^ c) - std::rotl(c, 11);
  b = (b ^ a) - std::rotl(a, 25);
  c = (c ^ b) - std::rotl(b, 16);
  a = (a ^ c) - std::rotl(c, 4);
  b = (b ^ a) - std::rotl(a, 14);
  c = (c ^ b) - std::rotl(b, 24);
  return c;
}

/// Writes the checksum of [begin, end) behind it, if there is room.
void seal(std::string& file, std::size_t begin, std::size_t end) {
  if (end > file.size() || file.size() - end < 4) return;
  const std::uint32_t sum = lookup3(std::string_view(file).substr(begin, end - begin));
  for (unsigned i = 0; i < 4; ++i) file[end + i] = static_cast<char>(sum >> 8U * i & 255U);
}

void check(std::int64_t status) {
  if (status < 0) throw std::runtime_error("HDF5 writes no file");
}

}  // namespace

std::string written(const std::function<void(Hdf5Writer&)>& write) {
  const tests::TempFolder folder;
  Hdf5Writer writer(folder / "x.h5");
  write(writer);
  writer.commit();
  return read_file(folder / "x.h5", std::size_t{1} << 24);
}

std::string hdf5_forge(std::string file) {
  seal(file, 0, 44);  // the superblock of version 2 and 3
  for (std::size_t at = 0; (at = file.find("OHDR\2", at)) != std::string::npos; at += 5) {
    if (at + 6 >= file.size()) break;
    const auto flags = static_cast<unsigned char>(file[at + 5]);
    // times and the limits of dense attributes, if they are there; then the size of the messages
    const std::size_t begin = at + 6 + ((flags & 0x20U) != 0 ? 16 : 0) + ((flags & 0x10U) != 0 ? 4 : 0);
    const std::size_t width = std::size_t{1} << (flags & 3U);
    if (width > 4 || begin + width > file.size()) continue;
    seal(file, at, begin + width + little_endian(std::string_view(file).substr(begin, width)));
  }
  return file;
}

std::string old_hdf5(std::size_t sequences, std::uint64_t steps, std::uint64_t chunk) {
  const tests::TempFolder folder;
  const std::string path = folder / "x.h5";
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  check(file);
  const std::vector<hsize_t> shape = {sequences, steps, 2};
  const std::vector<hsize_t> chunk_shape = {1, chunk, 2};
  const std::vector<hsize_t> largest(3, H5S_UNLIMITED);
  const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_obj_track_times(properties, 0);
  const hid_t y_space = H5Screate_simple(1, shape.data(), nullptr);
  const hid_t y = H5Dcreate2(file, "y", H5T_STD_I64LE, y_space, H5P_DEFAULT, properties, H5P_DEFAULT);
  std::vector<std::int64_t> classes(sequences);
  for (std::size_t i = 0; i < sequences; ++i) classes[i] = static_cast<std::int64_t>(i % 3);
  check(H5Dwrite(y, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, classes.data()));
  if (chunk != 0) check(H5Pset_chunk(properties, 3, chunk_shape.data()));
  const hid_t x_space = H5Screate_simple(3, shape.data(), chunk != 0 ? largest.data() : nullptr);
  const hid_t x = H5Dcreate2(file, "x", H5T_IEEE_F32LE, x_space, H5P_DEFAULT, properties, H5P_DEFAULT);
  check(x);
  if (chunk == 0) {
    std::vector<float> values(sequences * steps * 2);
    std::iota(values.begin(), values.end(), -3.0F);
    check(H5Dwrite(x, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()));
  }
  const hid_t scalar = H5Screate(H5S_SCALAR);
  const hid_t attribute = H5Acreate2(file, "standardize", H5T_STD_I64LE, scalar, H5P_DEFAULT, H5P_DEFAULT);
  const std::int64_t one = 1;
  check(H5Awrite(attribute, H5T_NATIVE_INT64, &one));
  check(H5Aclose(attribute));
  for (const hid_t id : {x, y}) check(H5Dclose(id));
  for (const hid_t id : {scalar, x_space, y_space}) check(H5Sclose(id));
  check(H5Pclose(properties));
  check(H5Fclose(file));
  return read_file(path, std::size_t{1} << 24);
}

}  // namespace bitstate::fuzz
