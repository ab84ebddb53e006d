#include "experiments/run_folder/give_up.h"

#include "core/error.h"
#include "core/text.h"
#include "experiments/run_folder/claim.h"
#include "experiments/run_folder/text_files.h"
#include "experiments/run_folder/train.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstdint>

namespace bitstate::experiments {

using nlohmann::json;

std::string reason_to_give_up(const GiveUpRule& rule, Metric metric, const std::string& metrics) {
  const std::string name = fmt::format("val_{}", metric_name(metric));
  std::optional<double> best;
  std::uint64_t epoch = 0;
  for (const std::string& text : split(metrics, "\n")) {
    const json line = json::parse(text, nullptr, false);
    if (!line.is_object() || !line.value("epoch", json()).is_number_unsigned()) continue;
    epoch = line["epoch"];
    if (epoch > rule.epoch) break;
    const json value = line.value(name, json());  // null: it is not finite
    if (value.is_number() && (!best || is_better(metric, value, *best))) best = value;
  }
  if (epoch < rule.epoch || (best && !is_better(metric, rule.worse_than, *best))) return {};
  return fmt::format("after epoch {}: the best {} is {}, worse than {:.6g}", rule.epoch, name,
                     best ? fmt::format("{:.6g}", *best) : "not finite", rule.worse_than);
}

namespace {

/// The result of a run that was given up by another rule than `rule`.
std::optional<TrainResult> given_up_otherwise(const std::filesystem::path& folder,
                                              const std::optional<GiveUpRule>& rule) {
  if (!has_whole_result(folder)) return std::nullopt;
  const std::filesystem::path file = folder / "result.json";
  try {
    TrainResult result = result_from_json(read_text(file), file.string());
    if (result.status == "given up" && result.give_up != text_of(rule)) return result;
  } catch (const Error&) {  // whoever needs it says what is wrong with it
  }
  return std::nullopt;
}

}  // namespace

bool is_to_go_on(const std::filesystem::path& folder, const std::optional<GiveUpRule>& rule) {
  return given_up_otherwise(folder, rule).has_value();
}

void reopen_given_up(const std::filesystem::path& folder, const std::optional<GiveUpRule>& rule) {
  if (const auto result = given_up_otherwise(folder, rule)) reopen(folder, result->attempt);
}

}  // namespace bitstate::experiments
