// What numpy.savez writes: a zip of arrays.
#pragma once

#include "core/io/named_tensors.h"
#include "datasets/formats/array_file.h"

#include <cstddef>
#include <filesystem>

namespace bitstate::datasets {

/// The arrays of a .npz, stored or deflated, under their keys: floating-point numbers of 4 or 8 bytes with 1 to 8
/// dimensions, in C order, or complex ones, which have a further dimension of 2 (re, im). All are kept in memory, as
/// single precision. Throws UsageError where there is no such file, Error naming file and array for archives that are
/// damaged, encrypted or of more than 4 GiB, for names that occur twice and for arrays of other kinds, and from read()
/// for numbers that are not finite.
NamedTensors read_npz(const std::filesystem::path& path);

/// All arrays of a .npz under their keys, for data: numbers of 4 or 8 bytes, integers of 1 to 8, booleans and strings
/// (of printable ASCII or UTF-8), with 1 to 8 dimensions in C order. Others are listed, and refused when they are read.
/// Throws Error naming file and array for what is damaged.
ArraysInMemory read_npz_arrays(const std::filesystem::path& path, std::size_t max_bytes = std::size_t{1} << 32);

}  // namespace bitstate::datasets
