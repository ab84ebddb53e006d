// What the test of a run tells besides its metric, with the names of the data: for a terminal, and for result.json.
#pragma once

#include "experiments/training/details.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace bitstate::experiments {

struct RunConfig;

/// Of classes, or of targets, or empty.
struct TestDetails {
  std::vector<std::string> names;        ///< of the classes or targets
  std::vector<std::uint64_t> confusion;  ///< [classes, classes]: sequences of the class of the row, by what was given
  std::vector<TargetError> targets;
};

/// Named as the data name them, or by numbers.
TestDetails test_details(const EvaluationDetails& details, const RunConfig& config, const datasets::Reading& reading);

/// "balanced accuracy 0.9312  macro F1 0.9298" or "nrmse 0.1203  fit 88.0 %"; nothing of several targets, and of empty
/// details.
std::string details_line(const TestDetails& details);

/// Tables: of each class its sequences, recall, precision and F1, and the confusion matrix of up to 20 classes; of each
/// target RMSE, NRMSE and fit.
std::string details_text(const TestDetails& details);

/// Adds "classes" and "confusion", or "targets", and their means.
void add_details(nlohmann::json& line, const TestDetails& details);
/// Reads them back. Throws json::exception for others.
TestDetails details_from_json(const nlohmann::json& line);

}  // namespace bitstate::experiments
