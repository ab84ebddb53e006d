// .mat files of MATLAB, versions 4 to 7. Those of version 7.3 are HDF5.
#pragma once

#include "datasets/formats/array_file.h"

#include <filesystem>

namespace bitstate::datasets {

/// Whether it is a .mat of version 7.3, by its first bytes.
bool is_mat_73(const std::filesystem::path& file);

/// The arrays of a .mat: real numbers, integers, logicals, rows of characters and cell arrays of rows of characters,
/// which are texts. [1, n] and [n, 1] are vectors [n]. Others are listed, and refused when they are read.
/// It is libmatio that reads: do it in rehearsed() (core/io/rehearsal.h). Throws Error naming the file.
ArraysInMemory read_mat(const std::filesystem::path& path);

/// The shape of a matrix of MATLAB: of a vector one number.
std::vector<std::size_t> mat_shape(std::vector<std::size_t> dimensions);

}  // namespace bitstate::datasets
