#include "experiments/settings/run_config.h"

#include "core/error.h"
#include "experiments/posttraining/transform.h"
#include "experiments/settings/options.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <string_view>

namespace bitstate::experiments {
namespace {

/// An option of other data sets keeps its default.
void validate_subjects(const RunConfig& c) {
  const RunConfig plain;
  for (const Option& option : option_table()) {
    require<UsageError>(is_chosen(option, c) || option.text(c) == option.text(plain), option.name,
                        "does not apply to {}; it is for {}", c.dataset, fmt::join(option.subjects, ", "));
  }
}

void validate_source(const RunConfig& c) {
  if (!c.source.from.empty()) return;
  const auto needs_from = [](bool given, std::string_view option) {
    require<UsageError>(!given, option, "is only for a run that starts from another one, which --from=RUN names");
  };
  require<UsageError>(c.training.epochs > 0, "epochs",
                      "expected a whole number from 1 to 1000000 (or 0 with --from=RUN), got \"0\"");
  needs_from(c.source.lr_factor != 1.0, "from_lr_factor");
  needs_from(c.source.epochs_factor != 1.0, "from_epochs_factor");
  needs_from(c.source.balance, "balance");
  needs_from(!c.source.transforms.empty(), "transforms");
}

}  // namespace

void validate(const RunConfig& c) {
  validate(c.s5);
  validate_subjects(c);
  validate_source(c);
  for (const Transform* transform : transforms_of(c.source)) {
    require<UsageError>(transform->needs == Transform::Needs::nothing || c.training.calibration_batches > 0,
                        transform->name, "needs training batches; calibration_batches is 0");
  }
  require<UsageError>(c.training.lr_min <= ssm_lr_of(c), "lr_min", "expected at most ssm_lr_base = {1}, got \"{0}\"",
                      c.training.lr_min, ssm_lr_of(c));
}

std::vector<const Transform*> transforms_of(const SourceSettings& source) {
  std::vector<std::string> names = source.transforms;
  if (source.balance) names.insert(names.begin(), "balance");
  return bitstate::transforms_of(names);
}

std::size_t epochs_of(const RunConfig& config) {
  const std::size_t given = config.training.epochs;
  if (config.source.from.empty() || given == 0) return given;
  const double epochs = static_cast<double>(given) * config.source.epochs_factor;
  return std::max<std::size_t>(1, static_cast<std::size_t>(std::llround(epochs)));
}

double ssm_lr_of(const RunConfig& config) {
  return config.training.ssm_lr_base * (config.source.from.empty() ? 1.0 : config.source.lr_factor);
}

std::string quant_rules(const RunConfig& c) {
  if (c.quantization.trained_rules) return *c.quantization.trained_rules;
  std::string rules = c.quantization.text + s5_rules(c.s5, c.preset == "qs5");
  for (const auto& rule : c.quantization.bits) rules += rule + "\n";
  return rules;
}

}  // namespace bitstate::experiments
