// What the figures of a report are made of.
#pragma once

#include "experiments/plots/plot.h"
#include "experiments/report/pivot.h"
#include "experiments/results/rows.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::experiments {

/// Rows with a result that are tested on the same data, at least one.
using RowGroup = std::vector<const ReportRow*>;

/// A value of a metric as it is drawn: accuracies in per cent.
double shown(std::string_view metric, double value);

/// The mean over the seeds at a place x, with its 95 % interval.
PlotPoint point_of(const ReportRow& row, double x);

/// A place on an axis of bits: where there are none, it is float.
struct BitPlace {
  std::vector<std::string> rest;  ///< what the row is otherwise
  std::string family;             ///< of rules; empty of a bit width
  std::optional<double> bits;
};

/// Nothing where a column is no number of bits.
std::optional<BitPlace> bit_place(const Report& report, const ReportRow& row, std::size_t column);

/// The metric of `rows` against the bits in a column, and what Q-S5 published for them beside it, where there is
/// something. A series is what is otherwise the same. Nothing unless one has two widths.
std::optional<Plot> metric_against_bits(const Report& report, const RowGroup& rows, std::size_t column);

/// Likewise the paired difference to float with its 95 % interval.
std::optional<Plot> difference_against_bits(const Report& report, const RowGroup& rows, std::size_t column);

/// The metric of `rows` against what they cost, with the Pareto front. A few rows, and those with labels, have a mark
/// each. Of more, those that differ in numbers of bits alone share one. Nothing unless costs differ.
std::optional<Plot> against_cost(const Report& report, const RowGroup& rows, std::optional<double> ReportRow::*cost,
                                 const std::string& label, bool with_published);

/// What `bitstate allocate` measured: the metric on validation data against bytes, a series for each kind.
Plot allocation_plot(const std::vector<AllocatedModel>& models, std::string_view metric);

/// Of a grid, with the better values in the deeper colours. Nothing unless it has two rows and columns, and results
/// that are all comparable.
std::optional<HeatMap> heat_map(const Report& report, const PivotGrid& grid);

}  // namespace bitstate::experiments
