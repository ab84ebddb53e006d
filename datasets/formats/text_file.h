// Text as people have it: in UTF-8, UTF-16 or Latin-1, and perhaps compressed.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace bitstate::datasets {

/// What was read, and what was done to read it.
struct TextFile {
  std::string text;      ///< UTF-8, without a mark
  std::string encoding;  ///< UTF-16 or Latin-1; empty: UTF-8
  bool compressed = false;
};

/// Text in UTF-8. UTF-16 is told by its mark, or by zeros in every other of the first bytes; what is no UTF-8 is
/// Latin-1. Throws Error naming `file` where UTF-16 is cut or has half a pair.
TextFile decoded(std::string bytes, std::string_view file);

/// A file, which is gzip if it begins so: with checksums that are right, of any number of members. Throws Error naming
/// the file where it is damaged, cut, or longer than `max_bytes`, compressed or not.
TextFile read_text(const std::filesystem::path& file, std::size_t max_bytes);

}  // namespace bitstate::datasets
