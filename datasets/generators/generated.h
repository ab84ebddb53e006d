// Generated data sets on disk: three files of lines beside the options they were made with.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::datasets {

/// Called now and then, never by two threads at once: `done` of `total` examples exist.
using Progress = std::function<void(std::size_t done, std::size_t total)>;

/// A file of a generated data set and its number of examples.
struct GeneratedPart {
  std::string_view file;
  std::size_t examples;
};
using GeneratedParts = std::array<GeneratedPart, 3>;

/// Whether the folder `out` (created if absent) holds the finished `parts`, made with these options ("key = value"
/// lines). If not, the parts may be written. Throws UsageError where `out` holds parts of other options, naming those
/// that differ, or such files of unknown origin.
bool already_generated(const std::filesystem::path& out, std::string_view options, const GeneratedParts& parts);

/// Writes `parts` to the folder `out`, each beginning with `header` and filled to its number of lines before the next.
/// next_batch() is called until there are enough lines; the surplus of the last batch is dropped. The files appear
/// together, with out/options.txt, when all are complete: whatever is thrown before leaves the folder as it was. What a
/// killed run left of them is removed.
void write_parts(const std::filesystem::path& out, std::string_view options, const GeneratedParts& parts,
                 std::string_view header, const std::function<std::vector<std::string>()>& next_batch,
                 const Progress& progress);

}  // namespace bitstate::datasets
