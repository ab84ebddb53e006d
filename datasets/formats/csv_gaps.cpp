#include "datasets/formats/csv_gaps.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

namespace bitstate::datasets {
namespace {

/// One sequence of a table: its rows begin to end - 1.
struct RowRange {
  std::size_t begin, end;
};

class GapFiller {
 public:
  GapFiller(Csv& table, std::string_view how, std::size_t classes, bool time)
      : table_(table),
        how_(how),
        time_(time),
        columns_(table.names.size()),
        first_class_(columns_ - classes - (time ? 1 : 0)) {}

  void fill() {
    std::vector<std::size_t> ends = std::exchange(table_.starts, {});
    ends.push_back(table_.rows);
    std::size_t begin = 0;
    for (const std::size_t end : ends) {
      if (how_ == "drop") {
        take_complete(begin, end);
      } else {
        take_filled({begin, end});
      }
      begin = end;
    }
    table_.values.resize(rows_ * columns_);
    note(table_.rows - rows_);
    table_.rows = rows_;
  }

 private:
  double& at(std::size_t row, std::size_t column) { return table_.values[row * columns_ + column]; }
  double when(std::size_t row) { return time_ ? at(row, columns_ - 1) : static_cast<double>(row); }
  bool is_there(std::size_t row, std::size_t column) { return !std::isnan(at(row, column)); }

  bool is_complete(std::size_t row) {
    const auto cells = std::span(table_.values).subspan(row * columns_, columns_);
    return std::none_of(cells.begin(), cells.end(), [](double number) { return std::isnan(number); });
  }

  /// Appends the rows of a sequence to those that are kept; there is room, for none was kept twice.
  void keep(const RowRange& sequence) {
    if (sequence.begin >= sequence.end) return;
    if (rows_ > 0) table_.starts.push_back(rows_);
    const auto from = table_.values.begin();
    std::copy(from + static_cast<std::ptrdiff_t>(sequence.begin * columns_),
              from + static_cast<std::ptrdiff_t>(sequence.end * columns_),
              from + static_cast<std::ptrdiff_t>(rows_ * columns_));
    rows_ += sequence.end - sequence.begin;
  }

  void take_complete(std::size_t row, std::size_t end) {
    for (std::size_t begin = row; begin < end; begin = row + 1) {
      for (row = begin; row < end && is_complete(row); ++row) {
      }
      keep({begin, row});
    }
  }

  void take_filled(const RowRange& sequence) {
    RowRange kept = sequence;
    for (std::size_t c = 0; c < columns_; ++c) {
      const auto [begin, end] = known_rows(sequence, c);
      kept.begin = std::max(kept.begin, begin);
      if (how_ == "linear") kept.end = std::min(kept.end, end);
    }
    for (std::size_t c = 0; c < columns_; ++c) fill_column(sequence.begin, kept, c);
    keep(kept);
  }

  /// The rows from the first to the last number of a column; empty at the end where it has none.
  RowRange known_rows(const RowRange& sequence, std::size_t column) {
    RowRange known = sequence;
    while (known.begin < known.end && !is_there(known.begin, column)) ++known.begin;
    while (known.begin < known.end && !is_there(known.end - 1, column)) --known.end;
    return known;
  }

  /// Fills the rows that are kept of a sequence that begins at `row`.
  void fill_column(std::size_t row, const RowRange& kept, std::size_t column) {
    while (row < kept.end && !is_there(row, column)) ++row;
    const bool line = how_ == "linear" && column < first_class_;
    for (std::size_t next = row; row < kept.end; row = next) {
      for (next = row + 1; next < kept.end && !is_there(next, column);) ++next;
      for (std::size_t i = std::max(row + 1, kept.begin); i < next; ++i, ++filled_) {
        const double share = line && next < kept.end ? (when(i) - when(row)) / (when(next) - when(row)) : 0.0;
        at(i, column) = share == 0.0 ? at(row, column) : (1.0 - share) * at(row, column) + share * at(next, column);
      }
    }
  }

  void note(std::size_t left_out) {
    const auto several = [](std::size_t n, std::string_view what) {
      return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
    };
    if (filled_ > 0) {
      table_.notes.push_back(several(filled_, "missing cell") + (how_ == "hold" ? " held" : " interpolated"));
    }
    if (left_out > 0) table_.notes.push_back(several(left_out, "row") + " with missing cells left out");
  }

  Csv& table_;
  std::string_view how_;
  bool time_;
  std::size_t columns_, first_class_;
  std::size_t rows_ = 0;  // kept so far
  std::size_t filled_ = 0;
};

}  // namespace

void fill_gaps(Csv& table, std::string_view how, std::size_t classes, bool time) {
  GapFiller(table, how, classes, time).fill();
}

}  // namespace bitstate::datasets
