// What the user's own files hold, as it is read and before anything is chosen, cut or standardised.
#pragma once

#include "datasets/own/column_content.h"
#include "datasets/own/own.h"

#include <filesystem>
#include <string>
#include <vector>

namespace bitstate::datasets {

/// What a part holds, or all that is not parted.
struct PartContent {
  std::string name;  ///< training, validation or test; empty: there are no parts
  std::string what;  ///< "100 rows in 1 sequence of 1 file, 3 columns"
  std::vector<ColumnContent> columns{};
};

/// What the data hold that own_data() reads, also where it would refuse them because cells are missing, columns have
/// no numbers, or nothing is chosen yet: all columns of tables, all arrays of files of arrays. own.input, own.target,
/// own.time, own.x and own.y say which roles columns have. Throws UsageError for a column that is not there and what is
/// no file of data, Error for what is damaged.
std::vector<PartContent> own_content(const std::filesystem::path& file_or_folder, const OwnSettings& own);

/// The columns of tables.
PartContent content_of_tables(const std::vector<std::filesystem::path>& files, const OwnSettings& own);

}  // namespace bitstate::datasets
