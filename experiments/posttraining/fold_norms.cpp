#include "experiments/posttraining/fold_norms.h"

#include "core/error.h"
#include "models/mamba/rotate.h"

namespace bitstate {
namespace {

template <class Mixer>
void fold_and_forget(MambaModelOf<Mixer>& model) {
  fold_norms(model);
  for (MambaLayer<Mixer>& layer : model.layers) {
    layer.mixer.in_proj.weight_quantizer.range.clear();
    layer.mixer_backward.in_proj.weight_quantizer.range.clear();
  }
  model.lm_head.weight_quantizer.range.clear();
  model.decoder.weight_quantizer.range.clear();
}

}  // namespace

void fold_norms(const TransformTarget& target, const FoldNormsOptions& /*options*/) {
  auto* const mamba = target.model.as<MambaModel>();
  auto* const mamba2 = target.model.as<Mamba2Model>();
  require<UsageError>(mamba != nullptr || mamba2 != nullptr, "fold_norms",
                      "is for the norms of Mamba and Mamba-2; the model is another one");
  if (mamba != nullptr) fold_and_forget(*mamba);
  if (mamba2 != nullptr) fold_and_forget(*mamba2);
}

Transform fold_norms_transform() {
  return transform_of({.name = "fold_norms", .help = "move the weights of norms into what the norms feed (Mamba)"},
                      OptionTable<FoldNormsOptions>("fold_norms"), fold_norms);
}

}  // namespace bitstate
