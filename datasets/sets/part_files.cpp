#include "datasets/sets/part_files.h"

#include "core/error.h"
#include "core/io/sha256.h"
#include "datasets/catalog.h"

#include <fmt/ranges.h>

#include <system_error>
#include <vector>

namespace bitstate::datasets {

namespace fs = std::filesystem;

std::string PartFiles::digest() const {
  return sha256_hex(sha256_file(train) + sha256_file(validation) + sha256_file(test));
}

PartFiles find_part_files(std::string_view name, const fs::path& folder, std::span<const std::string_view> subfolders,
                          const std::array<std::string_view, 3>& files) {
  fs::path found = folder;
  std::error_code ignored;
  for (const std::string_view subfolder : subfolders) {
    if (fs::is_regular_file(found / files[0], ignored)) break;
    if (fs::is_regular_file(folder / subfolder / files[0], ignored)) found = folder / subfolder;
  }
  std::vector<std::string_view> missing;
  for (const std::string_view file : files) {
    if (!fs::is_regular_file(found / file, ignored)) missing.push_back(file);
  }
  require(missing.empty(), found.string(), "lacks {} (as do its folders {}); {}", fmt::join(missing, ", "),
          fmt::join(subfolders, ", "), advice(name));
  return {found / files[0], found / files[1], found / files[2]};
}

}  // namespace bitstate::datasets
