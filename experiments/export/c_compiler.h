// The C compiler of this machine, for the proofs of exported C.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace bitstate::experiments {

/// $CC, else cc: its words.
std::vector<std::string> c_compiler();

/// Compiles `sources`, which include files of `folder`, into `program`, with these further flags. Throws Error with the
/// first line that the compiler said.
void compile_c(const std::filesystem::path& folder, const std::vector<std::filesystem::path>& sources,
               const std::filesystem::path& program, const std::vector<std::string>& flags);

}  // namespace bitstate::experiments
