// The files of the user's own data: which part each belongs to, and what is none.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::datasets {

/// Whether a file's name ends so, in small or capital letters.
bool is_table(const std::filesystem::path& file);  ///< .csv, .tsv or .dat, or one of them or .txt with .gz behind it
bool is_hdf5(const std::filesystem::path& file);
bool is_text(const std::filesystem::path& file);    ///< .txt
bool is_tokens(const std::filesystem::path& file);  ///< .npy or .txt

/// Names of the validation part. A data set may have one of them.
inline constexpr const char* validation_names[] = {"validation", "val", "valid", "dev"};

/// The file or folder of each part; `validation` may be empty.
struct OwnFiles {
  std::filesystem::path train, validation, test;
};

/// The parts in a folder: files train.csv (or another table), train.h5, train.hdf5, train.npy, train.txt or a folder
/// train, likewise validation and test, in small or capital letters. Names of what is neither hidden nor a part are
/// appended to `ignored`. Throws Error where a part is there twice, and where train or test is missing.
OwnFiles find_parts(const std::filesystem::path& folder, std::vector<std::string>& ignored);

/// The files of a part that are data, which have the `ending`, by name, or the file that it is. Names of what is
/// neither hidden nor one are appended to `ignored`. Throws Error if there is none.
std::vector<std::filesystem::path> data_files(const std::filesystem::path& part,
                                              bool (*is_data)(const std::filesystem::path&), std::string_view ending,
                                              std::vector<std::string>& ignored);

/// The tables of a part, or, where it has none, its .txt files, as data_files() does.
std::vector<std::filesystem::path> table_files(const std::filesystem::path& part, std::vector<std::string>& ignored);

/// Whether a part is, or is a folder that holds, a .txt file, and no .npy file.
bool holds_texts(const std::filesystem::path& part);

/// "; not read: a, b" or "".
std::string not_read(const std::vector<std::string>& ignored);

}  // namespace bitstate::datasets
