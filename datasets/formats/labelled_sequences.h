// Sequences of numbers with a label each, as archives of time series hold them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::datasets {

struct LabelledSequences {
  std::size_t columns = 0;            ///< numbers per step, at least 1
  std::vector<std::size_t> lengths;   ///< steps of each sequence, at least 1
  std::vector<double> x;              ///< the steps of all, one after the other [steps, columns], finite
  std::vector<std::string> labels;    ///< one per sequence, as the file has it; empty: it has none
  std::vector<std::string> declared;  ///< the classes that the file lists, in its order; may be empty
  bool values = false;                ///< the file says that labels are numbers to be predicted, not classes
  bool named = false;                 ///< the first row of a table was one of names
  std::vector<std::size_t> lines;     ///< of the file, where each sequence is; empty: it has no lines

  /// "a.ts, line 12" of a sequence, or "a.h5: sequence 3", from 0 on, where there are no lines.
  [[nodiscard]] std::string place(std::string_view file, std::size_t sequence) const;
};

/// The number that a cell of such a file is: NaN where it is empty, ? or NaN, which stand for a missing one. Throws
/// Error, beginning with `where`, for any other text, and for an infinity.
double sequence_value(std::string_view cell, std::string_view where);

/// Appends the sequence in a line of the file whose `dimensions` [columns][steps] have numbers, or NaN where one is
/// missing. Steps at its end that miss all of their numbers are not part of it: so files pad shorter sequences. Throws
/// Error, beginning with `where`, for dimensions of several lengths or of another number than before, for a missing
/// number before the end, and where no step is left; it counts steps and dimensions from 1 on.
void append_sequence(LabelledSequences& to, const std::vector<std::vector<double>>& dimensions, std::size_t line,
                     std::string_view where);

}  // namespace bitstate::datasets
