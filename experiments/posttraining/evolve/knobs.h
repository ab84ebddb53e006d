// What a search turns: the ranges that a model keeps, block by block.
#pragma once

#include "models/inventory.h"

#include <cstddef>
#include <vector>

namespace bitstate {

/// A range of a site, of as many channels as share it.
struct Knob {
  Quantizer* site;
  std::vector<std::size_t> places;  ///< in the site's array of ranges
};

/// The knobs of a layer. The first layer has those of all that is before it, the last those of all behind it.
using Block = std::vector<Knob>;

/// The blocks of `layers` layers, "layers.0" and so on; one block where the sites have other names. Knobs are the
/// ranges of weights, or those of activations and states as well. Ranges of 0 are none: what they round is always 0.
std::vector<Block> blocks_of(const Inventory& inventory, std::size_t layers, bool weights_only = false);

[[nodiscard]] std::vector<double> ranges_of(const Block& block);
/// Sets them, as floats; learned ranges as their logarithms.
void set_ranges(const Block& block, const std::vector<double>& ranges);

}  // namespace bitstate
