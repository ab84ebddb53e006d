// Steps of a program that come line by line.
#pragma once

#include "core/program/program.h"
#include "datasets/formats/csv_reader.h"
#include "datasets/formats/lines.h"
#include "datasets/formats/table_settings.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bitstate::experiments {

/// A table with a step per line, as read_sequences() takes them from files: the codes of each as soon as its line has
/// come. Its first row is read with the constructor, where it is one of names with the next one. The separator, names
/// and decimal signs are told from what has come.
class LiveInput {
 public:
  /// Reads from the descriptor, called `name` in messages. Throws UsageError for settings that need the lines behind a
  /// step (missing=linear) or its time, and as the reader does for what is no table.
  LiveInput(const program::Program& program, int descriptor, std::string name, const datasets::TableSettings& settings);

  /// The codes of the next step [cols]; false at the end of the input.
  bool next(std::vector<std::int32_t>& codes);
  /// The step does not follow the one before: a row between them was dropped.
  [[nodiscard]] bool begins() const { return begins_; }
  /// "standard input with the header t,u"
  [[nodiscard]] std::string said() const;

 private:
  void read_head();
  bool next_row();
  bool fill(std::vector<double>& numbers);

  const program::Program& program_;
  std::string name_;
  datasets::TableSettings settings_;
  datasets::LiveLines lines_;
  std::string head_;  // the lines up to the first row
  std::optional<datasets::CsvReader> reader_;
  std::vector<double> last_;  // step
  bool begins_ = false;
};

}  // namespace bitstate::experiments
