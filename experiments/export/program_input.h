// Files of input sequences for an integer program.
#pragma once

#include "core/program/program.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace bitstate::experiments {

/// The input codes of every sequence in `file`, by its name:
///   .csv       one sequence: one step per line, `cols` numbers in each (datasets/formats/csv.h)
///   .h5        a dataset x [N, L, cols] or, for one column, [N, L], and, if not all steps are true, length [N]
///   idx, .gz   images [N, rows, columns]: a pixel a step, pixel / 255 (psmnist: in its order)
/// Real numbers are those of the user's data: they are standardised by the program's units as the data set was.
/// Programs of tokens read token ids. Throws UsageError for another kind of file, Error naming the file, the place and
/// what is allowed for one that is damaged, does not fit the program, or holds a NaN or an infinity. `said` gets a line
/// that says what was read.
std::vector<std::vector<std::int32_t>> read_sequences(const program::Program& program,
                                                      const std::filesystem::path& file, std::string* said = nullptr);

}  // namespace bitstate::experiments
