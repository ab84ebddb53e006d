// Checkpoints of format 2, which only S5 wrote: what they say of the data through their weights alone.
#pragma once

#include "core/io/hdf5.h"

#include <cstddef>

namespace bitstate {

struct DataSizes {
  std::size_t inputs = 0;   ///< columns, or the size of the vocabulary
  std::size_t outputs = 0;  ///< classes, or columns of the target
};

/// The sizes of encoder and decoder. Throws Error when the file is damaged.
DataSizes sizes_in_format_2(const Hdf5Reader& reader);

}  // namespace bitstate
