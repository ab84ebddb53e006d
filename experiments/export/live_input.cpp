#include "experiments/export/live_input.h"

#include "core/error.h"
#include "datasets/formats/text_file.h"
#include "experiments/export/program_columns.h"
#include "experiments/export/program_input.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace bitstate::experiments {
namespace {

constexpr std::size_t longest_line = std::size_t{1} << 24;
constexpr std::size_t longest_head = std::size_t{1} << 26;

bool holds_row(std::string_view line) {
  datasets::TableSettings any_separator;
  any_separator.separator = "comma";
  return datasets::CsvRows("", line, any_separator).next();
}

}  // namespace

LiveInput::LiveInput(const program::Program& program, int descriptor, std::string name,
                     const datasets::TableSettings& settings)
    : program_(program), name_(std::move(name)), settings_(settings), lines_(descriptor, name_, longest_line) {
  require<UsageError>(settings.missing != "linear", "missing",
                      "linear needs the rows that follow, which a stream has not yet; expected error, drop or hold");
  require<UsageError>(settings.time.empty() && !settings.is_resampled(), "time",
                      "is for files; a stream is one sequence of equal steps");
  read_head();
  reader_->choose(columns_of(program_, reader_->header(), reader_->columns(), name_));
}

/// Reads up to the first row, and where that is one of names to the one behind it.
void LiveInput::read_head() {
  std::size_t rows = 0;
  for (std::size_t number = 0; rows == 0 || (rows == 1 && reader_->names_come_first()); ++number) {
    if (!lines_.next()) break;
    require(head_.size() + lines_.line().size() <= longest_head, name_, "has no row of numbers in its first {} bytes",
            longest_head);
    head_ += lines_.line();
    if (number < settings_.skip || !holds_row(lines_.line())) continue;
    require(!head_.starts_with("\xFF\xFE") && !head_.starts_with("\xFE\xFF"), name_,
            "is UTF-16; a stream has to be UTF-8");
    require(!head_.starts_with("\x1F\x8B"), name_, "is compressed with gzip; unpack it with zcat");
    head_ = datasets::decoded(std::move(head_), name_).text;
    reader_.emplace(name_, head_, settings_);
    ++rows;
  }
  reader_.emplace(name_, head_, settings_);  // anew: the text has grown since; or it says that there is no row
}

bool LiveInput::next_row() {
  while (!reader_->next()) {
    if (!lines_.next()) return false;
    reader_->go_on(lines_.line());
  }
  const auto& rows = reader_->rows();
  if (reader_->signs().changed()) {
    rows.refuse("numbers before this line were read with another decimal sign: say which it is with --decimal");
  }
  reader_->signs().check(rows);
  return true;
}

/// Puts what was held in the place of missing numbers; false where the row is to be dropped.
bool LiveInput::fill(std::vector<double>& numbers) {
  const auto is_missing = [](double number) { return std::isnan(number); };
  const auto missing = std::find_if(numbers.begin(), numbers.end(), is_missing);
  if (missing == numbers.end()) return true;
  if (settings_.missing == "error") {
    const auto column = static_cast<std::size_t>(missing - numbers.begin());
    reader_->rows().refuse("column {}: expected a finite decimal number, got \"{}\" (--missing=drop or hold reads on)",
                           reader_->names()[column], reader_->cell(column));
  }
  if (settings_.missing == "drop" || last_.empty()) return false;
  for (std::size_t c = 0; c < numbers.size(); ++c) {
    if (is_missing(numbers[c])) numbers[c] = last_[c];
  }
  return true;
}

bool LiveInput::next(std::vector<std::int32_t>& codes) {
  begins_ = false;
  while (next_row()) {
    std::vector<double> numbers = reader_->numbers();
    if (!fill(numbers)) {
      begins_ = begins_ || !last_.empty();
      continue;
    }
    codes = encoded(program_, numbers, fmt::format("{}, line {}", name_, reader_->rows().line()));
    last_ = std::move(numbers);
    return true;
  }
  return false;
}

std::string LiveInput::said() const {
  const auto notes = reader_->notes();
  return fmt::format("{}{}{}", name_, columns_text(reader_->header(), reader_->names()),
                     notes.empty() ? "" : fmt::format(" ({})", fmt::join(notes, ", ")));
}

}  // namespace bitstate::experiments
