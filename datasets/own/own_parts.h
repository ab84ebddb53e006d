// The files of the user's own data: which part each belongs to, and what is none.
#pragma once

#include <filesystem>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::datasets {

/// Whether a file's name ends in one of these, in small or capital letters.
bool has_ending(const std::filesystem::path& file, std::initializer_list<std::string_view> endings);
bool is_table(const std::filesystem::path& file);  ///< .csv, .tsv or .dat, or one of them or .txt with .gz behind it
bool is_hdf5(const std::filesystem::path& file);
bool is_arrays(const std::filesystem::path& file);  ///< .h5, .hdf5, .npz or .mat
/// Whether it is such a file, or a folder that holds one; a folder that also holds tables is one of series.
bool holds_arrays(const std::filesystem::path& file_or_folder);
/// The folders in a folder that hold .wav files, whose names are their labels.
std::vector<std::filesystem::path> class_folders(const std::filesystem::path& folder);
bool is_text(const std::filesystem::path& file);    ///< .txt
bool is_tokens(const std::filesystem::path& file);  ///< .npy or .txt

/// Names of the validation part. A data set may have one of them.
inline constexpr const char* validation_names[] = {"validation", "val", "valid", "dev"};

/// The file or folder of each part; `validation` may be empty.
struct OwnFiles {
  std::filesystem::path train{}, validation{}, test{};
};

/// Where the data are: in one file that is to be cut, or in parts.
struct OwnSource {
  std::filesystem::path whole{};       ///< empty where there are parts
  OwnFiles parts{};                    ///< the test part alone, for a model that is trained, or training and test part
  std::vector<std::string> ignored{};  ///< names of what is neither hidden nor a part

  /// What says of which kind all are.
  [[nodiscard]] const std::filesystem::path& first() const {
    return !whole.empty() ? whole : !parts.train.empty() ? parts.train : parts.test;
  }
};

/// The parts in a folder: entries that are called train, test and, optionally, validation, each a file of data or a
/// folder; or else files whose names end in _train, _test and so on, as those of the UCR and UEA archives: of several
/// of the same name a .ts, an .arff, a .tsv, in this order. Small or capital letters. A folder without any part that
/// has at least 10 files of data, or folders of .wav files, is a whole. Throws Error where a part is there twice, and
/// where train or test is missing.
OwnSource find_parts(const std::filesystem::path& folder);

/// Where the data are: in `parts`, or, without any, in a file or folder. Throws UsageError where a part is missing; a
/// model that is `trained` needs the test part alone.
OwnSource source_of(const std::filesystem::path& file_or_folder, const OwnFiles& parts, bool trained);

/// The files of a part that are data, which have the `ending`, by name, or the file that it is. Names of what is
/// neither hidden nor one are appended to `ignored`. Throws Error if there is none.
std::vector<std::filesystem::path> data_files(const std::filesystem::path& part,
                                              const std::function<bool(const std::filesystem::path&)>& is_data,
                                              std::string_view ending, std::vector<std::string>& ignored);

/// The tables of a part, or, where it has none, its .txt files, as data_files() does.
std::vector<std::filesystem::path> table_files(const std::filesystem::path& part, std::vector<std::string>& ignored);

/// Whether a part is, or is a folder that holds, a .txt file, and no .npy file.
bool holds_texts(const std::filesystem::path& part);

/// "; not read: a, b" or "".
std::string not_read(const std::vector<std::string>& ignored);

}  // namespace bitstate::datasets
