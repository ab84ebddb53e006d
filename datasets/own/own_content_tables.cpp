#include "core/error.h"
#include "core/text.h"
#include "datasets/formats/csv.h"
#include "datasets/formats/csv_names.h"
#include "datasets/formats/csv_reader.h"
#include "datasets/formats/text_file.h"
#include "datasets/labels.h"
#include "datasets/own/own_content.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <set>
#include <utility>

namespace bitstate::datasets {
namespace {

constexpr std::size_t max_table_bytes = std::size_t{1} << 30;
constexpr std::size_t most_texts = 1000;  // that are counted one by one

/// What the cells of a column are.
struct Cells {
  std::string name;
  std::string role;
  std::size_t numbers = 0, dates = 0, texts = 0, missing = 0;
  std::map<std::string, std::size_t> counts;  // of texts
  std::vector<double> read;                   // NaN: missing

  [[nodiscard]] bool are_numbers() const { return texts == 0 && dates == 0; }
};

/// `label`: it is one of a class.
void count_cell(std::string_view cell, bool label, Cells& cells) {
  if (label ? is_missing_label(cell) : is_missing(cell)) {
    ++cells.missing;
  } else if (const auto number = number_in(cell); number && std::isfinite(*number)) {
    ++cells.numbers;
  } else if (date_in(cell)) {
    ++cells.dates;
  } else {
    ++cells.texts;
    std::string text = unquoted(cell);
    if (const auto known = cells.counts.find(text); known != cells.counts.end()) {
      ++known->second;
    } else if (cells.counts.size() < most_texts) {
      cells.counts.emplace(std::move(text), 1);
    }
  }
}

/// The cells of all columns of a table.
std::vector<Cells> cells_in(const std::filesystem::path& file, const OwnSettings& own) {
  const TextFile text = read_text(file, max_table_bytes);
  CsvReader reader(file.string(), text.text, own.table);
  reader.choose({});
  std::vector<Cells> columns(reader.columns());
  for (std::size_t c = 0; c < columns.size(); ++c) columns[c].name = reader.names()[c];
  const auto position = [&](const std::string& column) {
    return position_of(column, reader.header(), reader.columns(), file.string());
  };
  for (const std::string& column : split(own.target, ",")) columns[position(column)].role = "target";
  for (const std::string& column : split(own.input, ",")) {
    std::string& role = columns[position(column)].role;
    role += role.empty() ? "input" : ", input";
  }
  if (!own.table.time.empty()) {
    std::string& role = columns[position(own.table.time)].role;
    role += role.empty() ? "time" : ", time";
  }
  while (reader.next_cells()) {
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const bool label = own.task == "classification" && columns[c].role == "target";
      count_cell(reader.rows().cells()[c], label, columns[c]);
    }
  }
  return columns;
}

/// Reads the columns that hold numbers, in which missing cells are NaN.
Csv read_numbers(const std::filesystem::path& file, const OwnSettings& own, const std::vector<Cells>& columns) {
  TableSettings settings = own.table;
  settings.missing = "keep";
  const auto numbers = [&](const std::vector<std::string>& header, std::size_t) {
    std::vector<std::string> names;
    for (std::size_t c = 0; c < columns.size(); ++c) {
      if (!columns[c].are_numbers()) continue;
      const bool unique = !header.empty() && std::count(header.begin(), header.end(), header[c]) == 1;
      names.push_back(unique ? header[c] : std::to_string(c));
    }
    return names;
  };
  return read_csv_of(file, numbers, settings, 0, max_table_bytes);
}

/// The tables of a part, whose columns are joined by name.
class TableContent {
 public:
  explicit TableContent(const OwnSettings& own) : own_(own) {}

  void add(const std::filesystem::path& file) {
    std::vector<Cells> columns = cells_in(file, own_);
    ++files_;
    const Cells& first = columns.front();
    std::size_t rows = first.numbers + first.dates + first.texts + first.missing;
    if (std::any_of(columns.begin(), columns.end(), [](const Cells& c) { return c.are_numbers(); })) {
      const Csv table = read_numbers(file, own_, columns);
      rows = table.rows;
      sequences_ += table.starts.size();
      notes_.insert(table.notes.begin(), table.notes.end());
      for (std::size_t c = 0; c < table.positions.size(); ++c) {
        std::vector<double>& read = columns[table.positions[c]].read;
        for (std::size_t row = 0; row < rows; ++row) read.push_back(table.values[row * table.positions.size() + c]);
      }
    }
    ++sequences_;
    rows_ += rows;
    for (Cells& column : columns) join(std::move(column));
  }

  [[nodiscard]] PartContent content() const {
    PartContent part;
    part.what = fmt::format("{} row{} in {} sequence{} of {} file{}, {} column{}{}", rows_, rows_ == 1 ? "" : "s",
                            sequences_, sequences_ == 1 ? "" : "s", files_, files_ == 1 ? "" : "s", columns_.size(),
                            columns_.size() == 1 ? "" : "s",
                            notes_.empty() ? "" : fmt::format(" ({})", fmt::join(notes_, ", ")));
    for (const Cells& cells : columns_) part.columns.push_back(column_of(cells));
    return part;
  }

 private:
  void join(Cells&& more) {
    const auto known =
        std::find_if(columns_.begin(), columns_.end(), [&](const Cells& c) { return c.name == more.name; });
    if (known == columns_.end() || files_ == 1) {
      columns_.push_back(std::move(more));
      return;
    }
    known->numbers += more.numbers, known->dates += more.dates;
    known->texts += more.texts, known->missing += more.missing;
    for (const auto& [text, count] : more.counts) known->counts[text] += count;
    known->read.insert(known->read.end(), more.read.begin(), more.read.end());
  }

  static ColumnContent column_of(const Cells& cells) {
    ColumnContent column;
    if (cells.are_numbers()) {
      column = column_of_numbers(cells.name, cells.read);
    } else {
      column = column_of_texts(cells.name, cells.counts);
      column.filled = cells.numbers + cells.dates + cells.texts;
      column.missing = cells.missing;
      if (cells.counts.size() >= most_texts) column.distinct = 0;
      if (cells.texts == 0) column.kind = cells.numbers == 0 ? "dates" : "dates and numbers";
      if (cells.texts > 0 && cells.numbers > 0) {
        column.note = fmt::format("{} of {} cells are numbers", cells.numbers, column.filled);
      }
    }
    column.role = cells.role;
    return column;
  }

  const OwnSettings& own_;
  std::vector<Cells> columns_;
  std::set<std::string> notes_;
  std::size_t files_ = 0, rows_ = 0, sequences_ = 0;
};

}  // namespace

PartContent content_of_tables(const std::vector<std::filesystem::path>& files, const OwnSettings& own) {
  TableContent tables(own);
  for (const std::filesystem::path& file : files) tables.add(file);
  return tables.content();
}

}  // namespace bitstate::datasets
