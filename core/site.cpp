#include "core/site.h"

#include <utility>

namespace bitstate {

std::optional<SiteKind> kind_of(std::string_view site) {
  constexpr std::pair<std::string_view, SiteKind> kinds[] = {{"weight:", SiteKind::weight},
                                                             {"bias:", SiteKind::bias},
                                                             {"act:", SiteKind::act},
                                                             {"acc:", SiteKind::acc},
                                                             {"state:", SiteKind::state}};
  for (const auto& [prefix, kind] : kinds) {
    if (site.starts_with(prefix)) return kind;
  }
  return std::nullopt;
}

}  // namespace bitstate
