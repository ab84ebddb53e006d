// HDF5 files as other programs write them, and as forgers finish them.
#pragma once

#include "core/io/hdf5.h"

#include <functional>
#include <string>

namespace bitstate::fuzz {

/// The bytes of the file that `write` fills: the latest format, in which all metadata have checksums.
std::string written(const std::function<void(Hdf5Writer&)>& write);

/// With checksums that are right in the superblock and in every object header.
std::string hdf5_forge(std::string file);

/// A file in the format that h5py writes unless told otherwise, without checksums: x float32 [sequences, steps, 2] and
/// y int64 [sequences] at the root, and the attribute standardize = 1. With `chunk`, x consists of chunks [1, chunk,
/// 2], of which none is there.
std::string old_hdf5(std::size_t sequences, std::uint64_t steps = 4, std::uint64_t chunk = 0);

}  // namespace bitstate::fuzz
