#include "experiments/posttraining/evolve/knobs.h"

#include "core/error.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

namespace bitstate {
namespace {

/// A range that a search may move: of biases and accumulators none is.
bool is_movable(const Quantizer& site, bool weights_only) {
  if (!site.needs_range()) return false;
  if (site.kind == SiteKind::weight) return true;
  return !weights_only && (site.kind == SiteKind::act || site.kind == SiteKind::state);
}

double range_at(const Quantizer& site, std::size_t place) {
  return site.is_learned() ? std::exp(double{site.log_range.value.data[place]}) : double{site.range[place]};
}

void add_knobs(Block& block, Quantizer& site) {
  std::map<std::size_t, std::size_t> knob_of_group;
  for (std::size_t place = 0; place < site.range_count(); ++place) {
    if (!(range_at(site, place) > 0.0)) continue;
    if (site.is_by_group()) {
      const std::size_t end = place / site.channels;  // with sign=asymmetric all upper ones come first
      const std::size_t group = end * site.channels + site.groups[place % site.channels];
      const auto [known, is_new] = knob_of_group.emplace(group, block.size());
      if (!is_new) {
        block[known->second].places.push_back(place);
        continue;
      }
    }
    block.push_back({&site, {place}});
  }
}

}  // namespace

std::vector<Block> blocks_of(const Inventory& inventory, std::size_t layers, bool weights_only) {
  std::vector<Block> blocks(std::max<std::size_t>(layers, 1));
  bool in_layers = false;
  for (Quantizer* const site : inventory.quantizers) {
    const auto layer = layer_of(site->site);
    in_layers = in_layers || layer.has_value();
    if (!is_movable(*site, weights_only)) continue;
    require(!site->range.empty(), "evolve", "{} has no range yet", site->site);
    const std::size_t last = blocks.size() - 1;
    add_knobs(blocks[layer ? std::min(*layer, last) : (in_layers ? last : 0)], *site);
  }
  return blocks;
}

std::vector<double> ranges_of(const Block& block) {
  std::vector<double> ranges;
  for (const Knob& knob : block) ranges.push_back(range_at(*knob.site, knob.places.front()));
  return ranges;
}

void set_ranges(const Block& block, const std::vector<double>& ranges) {
  for (std::size_t i = 0; i < block.size(); ++i) {
    Quantizer& site = *block[i].site;
    for (const std::size_t place : block[i].places) {
      if (site.is_learned()) {
        site.log_range.value.data[place] = static_cast<float>(std::log(ranges[i]));
      } else {
        site.range[place] = static_cast<float>(ranges[i]);
      }
    }
  }
}

}  // namespace bitstate
