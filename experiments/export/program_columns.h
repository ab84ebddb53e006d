// Which columns of a table a program reads.
#pragma once

#include "core/program/program.h"

#include <cstddef>
#include <string>
#include <vector>

namespace bitstate::experiments {

/// The columns of a table with this header, which may be empty, and so many columns: those that the program was trained
/// with, where all of them are names of the header or where the table has others besides; else all, which are as many
/// as the program reads. Throws Error naming `file` where they are not.
std::vector<std::string> columns_of(const program::Program& program, const std::vector<std::string>& header,
                                    std::size_t count, const std::string& file);

/// " with the header t,u,y, of which u is read", or " without a header".
std::string columns_text(const std::vector<std::string>& header, const std::vector<std::string>& read);

}  // namespace bitstate::experiments
