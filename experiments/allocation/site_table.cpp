#include "experiments/allocation/site_table.h"

#include "core/error.h"
#include "core/options.h"
#include "core/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>

namespace bitstate::experiments {
namespace {

/// The options of the last rule that matches the site, or nothing where that gives no bits.
std::optional<std::string> options_for(const std::string& site, std::string_view rules) {
  std::optional<std::string> options;
  for (const std::string& line : split(rules, "\n")) {
    const auto words = split(std::string_view(line).substr(0, line.find('#')), " \t\r");
    if (words.size() < 2) continue;
    const std::string_view glob = std::string_view(words[0]).substr(words[0].starts_with('?') ? 1 : 0);
    if (!glob_matches(glob, site)) continue;
    options.reset();
    if (words[1] == "none" || words[1] == "0") continue;
    options.emplace();
    for (std::size_t i = 2; i < words.size(); ++i) {
      if (!words[i].starts_with("magnitude=") && !words[i].starts_with("phase=")) *options += " " + words[i];
    }
  }
  return options;
}

std::uint64_t stored_bits(const Quantizer& quantizer, const Site& site, const std::string& rule) {
  Quantizer with = quantizer;
  with.spec = QuantConfig::parse(rule, "widths").resolve({&site, 1}).front();
  return with.stored_bits();
}

/// "weights A", "other weights", "activations of the SSM", "other activations", "states"
std::string group_of(const TableSite& site) {
  const bool ssm = site.site.find(".ssm") != std::string::npos;
  switch (site.kind) {
    case SiteKind::weight:
      return ssm ? "weights " + site.site.substr(site.site.rfind('.') + 1) : "other weights";
    case SiteKind::bias:
      return "biases";
    case SiteKind::acc:
      return "accumulators";
    case SiteKind::state:
      return "states";
    case SiteKind::act:
      break;
  }
  return ssm ? "activations of the SSM" : "other activations";
}

}  // namespace

std::string TableSite::rule(int bits) const { return fmt::format("{} {}{}", site, bits, options); }

std::vector<SiteGroup> SiteTable::groups() const {
  std::vector<SiteGroup> groups;
  for (std::size_t i = 0; i < sites.size(); ++i) {
    const std::string name = group_of(sites[i]);
    auto group = std::find_if(groups.begin(), groups.end(), [&](const SiteGroup& g) { return g.name == name; });
    if (group == groups.end()) group = groups.insert(groups.end(), {name, {}});
    group->sites.push_back(i);
  }
  std::erase_if(groups, [](const SiteGroup& group) { return group.sites.size() < 2; });
  return groups;
}

SiteTable make_site_table(const Inventory& inventory, std::string_view base, std::string_view forms,
                          const std::vector<int>& widths) {
  SiteTable table;
  table.widths = widths;
  const std::vector<Site> sites = inventory.sites();
  for (std::size_t i = 0; i < sites.size(); ++i) {
    const Quantizer& quantizer = *inventory.quantizers[i];
    auto options = options_for(sites[i].name, base);
    if (!options) options = options_for(sites[i].name, forms);
    if (!options) {
      if (quantizer.is_constant()) table.other_bits += quantizer.stored_bits();
      continue;
    }
    TableSite& site = table.sites.emplace_back(TableSite{sites[i].name, sites[i].kind, quantizer.numbers, *options});
    for (const int bits : widths) site.stored_bits.push_back(stored_bits(quantizer, sites[i], site.rule(bits)));
  }
  return table;
}

std::vector<int> read_widths(const std::string& text) {
  std::vector<int> widths;
  for (const std::string& word : split(text, ",")) {
    widths.push_back(static_cast<int>(options::read_whole("widths", word, 2, 16)));
  }
  require<UsageError>(!widths.empty(), "widths", "expected numbers of bits as in 8,6,4, got \"{}\"", text);
  std::sort(widths.begin(), widths.end(), std::greater<>());
  widths.erase(std::unique(widths.begin(), widths.end()), widths.end());
  return widths;
}

}  // namespace bitstate::experiments
