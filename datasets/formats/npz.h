// What numpy.savez writes: a zip of arrays.
#pragma once

#include "core/io/named_tensors.h"

#include <filesystem>

namespace bitstate::datasets {

/// The arrays of a .npz, stored or deflated, under their keys: floating-point numbers of 4 or 8 bytes with 1 to 8
/// dimensions, in C order, or complex ones, which have a further dimension of 2 (re, im). All are kept in memory, as
/// single precision. Throws UsageError where there is no such file, Error naming file and array for archives that are
/// damaged, encrypted or of more than 4 GiB, for names that occur twice and for arrays of other kinds, and from read()
/// for numbers that are not finite.
NamedTensors read_npz(const std::filesystem::path& path);

}  // namespace bitstate::datasets
