// Tables of text fields: lines of words, or what numpy.save writes.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace bitstate::datasets {

/// Rows of fields.
using Table = std::vector<std::vector<std::string>>;

/// Reads a table from a file that is one of two things, told apart by its first bytes:
/// - lines of printable ASCII, whose fields are separated by spaces (the metadata that come with Pathfinder, despite
///   their names `<n>.npy`);
/// - an array in NumPy's format, version 1, 2 or 3: two-dimensional, in C order, little-endian, of strings ('<U', '|S';
///   as UTF-8) or numbers ('<f8', '<f4', '<i8', '<i4'; as the shortest text that reads back the same).
/// At most 16 MiB and 2^20 fields are read. Throws Error naming file, line or offset, and reason.
Table read_table(const std::filesystem::path& path);

}  // namespace bitstate::datasets
