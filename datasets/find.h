// Where the files of a data set lie.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

namespace bitstate::datasets {

/// The names by which the files of a data set are recognised.
struct SourceNames {
  std::string_view name;                        ///< of the data set, in errors
  std::vector<std::string_view> folders = {};   ///< usual names of its folder
  std::vector<std::string_view> members = {};   ///< a folder with one of these is it; any folder, if there are none
  std::vector<std::string_view> archives = {};  ///< globs of the file names under which it is distributed, packed
};

/// The folder or archive of a data set: the folder (or archive) that the user named, or one with these members or
/// archives in it or in its subfolders of the usual names; the user names it by `data_option` or $BITSTATE_DATA. Throws
/// Error saying what is missing and where to get it.
std::filesystem::path find_source(const SourceNames& names, const std::filesystem::path& data_option);

}  // namespace bitstate::datasets
