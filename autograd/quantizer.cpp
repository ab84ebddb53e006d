#include "autograd/quantizer.h"

#include <cmath>

namespace bitstate {

Grid Quantizer::grid(std::size_t c) const {
  if (spec.range == QuantSpec::Range::fixed) return make_grid(spec, spec.value);
  if (spec.range == QuantSpec::Range::learned) return make_grid(spec, std::exp(log_range.value.data[c]));
  if (spec.sign == QuantSpec::Sign::asymmetric) return make_grid(spec, range[c], range[range.size() / 2 + c]);
  return make_grid(spec, range[c]);
}

}  // namespace bitstate
