#include "models/model.h"

#include "core/error.h"

#include <numeric>

namespace bitstate {

std::string_view name_of(Output output) {
  switch (output) {
    case Output::class_per_sequence:
      return "a class per sequence";
    case Output::class_per_step:
      return "a class per step";
    case Output::values_per_step:
      return "values per step";
    case Output::values_per_sequence:
      return "values per sequence";
  }
  return "";
}

Value Model::forward(Tape& tape, const Batch& batch) const {
  const Value y = held_->forward(tape, batch);
  if (batch.ends_early()) return y;
  const OutputSpec spec = output();
  require(spec.sequences > 0, "model", "its output() has no sequence per example");
  const auto& rows = batch.sequences.rows;
  const std::size_t expected = is_per_step(spec.output) ? std::accumulate(rows.begin(), rows.end(), std::size_t{0})
                                                        : batch.sequences.count() / spec.sequences;
  require(tape[y].rows == expected, "model",
          "its output is {}: {} sequences, {} per example, need {} rows, but forward() gave {}", name_of(spec.output),
          batch.sequences.count(), spec.sequences, expected, tape[y].rows);
  return y;
}

}  // namespace bitstate
