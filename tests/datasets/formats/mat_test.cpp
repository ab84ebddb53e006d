// .mat files of MATLAB.
#include "datasets/formats/mat.h"

#include "core/error.h"
#include "datasets/formats/hdf5_arrays.h"
#include "tests/datasets/formats/mat_files.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

using namespace bitstate;
using namespace bitstate::datasets;
using namespace bitstate::tests;

using MatNumbers = std::vector<double>;
using MatShape = std::vector<std::size_t>;
using MatTexts = std::vector<std::string>;

TEST_CASE("mat: matrices of all types come back by rows, also compressed ones") {
  const TempFolder folder;
  {
    MatWriter writer(folder / "a.mat");
    writer.doubles("plain", {2, 3}, {1, 4, 2, 5, 3, 6});
    writer.doubles("packed", {2, 2, 2}, {0.5, 4, 2, 6, 1, 5, 3, 7}, MAT_COMPRESSION_ZLIB);
    writer.write<float>("single", MAT_C_SINGLE, MAT_T_SINGLE, {1, 2}, {0.5F, -1.0F});
    writer.write<std::int16_t>("int16", MAT_C_INT16, MAT_T_INT16, {3, 1}, {-1, 2, 300});
    writer.write<std::uint8_t>("logical", MAT_C_UINT8, MAT_T_UINT8, {2, 1}, {1, 0}, MAT_F_LOGICAL);
    writer.write<char>("rows", MAT_C_CHAR, MAT_T_UINT8, {2, 3}, {'u', 'd', 'p', 'o', ' ', 'w'});
    writer.texts("cells", {"up", "down", "up"});
    writer.write<std::int8_t>("int8", MAT_C_INT8, MAT_T_INT8, {2, 1}, {-1, 127});
    writer.write<std::uint8_t>("uint8", MAT_C_UINT8, MAT_T_UINT8, {2, 1}, {1, 255});
    writer.write<std::uint16_t>("uint16", MAT_C_UINT16, MAT_T_UINT16, {2, 1}, {2, 65535});
    writer.write<std::int32_t>("int32", MAT_C_INT32, MAT_T_INT32, {2, 1}, {-4, 2147483647});
    writer.write<std::uint32_t>("uint32", MAT_C_UINT32, MAT_T_UINT32, {2, 1}, {4, 4294967295});
    writer.write<std::int64_t>("int64", MAT_C_INT64, MAT_T_INT64, {2, 1}, {-8, std::int64_t{1} << 52});
    writer.write<std::uint64_t>("uint64", MAT_C_UINT64, MAT_T_UINT64, {2, 1}, {8, std::uint64_t{1} << 63});
  }
  const ArraysInMemory read = read_mat(folder / "a.mat");
  CHECK(read.shape("plain") == MatShape{2, 3});
  CHECK(read.numbers("plain") == MatNumbers{1, 2, 3, 4, 5, 6});
  CHECK(read.stored("plain") == Stored::numbers);
  CHECK(read.shape("packed") == MatShape{2, 2, 2});
  CHECK(read.numbers("packed") == MatNumbers{0.5, 1, 2, 3, 4, 5, 6, 7});
  CHECK(read.numbers("single") == MatNumbers{0.5, -1});
  CHECK(read.shape("single") == MatShape{2});
  CHECK(read.numbers("int16") == MatNumbers{-1, 2, 300});
  CHECK(read.stored("int16") == Stored::integers);
  CHECK(read.stored("logical") == Stored::booleans);
  CHECK(read.texts("rows") == MatTexts{"up", "dow"});
  CHECK(read.shape("rows") == MatShape{2});
  CHECK(read.texts("cells") == MatTexts{"up", "down", "up"});
  CHECK(read.numbers("int8") == MatNumbers{-1, 127});
  CHECK(read.numbers("uint8") == MatNumbers{1, 255});
  CHECK(read.stored("uint8") == Stored::integers);
  CHECK(read.numbers("uint16") == MatNumbers{2, 65535});
  CHECK(read.numbers("int32") == MatNumbers{-4, 2147483647});
  CHECK(read.numbers("uint32") == MatNumbers{4, 4294967295});
  CHECK(read.numbers("int64") == MatNumbers{-8, 0x1.0p52});
  CHECK(read.numbers("uint64") == MatNumbers{8, 0x1.0p63});
  CHECK(read.list() == MatTexts{"cells", "int16", "int32", "int64", "int8", "logical", "packed", "plain", "rows",
                                "single", "uint16", "uint32", "uint64", "uint8"});
  says(error_of<Error>([&] { (void)read.texts("plain"); }), "a.mat: plain] holds numbers, not texts");
  says(error_of<Error>([&] { (void)read.numbers("absent"); }), "a.mat: absent] is not there");
}

TEST_CASE("mat: version 7.3 is read as HDF5, from behind") {
  const TempFolder folder;
  Hdf5Writer writer(folder / "a.h5");
  writer.write("x", MatNumbers{1, 4, 2, 5, 3, 6}, {3, 2});  // MATLAB's [2, 3]
  writer.write("v", MatNumbers{1, 2, 3}, {3, 1});           // [1, 3]
  writer.write("rows", std::vector<std::int32_t>{'u', 'd', 'p', 'o', ' ', 'w'}, {3, 2});
  writer.set_attribute("rows", "MATLAB_class", "char");
  writer.group("#refs#");
  writer.commit();
  make_mat_73(folder / "a.h5", folder / "a.mat");
  CHECK(is_mat_73(folder / "a.mat"));
  CHECK_FALSE(is_mat_73(folder / "a.h5"));
  const Hdf5Arrays read(folder / "a.mat", true);
  CHECK(read.list() == MatTexts{"rows", "v", "x"});
  CHECK(read.shape("x") == MatShape{2, 3});
  CHECK(read.numbers("x") == MatNumbers{1, 2, 3, 4, 5, 6});
  CHECK(read.shape("v") == MatShape{3});
  CHECK(read.numbers("v") == MatNumbers{1, 2, 3});
  CHECK(read.stored("rows") == Stored::texts);
  CHECK(read.shape("rows") == MatShape{2});
  CHECK(read.texts("rows") == MatTexts{"up", "dow"});
}

TEST_CASE("mat: what is none, or is damaged, is refused with the file") {
  const TempFolder folder;
  write_quickly(folder / "a.mat", "hello");
  says(error_of<Error>([&] { (void)read_mat(folder / "a.mat"); }), "a.mat] is no .mat file, or a damaged one");
  { MatWriter writer(folder / "b.mat"); }
  says(error_of<Error>([&] { (void)read_mat(folder / "b.mat"); }), "b.mat] holds no arrays, or is damaged");
  {
    MatWriter writer(folder / "c.mat");
    writer.doubles("none", {0, 3}, {});
    writer.texts("mixed", {"a\xFF"});
    writer.complex("complex", {1.0, 2.0}, {0.0, 3.0});
    writer.cells_of_numbers("numbers", {1.0, 2.0});
  }
  const ArraysInMemory read = read_mat(folder / "c.mat");
  says(error_of<Error>([&] { (void)read.numbers("none"); }), "none] has no elements");
  says(error_of<Error>([&] { (void)read.texts("mixed"); }),
       "mixed] holds other cells than texts, or texts that are not");
  says(error_of<Error>([&] { (void)read.numbers("complex"); }), "complex] is neither real numbers nor texts");
  says(error_of<Error>([&] { (void)read.texts("numbers"); }), "numbers] holds other cells than texts");
}
