#include "experiments/posttraining/gptq.h"

#include "autograd/two_levels.h"
#include "core/error.h"
#include "core/quantization/gptq.h"
#include "models/mamba/model.h"

#include <algorithm>
#include <vector>

namespace bitstate {
namespace {

/// A weight that is rounded, and the site of what it multiplies.
struct LinearMap {
  Tensor* weight;
  Quantizer* site;
  const Quantizer* input;
  LinearHessian hessian;
};

/// Weights whose inputs are collected together, before any of them is rounded.
using Stage = std::vector<LinearMap>;

/// A stage for each layer, and one for the head; those without a stored range are left out.
template <class Mixer>
std::vector<Stage> stages_of(MambaModelOf<Mixer>& model) {
  std::vector<Stage> stages;
  const auto add = [&](auto& map, const Quantizer& input) {
    if (!map.weight_quantizer.is_stored()) return;
    map.weight_quantizer.range.clear();
    Tensor& weight = map.weight.value;
    stages.back().push_back({&weight, &map.weight_quantizer, &input, LinearHessian(weight.cols)});
  };
  for (MambaLayer<Mixer>& layer : model.layers) {
    stages.emplace_back();
    for (Mixer* const mixer : {&layer.mixer, &layer.mixer_backward}) {
      add(mixer->in_proj, mixer->sites.h);
      add(mixer->out_proj, mixer->sites.o);
    }
  }
  stages.emplace_back();
  add(model.lm_head, model.head_quantizer);
  add(model.decoder, model.head_quantizer);
  std::erase_if(stages, [](const Stage& stage) { return stage.empty(); });
  return stages;
}

std::vector<Stage> stages_of(Model& model) {
  if (auto* const mamba = model.as<MambaModel>()) return stages_of(*mamba);
  if (auto* const mamba2 = model.as<Mamba2Model>()) return stages_of(*mamba2);
  fail<UsageError>("gptq", "is for the weights of Mamba and Mamba-2; the model is another one");
}

/// Adds what the maps of a stage multiply in one example.
void add_inputs(Tape& tape, const Model& model, const datasets::Example& example, Stage& stage) {
  std::vector<std::size_t> rows{example.length};
  std::vector<std::int32_t> tokens = example.tokens;
  if (!example.second.empty()) rows.push_back(example.second.size());
  tokens.insert(tokens.end(), example.second.begin(), example.second.end());
  Pass pass;
  pass.calibrating = true;
  tape.begin(pass);
  static_cast<void>(model.forward(tape, {{rows, rows}, example.x, tokens}));
  for (const SiteVisit& visit : tape.visits()) {
    for (LinearMap& map : stage) {
      if (visit.site == map.input) map.hessian.add({tape.value(visit.output), tape[visit.output].size()});
    }
  }
}

void collect(const TransformTarget& target, Stage& stage) {
  Tape tape;
  for (std::size_t b = 0; b < target.data.count(); ++b) {
    for (const std::size_t index : target.data.batch(b)) {
      datasets::Example example;
      target.data.data.read(index, example);
      check_example(example, index);
      add_inputs(tape, target.model, example, stage);
    }
  }
}

GptqOptions options_for(const LinearMap& map, double damping) {
  const QuantSpec& spec = map.site->spec;
  require<UsageError>(spec.bits >= 2 && spec.bits <= 8, "gptq", "{} has {} bits; expected 2 to 8", map.site->site,
                      spec.bits);
  require<UsageError>(spec.scale_kind == QuantSpec::Scale::free, "gptq", "{} has scale=pow2; expected scale=free",
                      map.site->site);
  GptqOptions options;
  options.bits = spec.bits;
  options.group = spec.group > 0 ? static_cast<std::size_t>(spec.group) : map.weight->cols;
  options.damping = damping;
  options.edge = spec.edge == QuantSpec::Edge::half ? 0.5 : 0.0;
  options.symmetric = true;
  options.one_scale = spec.granularity == QuantSpec::Granularity::tensor;
  return options;
}

/// The weight becomes the shadow of its codes.
void round_weight(const LinearMap& map, const GptqOptions& options) {
  Tensor& weight = *map.weight;
  const std::vector<double> numbers(weight.data.begin(), weight.data.end());
  const GroupedCodes chosen = gptq(numbers, map.hessian.matrix(), weight.cols, options);
  const double codes = map.site->spec.bound() + options.edge;
  const std::size_t groups = map.site->column_groups();
  map.site->range.clear();
  for (std::size_t k = 0; k < map.site->range_channels(); ++k) {
    const std::size_t at = k % groups * weight.rows + k / groups;  // of the scales, which are by groups
    map.site->range.push_back(static_cast<float>(chosen.scales[at] * codes));
  }
  if (map.site->has_two_levels()) {
    const TwoLevels scales(*map.site, map.site->range);
    for (std::size_t k = 0; k < weight.size(); ++k) {
      weight.data[k] = scales.shadow(weight.cols, k / weight.cols, k % weight.cols, chosen.codes[k]);
    }
    return;
  }
  for (std::size_t k = 0; k < weight.size(); ++k) {
    const Grid grid = map.site->grid(options.one_scale ? 0 : k / weight.cols);
    weight.data[k] = static_cast<float>(chosen.codes[k]) * grid.scale;
  }
}

}  // namespace

void choose_codes(const TransformTarget& target, const GptqTransformOptions& options) {
  std::vector<Stage> stages = stages_of(target.model);
  require<UsageError>(!stages.empty(), "gptq",
                      "chooses codes for the stored ranges of in_proj, out_proj and the head, but none of them has "
                      "range=stored");
  for (Stage& stage : stages) {
    std::vector<GptqOptions> how;
    for (const LinearMap& map : stage) how.push_back(options_for(map, options.damping));
    collect(target, stage);
    for (std::size_t i = 0; i < stage.size(); ++i) round_weight(stage[i], how[i]);
  }
}

Transform gptq_transform() {
  OptionTable<GptqTransformOptions> options("gptq");
  options.real("gptq.damping", "SHARE", &GptqTransformOptions::damping, {0.0, 1e3},
               "of the mean of the Hessian's diagonal, added to it");
  return transform_of({.name = "gptq",
                       .help = "choose codes of stored ranges by the errors that they make together (Mamba)",
                       .needs_calibration = true},
                      options, choose_codes);
}

}  // namespace bitstate
