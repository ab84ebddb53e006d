// Figures and settings as people read them.
#pragma once

#include "experiments/results/statistics.h"

#include <string>
#include <string_view>

namespace bitstate::experiments {

/// Whether larger is better.
bool larger_is_better(std::string_view metric);

/// A value of a metric as people read it: accuracy in per cent, others with four digits.
std::string metric_text(std::string_view metric, double value);

/// "97.61 ± 0.12", "97.61" for one run, "–" for none.
std::string statistic_text(std::string_view metric, const Statistic& statistic);

/// "−0.41 [−0.62, −0.20]": the mean difference and its 95 % interval, if it has one, with as many decimals as `beside`,
/// a value of the metric, is shown with; "–" without a pair.
std::string difference_text(std::string_view metric, const Statistic& difference, double beside);

/// The title of a metric in a table: "test accuracy, %".
std::string metric_title(std::string_view metric);

/// A setting as a table shows it: "none" of a quantization option is "float".
std::string value_text(std::string_view column, std::string_view value);

}  // namespace bitstate::experiments
