// The files below a folder or in a tar archive (plain, .gz, .xz or .bz2), one after the other.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace bitstate::datasets {

/// What reading an archive may cost at most.
struct ArchiveLimits {
  std::size_t entries = 1'000'000;
  std::size_t file_bytes = std::size_t{1} << 28;   ///< of one file that is wanted
  std::size_t total_bytes = std::size_t{1} << 32;  ///< of the uncompressed archive, wanted or not; at most 1032 times
                                                   ///< its file
};

/// Calls read(name, content) for every regular file of `source` whose name `wanted` accepts. Names are relative, with
/// slashes: "aclImdb/train/pos/0_9.txt". Of a folder they come sorted, of an archive in its order. Nothing is written
/// to disk. Throws Error naming the archive and the member for damaged archives, for absolute names and names with
/// "..", for links among the wanted, and where a limit is exceeded, before the bytes are kept.
void for_each_file(const std::filesystem::path& source, const std::function<bool(std::string_view)>& wanted,
                   const std::function<void(std::string_view, std::string)>& read, const ArchiveLimits& limits = {});

/// SHA-256 over what for_each_file() would show: of a folder the wanted files' names and contents, of an archive the
/// archive's own bytes.
std::string source_digest(const std::filesystem::path& source, const std::function<bool(std::string_view)>& wanted);

}  // namespace bitstate::datasets
