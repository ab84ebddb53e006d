// One quantization site of a model: its name, its row of the configuration and its range.
#pragma once

#include "core/quant_spec.h"

#include <cstddef>
#include <string>
#include <vector>

namespace bitstate {

/// The quantizer of one site. Forward passes read `range`; update_ranges (models/inventory.h) changes it, between
/// steps.
struct Quantizer {
  std::string site;         ///< "act:layers.3.ssm.u"; kinds are weight, act, state
  std::size_t columns = 1;  ///< channels of an activation or state; unused for weights
  QuantSpec spec = {};
  std::vector<float> range = {};  ///< one a channel (or one) for range = ema; empty until calibrated, and for absmax
  std::size_t offset = 0;         ///< of this site's maxima in a lane's array of observed ranges

  [[nodiscard]] bool is_static() const { return spec.active() && spec.range == QuantSpec::Range::ema; }
  [[nodiscard]] std::size_t range_count() const {
    return !is_static() ? 0 : (spec.granularity == QuantSpec::Granularity::channel ? columns : 1);
  }
};

}  // namespace bitstate
