// .mat files of versions 5 and 7 as libmatio writes them, and of version 7.3 as far as HDF5 is concerned.
#pragma once

#include "core/io/atomic_file.h"
#include "core/io/hdf5.h"
#include "tests/support/temp_folder.h"

#include <matio.h>

#include <filesystem>
#include <string>
#include <vector>

namespace bitstate::tests {

/// Writes variables to a .mat of version 5.
class MatWriter {
 public:
  explicit MatWriter(const std::filesystem::path& path) : file_(Mat_CreateVer(path.c_str(), nullptr, MAT_FT_MAT5)) {}
  MatWriter(const MatWriter&) = delete;
  ~MatWriter() { Mat_Close(file_); }

  /// Elements in MATLAB's order, of a type that `type` and `kind` say.
  template <class T>
  void write(const char* name, matio_classes kind, matio_types type, std::vector<std::size_t> shape,
             std::vector<T> values, int options = 0, matio_compression compression = MAT_COMPRESSION_NONE) {
    put(Mat_VarCreate(name, kind, type, static_cast<int>(shape.size()), shape.data(), values.data(), options),
        compression);
  }
  void doubles(const char* name, const std::vector<std::size_t>& shape, const std::vector<double>& values,
               matio_compression compression = MAT_COMPRESSION_NONE) {
    write(name, MAT_C_DOUBLE, MAT_T_DOUBLE, shape, values, 0, compression);
  }
  /// A row of complex numbers.
  void complex(const char* name, std::vector<double> real, std::vector<double> imaginary) {
    std::size_t shape[] = {1, real.size()};
    mat_complex_split_t parts{real.data(), imaginary.data()};
    put(Mat_VarCreate(name, MAT_C_DOUBLE, MAT_T_DOUBLE, 2, shape, &parts, MAT_F_COMPLEX), MAT_COMPRESSION_NONE);
  }
  /// A cell array [n, 1] of texts.
  void texts(const char* name, const std::vector<std::string>& texts) {
    std::vector<matvar_t*> cells;
    for (const std::string& text : texts) {
      std::size_t shape[] = {1, text.size()};
      std::string copy = text;
      cells.push_back(Mat_VarCreate(nullptr, MAT_C_CHAR, MAT_T_UINT8, 2, shape, copy.data(), 0));
    }
    put_cells(name, cells);
  }
  /// A cell array [n, 1] of numbers.
  void cells_of_numbers(const char* name, std::vector<double> numbers) {
    std::vector<matvar_t*> cells;
    for (double& number : numbers) {
      std::size_t shape[] = {1, 1};
      cells.push_back(Mat_VarCreate(nullptr, MAT_C_DOUBLE, MAT_T_DOUBLE, 2, shape, &number, 0));
    }
    put_cells(name, cells);
  }

 private:
  void put_cells(const char* name, std::vector<matvar_t*>& cells) {
    std::size_t shape[] = {cells.size(), 1};
    put(Mat_VarCreate(name, MAT_C_CELL, MAT_T_CELL, 2, shape, cells.data(), MAT_F_DONT_COPY_DATA), MAT_COMPRESSION_NONE,
        false);
    for (matvar_t* const cell : cells) Mat_VarFree(cell);
  }

  void put(matvar_t* variable, matio_compression compression, bool owns = true) {
    Mat_VarWrite(file_, variable, compression);
    if (!owns) variable->data = nullptr;
    Mat_VarFree(variable);
  }

  mat_t* file_;
};

/// Puts the 512 bytes before an HDF5 file with which MATLAB begins a .mat of version 7.3.
inline void make_mat_73(const std::filesystem::path& hdf5, const std::filesystem::path& mat) {
  std::string head = "MATLAB 7.3 MAT-file, Platform: GLNXA64";
  head.resize(512, ' ');
  write_quickly(mat, head + read_file(hdf5, std::size_t{1} << 24));
}

}  // namespace bitstate::tests
