// The files of a data set that has one for training, one for validation and one for the test.
#pragma once

#include <array>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace bitstate::datasets {

/// The three files of a data set.
struct PartFiles {
  std::filesystem::path train, validation, test;

  /// SHA-256 of the three contents' checksums.
  [[nodiscard]] std::string digest() const;
};

/// The files of the data set `name`, called `files`, in `folder` or in the first of its `subfolders` that has the
/// training file. Throws Error saying which files are missing, with the advice on the data set.
PartFiles find_part_files(std::string_view name, const std::filesystem::path& folder,
                          std::span<const std::string_view> subfolders, const std::array<std::string_view, 3>& files);

}  // namespace bitstate::datasets
