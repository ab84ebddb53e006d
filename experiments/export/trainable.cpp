#include "experiments/export/trainable.h"

#include "core/error.h"

#include <algorithm>
#include <string_view>

namespace bitstate::experiments {
namespace {

const Quantizer* site(const Inventory& inventory, std::string_view name) {
  const auto found = std::find_if(inventory.quantizers.begin(), inventory.quantizers.end(),
                                  [&](const Quantizer* quantizer) { return quantizer->site == name; });
  return found == inventory.quantizers.end() ? nullptr : *found;
}

}  // namespace

program::TrainableHead trainable_head_of(const program::Program& program, const Inventory& inventory, double rate) {
  const Quantizer* x = site(inventory, "act:decoder");
  const Quantizer* weight = site(inventory, "weight:decoder");
  if (x == nullptr) {
    x = site(inventory, "act:lm_head");
    weight = site(inventory, "weight:lm_head");
  }
  require<UsageError>(x != nullptr, "trainable", "the model has no single linear head");
  require<UsageError>(weight != nullptr, "trainable",
                      "the head is tied to the token table, which training would tear apart; train with "
                      "--tie_embeddings=false");
  require<UsageError>(x->spec.active(), "trainable",
                      "{} has no bits, so the scale that the head multiplies is not known", x->site);
  require<UsageError>(weight->spec.symmetry == QuantSpec::Symmetry::symmetric, "trainable",
                      "{} is asymmetric, but only a symmetric grid can be trained", weight->site);
  return trainable_head(program, {weight->spec.bits, x->grid(0).scale, rate});
}

}  // namespace bitstate::experiments
