// The official files of the data sets: where their publishers have them, how they are told from others, and where they
// are looked for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::datasets {

/// A file that an official file unpacks to.
struct Content {
  std::string_view name;
  std::string_view sha256;    ///< empty: none is known
  std::string_view sha256_b;  ///< of a second version that is as good; empty: there is none
};

/// A file as its publisher has it.
struct OfficialFile {
  std::string_view name;  ///< in a data folder
  std::string_view url;
  std::uint64_t bytes;        ///< 0: not known
  std::string_view sha256;    ///< empty: none is published
  std::string_view unpacked;  ///< usual folder of its contents; they may also lie in the data folder itself
  std::vector<Content> contents;
};

/// The files that one or several data sets are read from.
struct Source {
  std::string_view name;  ///< also the subfolder of a data folder in which they are looked for
  std::vector<std::string_view> datasets;
  std::vector<OfficialFile> files;
  std::string_view unpack;  ///< the command that makes the files readable; empty: they are read as they are
};

/// The files of a data set (smnist, lra-cifar, ...) or of a source itself (mnist, cifar10, ...). UsageError for a name
/// that has none; the sentence lists those that have.
const Source& source_of(std::string_view name);

/// How to make such data, where they can be; what to download from where, its checksums, and the command that does it.
std::string advice(std::string_view name);

/// What there is of a file in `folder`: its contents if all are there, else the file itself, else nothing.
std::vector<std::filesystem::path> found_files(const OfficialFile& file, const std::filesystem::path& folder);

/// The data folder: `data_option` if it is not empty, else $BITSTATE_DATA. Error with the advice if neither is given.
/// `other_advice`, if it is not empty, stands for it.
std::filesystem::path data_folder(std::string_view name, const std::filesystem::path& data_option,
                                  std::string_view other_advice = {});

/// The folder with the files of `name`: data_folder() itself or its subfolder named as the source. Where the files must
/// be unpacked only their contents count; where those are not listed (lra) it is for the loader to find them. Throws
/// Error saying what is missing, where to get it and its checksums.
std::filesystem::path find_data(std::string_view name, const std::filesystem::path& data_option);

/// The verdict on one file of a data set.
struct CheckedFile {
  std::string file;     ///< name of what is there, or of what is missing
  bool ok = false;      ///< it is there and nothing is wrong with it
  std::string verdict;  ///< "ok", "missing", "no published checksum", "sha256 ... is not the official ..."
};

/// Verifies size and checksum of what found_files() finds of `file` in `folder`.
std::vector<CheckedFile> check_file(const OfficialFile& file, const std::filesystem::path& folder);

/// check_file() of all files of `name`.
std::vector<CheckedFile> data_check(std::string_view name, const std::filesystem::path& folder);

}  // namespace bitstate::datasets
