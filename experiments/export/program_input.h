// Files of input sequences for an integer program.
#pragma once

#include "core/program/program.h"
#include "datasets/formats/table_settings.h"

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::experiments {

/// The input codes of every sequence in `file`, by its name:
///   a table    (.csv, .tsv, .dat, .txt, perhaps .gz) a step per line, in the columns that columns_of() says; one
///              sequence, or those into which its settings part it (datasets/formats/csv.h)
///   .h5, .npz, .mat  an array x [N, L, cols] or, for one column, [N, L], and, if not all steps are true, length [N]
///   .ts, .arff, .wav, or a table whose rows are sequences, as in the run that trained the program: without labels
///   idx, .gz   images [N, rows, columns]: a pixel a step, pixel / 255 (psmnist: in its order)
/// Real numbers are those of the user's data: they are standardised by the program's units as the data set was.
/// Programs of tokens read token ids. Throws UsageError for another kind of file, Error naming the file, the place and
/// what is allowed for one that is damaged, does not fit the program, or holds a NaN or an infinity. `said` gets a line
/// that says what was read.
std::vector<std::vector<std::int32_t>> read_sequences(const program::Program& program,
                                                      const std::filesystem::path& file, std::string* said = nullptr,
                                                      const datasets::TableSettings& settings = {});

/// The input codes of values as they are in a file, of which `where` is the place. Throws as read_sequences().
std::vector<std::int32_t> encoded(const program::Program& program, std::span<const double> values,
                                  std::string_view where);

}  // namespace bitstate::experiments
