// Where the files of exported C go, and what a build system finds around them.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bitstate::experiments {

/// The folder of an export, as its user takes it in.
struct CLayout {
  std::filesystem::path header, source, self_test;                        ///< relative to the folder
  bool bare = false;                                                      ///< the self-test shall have no main()
  std::vector<std::pair<std::filesystem::path, std::string>> files = {};  ///< others and their text
};

/// `layout` is one of
///   plain    the three files
///   cmake    a project with the target `name`, for FetchContent and add_subdirectory
///   arduino  a library for the Arduino IDE, whose example runs the self-test
///   zephyr   a Zephyr module
/// Throws UsageError for another word.
CLayout c_layout(std::string_view layout, const std::string& name);

}  // namespace bitstate::experiments
