// An inspection as tables for other programs.
#include "experiments/inspect/inspect.h"
#include "experiments/inspect/layers.h"

#include <fmt/format.h>

namespace bitstate::experiments {

std::string sites_csv(const Inspection& inspection) {
  std::string text = "site,kind,bits,low,high,saturated\n";
  for (const InspectedSite& site : inspection.sites) {
    if (!site.spec.active() || !site.observed || site.values == 0) continue;
    text += fmt::format("{},{},{},{:.7g},{:.7g},{:.7g}\n", site.site, site.site.substr(0, site.site.find(':')),
                        site.spec.bits, site.observed->low, site.observed->high,
                        static_cast<double>(site.saturated) / static_cast<double>(site.values));
  }
  return text;
}

std::string eigenvalues_csv(const Inspection& inspection) {
  std::string text = "layer,state,re,im,rounded_re,rounded_im\n";
  for (const InspectedEigenvalues& layer : inspection.eigenvalues) {
    for (std::size_t p = 0; p < layer.before.size(); ++p) {
      text += fmt::format("{},{},{:.9g},{:.9g},{:.9g},{:.9g}\n", layer_of(layer.site), p, layer.before[p].real(),
                          layer.before[p].imag(), layer.after[p].real(), layer.after[p].imag());
    }
  }
  return text;
}

}  // namespace bitstate::experiments
