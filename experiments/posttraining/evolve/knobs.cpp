#include "experiments/posttraining/evolve/knobs.h"

#include "core/error.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <string_view>

namespace bitstate {
namespace {

/// The number of the layer that a site is in.
std::optional<std::size_t> layer_of(std::string_view site) {
  constexpr std::string_view prefix = ":layers.";
  const auto at = site.find(prefix);
  if (at == site.npos) return std::nullopt;
  const std::string_view digits = site.substr(at + prefix.size());
  std::size_t layer = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), layer);
  return error == std::errc{} ? std::optional(layer) : std::nullopt;
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

std::vector<Block> blocks_of(const Inventory& inventory, std::size_t layers, const KnobChoice& choice) {
  std::vector<Block> blocks(std::max<std::size_t>(layers, 1));
  bool in_layers = false;
  for (Quantizer* const site : inventory.quantizers) {
    const auto layer = layer_of(site->site);
    in_layers = in_layers || layer.has_value();
    if (!site->needs_range() || (choice.weights_only && site->kind != SiteKind::weight)) continue;
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
