#include "experiments/results/texts.h"

#include "experiments/host/text_table.h"
#include "experiments/settings/options.h"

#include <fmt/format.h>

#include <cmath>
#include <cstddef>

namespace bitstate::experiments {

namespace {

/// Of a number's text.
std::size_t decimals(std::string_view text) {
  const auto point = text.find('.');
  return point == text.npos ? 0 : text.size() - point - 1;
}

/// With its sign, unless it rounds to zero, and as many decimals as the text of `beside` has.
std::string signed_text(std::string_view metric, double value, std::string_view beside) {
  if (metric == "accuracy") value *= 100.0;
  const bool scientific = beside.find('e') != beside.npos;
  const std::string text =
      scientific ? fmt::format("{:+.1e}", value) : fmt::format("{:+.{}f}", value, decimals(beside));
  if (text.find_first_of("123456789") == text.npos) return text.substr(1);
  return text.front() == '-' ? "−" + text.substr(1) : text;
}

}  // namespace

bool larger_is_better(std::string_view metric) { return metric == "accuracy"; }

std::string metric_title(std::string_view metric) {
  if (metric == "accuracy") return "test accuracy, %";
  if (metric == "mse") return "test MSE";
  if (metric == "rmse") return "test RMSE";
  if (metric == "smape") return "test sMAPE";
  if (metric == "bits_per_byte") return "test bits per byte";
  if (metric == "bits_per_token") return "test bits per token";
  return "test";
}

std::string metric_text(std::string_view metric, double value) {
  std::string text = metric == "accuracy" ? fmt::format("{:.2f}", 100.0 * value) : fmt::format("{:#.4g}", value);
  const bool whole = std::fabs(value) >= 999.5 && text.ends_with(".0");  // fmt's zero would be a fifth digit
  return whole ? text.substr(0, text.size() - 2) : text;
}

std::string statistic_text(std::string_view metric, const Statistic& s) {
  if (!s.mean) return std::string(no_value);
  std::string mean = metric_text(metric, *s.mean);
  if (!s.deviation) return mean;
  if (metric == "accuracy") return mean + " ± " + metric_text(metric, *s.deviation);
  if (mean.find('e') != mean.npos) return mean + fmt::format(" ± {:.1e}", *s.deviation);
  return mean + fmt::format(" ± {:.{}f}", *s.deviation, decimals(mean));
}

std::string difference_text(std::string_view metric, const Statistic& difference, double beside) {
  if (!difference.mean) return std::string(no_value);
  const std::string like = metric_text(metric, beside);
  std::string text = signed_text(metric, *difference.mean, like);
  if (const auto interval = interval_95(difference)) {
    text +=
        fmt::format(" [{}, {}]", signed_text(metric, interval->low, like), signed_text(metric, interval->high, like));
  }
  return text;
}

std::string value_text(std::string_view column, std::string_view value) {
  if (is_quant_setting(column) && (value == "none" || value.empty())) return column == "bits" ? "" : "float";
  return std::string(value);
}

}  // namespace bitstate::experiments
