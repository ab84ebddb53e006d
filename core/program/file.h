// Program files: a line of text with the version and the SHA-256 of all that follows, padded to 512 bytes, then HDF5
// (which ignores such a block: any HDF5 tool reads the file).
#pragma once

#include "core/program/program.h"

#include <filesystem>

namespace bitstate::program {

/// Writes atomically. Equal programs give equal bytes. Throws Error for an unwritable folder.
void save(const Program& program, const std::filesystem::path& file);

/// Reads a file that may be damaged or hostile: the digest is checked before HDF5 sees a byte, which reads it
/// in a child process first (core/io/rehearsal.h), sizes before anything is
/// allocated, and the program by analyse(). Throws Error naming the file, what is wrong and what is allowed.
[[nodiscard]] Program load(const std::filesystem::path& file);

}  // namespace bitstate::program
