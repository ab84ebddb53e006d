#include "autograd/quantizer.h"

#include "core/error.h"

#include <cmath>
#include <utility>

namespace bitstate {

void Quantizer::declare(std::string name) {
  const auto known = kind_of(name);
  require(known.has_value(), "model", "the site {} must be of kind weight, bias, act, acc or state", name);
  kind = *known;
  site = std::move(name);
}

Grid Quantizer::grid(std::size_t c) const {
  if (spec.range == QuantSpec::Range::fixed) return make_grid(spec, spec.value);
  const std::vector<float>& ends = is_learned() ? log_range.value.data : range;
  const bool pairs = !is_learned() && spec.symmetry == QuantSpec::Symmetry::asymmetric;
  const std::size_t count = pairs ? ends.size() / 2 : ends.size();
  require(c < count, "quantize", "{} has ranges for {} channels, but channel {} needs one", site, count, c);
  if (is_learned()) return make_grid(spec, std::exp(ends[c]));
  return pairs ? make_grid(spec, ends[c], ends[count + c]) : make_grid(spec, ends[c]);
}

}  // namespace bitstate
