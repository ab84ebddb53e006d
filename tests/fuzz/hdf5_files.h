// HDF5 files as other programs write them, and as forgers finish them.
#pragma once

#include "core/hdf5.h"

#include <functional>
#include <string>

namespace bitstate::fuzz {

/// The bytes of the file that `write` fills: the latest format, in which all metadata have checksums.
std::string written(const std::function<void(Hdf5Writer&)>& write);

/// With checksums that are right in the superblock and in every object header.
std::string hdf5_forge(std::string file);

/// A file in the format that h5py writes unless told otherwise, without checksums: x float32 [sequences, 4, 2] and y
/// int64 [sequences] at the root, and the attribute standardize = 1. With `claim`, x has the chunked shape
/// [sequences, claim, claim], of which no chunk is there.
std::string old_hdf5(std::size_t sequences, std::uint64_t claim = 0);

}  // namespace bitstate::fuzz
