// Sites of layers that are alike.
#pragma once

#include <string>
#include <string_view>

namespace bitstate::experiments {

/// "layers.3" of a site in a layer, else "".
inline std::string layer_of(std::string_view site) {
  const std::size_t begin = site.find("layers.");
  if (begin == site.npos) return {};
  return std::string(site.substr(begin, site.find('.', begin + 7) - begin));
}

/// The site with "layers.*" in place of its layer.
inline std::string in_any_layer(std::string site) {
  const std::string layer = layer_of(site);
  if (!layer.empty()) site.replace(site.find(layer), layer.size(), "layers.*");
  return site;
}

}  // namespace bitstate::experiments
