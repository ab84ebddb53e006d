// What the C of a model takes on a Cortex-M4.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::experiments {

/// The most stack that a call of a file's functions takes.
struct StackUse {
  std::size_t bytes = 0;             ///< on the deepest path
  bool is_bounded = true;            ///< no recursion, no array of a length that is known only when it runs
  std::vector<std::string> foreign;  ///< functions of other files that are called, whose stack comes on top; sorted
};

/// Reads what GCC's -fcallgraph-info=su writes. Throws Error for a text that is none.
StackUse deepest_path(std::string_view callgraph);

/// One line: bytes of flash of `source`, compiled by arm-none-eabi-gcc at -Os, and of stack; or why they are not known.
std::string cortex_m4_note(const std::filesystem::path& source);

}  // namespace bitstate::experiments
