#include "models/import.h"

#include "models/mamba/import.h"
#include "models/s5/import.h"

namespace bitstate {
namespace {

/// Sets the options of `own` as `part` has them, in all families that have them.
template <class Part>
void share(ModelSettings& settings, const OptionTable<Part>& own, const Part& part) {
  const OptionTable<ModelSettings> all = model_options();
  for (const auto& row : own.rows()) find_option(all.rows(), row.name)->set(settings, row.text(part));
}

}  // namespace

void set_sizes(ModelSettings& settings, const NamedTensors& tensors) {
  if (settings.model == "s5") {
    S5Settings own = settings.s5;
    set_sizes(own, tensors);
    share(settings, s5_options(), own);
  } else {
    MambaSettings own = settings.mamba;
    set_sizes(own, tensors);
    share(settings, mamba_options(), own);
    if (own.mamba2) share(settings, mamba2_options(), own);
  }
}

std::optional<ModelShape> shape_in(const ModelSettings& settings, const NamedTensors& tensors) {
  return settings.model == "s5" ? shape_in(settings.s5, tensors) : shape_in(settings.mamba, tensors);
}

void import_weights(const ModelSettings& settings, const ModelShape& shape, const NamedTensors& tensors,
                    const Inventory& inventory) {
  settings.model == "s5" ? import_weights(settings.s5, shape, tensors, inventory)
                         : import_weights(settings.mamba, shape, tensors, inventory);
}

}  // namespace bitstate
