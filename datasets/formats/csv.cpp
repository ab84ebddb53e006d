#include "datasets/formats/csv.h"

#include "core/error.h"
#include "datasets/formats/csv_gaps.h"
#include "datasets/formats/csv_reader.h"
#include "datasets/formats/csv_time.h"
#include "datasets/formats/text_file.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace bitstate::datasets {
namespace {

/// Takes the rows of a reader into a table, in which missing cells are NaN.
class TableBuilder {
 public:
  TableBuilder(CsvReader& reader, Csv& table, const TableSettings& settings)
      : reader_(reader), table_(table), settings_(settings) {}

  void take_row();
  /// After the last row: throws Error if cells are missing.
  void refuse_missing() const;
  [[nodiscard]] bool has_missing() const { return missing_ > 0; }
  /// After the last row, where the last column is the time.
  [[nodiscard]] TimeColumn time() const { return {reader_.has_dates(), table_.starts.size(), untimed_, lines_}; }

 private:
  bool takes_time();
  void take_empty_rows();
  void note_hole(std::size_t line, std::string sentence);

  CsvReader& reader_;
  Csv& table_;
  const TableSettings& settings_;
  std::vector<std::size_t> lines_;               // of rows with a time
  std::size_t untimed_ = 0;                      // rows without a time
  std::string last_time_;                        // the cell of the last row
  std::size_t empty_rows_ = 0, empty_line_ = 0;  // since the last row that is not empty; their first line
  std::size_t missing_ = 0;                      // cells
  std::size_t hole_line_ = 0;                    // of the first of them
  std::string hole_;                             // a sentence about it
};

void TableBuilder::note_hole(std::size_t line, std::string sentence) {
  if (hole_line_ != 0) return;
  hole_line_ = line;
  hole_ = std::move(sentence);
}

/// The table goes on behind rows that are empty.
void TableBuilder::take_empty_rows() {
  if (empty_rows_ == 0) return;
  constexpr std::size_t shown_names = 20;
  std::vector<std::string> names;  // each once
  for (const std::string& name : table_.names) {
    if (names.size() < shown_names && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  const bool one = names.size() == 1;
  note_hole(empty_line_,
            fmt::format("{} {} {} empty, but {} on in line {}: values are missing", one ? "column" : "the columns",
                        fmt::join(names, ", "), one ? "is" : "are", one ? "goes" : "go", reader_.rows().line()));
  table_.rows += empty_rows_;
  missing_ += empty_rows_ * table_.names.size();
  table_.values.resize(table_.rows * table_.names.size(), std::nan(""));
  empty_rows_ = 0;
}

/// Checks the order of the row's time; false where it is missing and the row is to be dropped.
bool TableBuilder::takes_time() {
  const CsvRows& rows = reader_.rows();
  const std::size_t columns = table_.names.size();
  const double time = reader_.numbers().back();
  const std::string_view cell = reader_.cell(columns - 1);
  if (std::isnan(time)) {
    if (settings_.missing == "drop" || settings_.missing == "keep") {
      ++untimed_;
      return false;
    }
    rows.refuse("column {}: the time is missing, got \"{}\"", table_.names.back(), cell);
  }
  const std::size_t first = table_.starts.empty() ? 0 : table_.starts.back();
  if (table_.rows > 0 && time <= table_.values.back()) {
    if (time > table_.values[(first + 1) * columns - 1]) {
      rows.refuse("column {}: the time goes from {} to {}: rows must be in order of time, or begin again",
                  table_.names.back(), last_time_, cell);
    }
    table_.starts.push_back(table_.rows);
  }
  last_time_ = cell;
  lines_.push_back(rows.line());
  return true;
}

void TableBuilder::take_row() {
  if (reader_.is_empty()) {
    if (empty_rows_++ == 0) empty_line_ = reader_.rows().line();
    return;
  }
  if (settings_.time.empty()) {
    take_empty_rows();
  } else if (!takes_time()) {
    return;
  }
  const auto& numbers = reader_.numbers();
  for (std::size_t c = 0; c < numbers.size(); ++c) {
    if (!std::isnan(numbers[c])) continue;
    ++missing_;
    if (hole_line_ != 0) continue;
    note_hole(reader_.rows().line(), fmt::format("column {}: expected a finite decimal number, got \"{}\"",
                                                 table_.names[c], reader_.cell(c).substr(0, shown_bytes)));
  }
  table_.values.insert(table_.values.end(), numbers.begin(), numbers.end());
  ++table_.rows;
}

void TableBuilder::refuse_missing() const {
  if (missing_ == 0) return;
  reader_.rows().refuse_at(
      hole_line_, "{} ({} missing in all; --missing=drop, hold or linear reads the table without {})", hole_,
      missing_ == 1 ? "1 cell is" : fmt::format("{} cells are", missing_), missing_ == 1 ? "it" : "them");
}

void remove_last_column(Csv& table) {
  const std::size_t columns = table.names.size() - 1;
  for (std::size_t row = 0; row < table.rows; ++row) {
    const auto from = table.values.begin() + static_cast<std::ptrdiff_t>(row * (columns + 1));
    std::copy(from, from + static_cast<std::ptrdiff_t>(columns),
              table.values.begin() + static_cast<std::ptrdiff_t>(row * columns));
  }
  table.values.resize(table.rows * columns);
  table.names.pop_back();
  table.positions.pop_back();
}

std::vector<std::string> notes_of(const TextFile& file) {
  std::vector<std::string> notes;
  if (file.compressed) notes.emplace_back("gzip");
  if (!file.encoding.empty()) notes.push_back(file.encoding);
  return notes;
}

}  // namespace

Csv read_csv(const std::filesystem::path& file, const std::vector<std::string>& columns, const TableSettings& settings,
             std::size_t classes, std::size_t max_bytes, Labels* labels) {
  const auto choose = [&](const std::vector<std::string>&, std::size_t) { return columns; };
  return read_csv_of(file, choose, settings, classes, max_bytes, labels);
}

Csv read_csv_of(const std::filesystem::path& file, const ChooseColumns& choose, const TableSettings& settings,
                std::size_t classes, std::size_t max_bytes, Labels* labels) {
  check_time_settings(settings);
  const TextFile text = read_text(file, max_bytes);
  CsvReader reader(file.string(), text.text, settings);
  reader.choose(choose(reader.header(), reader.columns()), settings.time, labels);
  const bool timed = !settings.time.empty();
  Csv table;
  TimeColumn time;
  bool missing = false;
  do {
    reader.signs().read_again();
    reader.start_again();
    table = Csv{};
    table.names = reader.names();
    table.positions = reader.positions();
    table.header = reader.header();
    TableBuilder builder(reader, table, settings);
    while (!reader.signs().changed() && reader.next()) builder.take_row();
    if (reader.signs().changed()) continue;
    reader.signs().check(reader.rows());
    if (settings.missing == "error") builder.refuse_missing();
    missing = builder.has_missing();
    if (timed) time = builder.time();
  } while (reader.signs().changed());
  require(table.rows > 0, "csv", "{} holds no row of numbers", file.string());
  table.notes = notes_of(text);
  for (std::string& note : reader.notes()) table.notes.push_back(std::move(note));
  if (timed) split_at_gaps(table, time, settings, reader.rows());
  if (missing && settings.missing != "keep") fill_gaps(table, settings.missing, classes, timed);
  require(table.rows > 0, "csv", "{} holds no row without missing cells", file.string());
  if (settings.is_resampled()) resample(table, time, settings, classes);
  if (timed) remove_last_column(table);
  if (!table.starts.empty()) table.notes.push_back(fmt::format("{} sequences", table.starts.size() + 1));
  return table;
}

}  // namespace bitstate::datasets
