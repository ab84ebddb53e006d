// Units in HDF5 files: arrays <prefix>mean and <prefix>deviation, whose type says in which precision they standardise.
#pragma once

#include "core/io/hdf5.h"
#include "core/units.h"

#include <string>

namespace bitstate {

/// Writes both arrays, of doubles, or of floats for units of single precision.
void write_units(Hdf5Writer& writer, const std::string& prefix, const Units& units);

/// Reads both, of at most `max_columns` each. Throws Error naming the file for what the reader refuses.
Units read_units(const Hdf5Reader& reader, const std::string& prefix, std::size_t max_columns);

}  // namespace bitstate
