// An inspection as tables for a terminal and as JSON.
#include "experiments/host/text_table.h"
#include "experiments/inspect/inspect.h"
#include "experiments/inspect/layers.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <map>

namespace bitstate::experiments {

namespace {

using nlohmann::json;

std::string extent_text(const std::optional<Extent>& extent, int digits) {
  if (!extent) return std::string(no_value);
  const std::string low = fmt::format("{:.{}g}", extent->low, digits);
  const std::string high = fmt::format("{:.{}g}", extent->high, digits);
  return low == high ? low : low + ".." + high;
}

std::string bits_text(const InspectedSite& site) {
  if (!site.spec.active()) return site.integer ? "int32" : "float";
  return site.spec.pole.is_lookup() ? fmt::format("{}+{}", site.spec.pole.magnitude, site.spec.pole.phase)
                                    : fmt::format("{}", site.spec.bits);
}

std::string scale_text(const InspectedSite& site) {
  return site.spec.active() && !site.scale ? "dynamic" : extent_text(site.scale, 2);
}

/// "50176", "1.61M"
std::string short_number(std::uint64_t number) {
  const auto n = static_cast<double>(number);
  if (number < 100000) return fmt::format("{}", number);
  return number < 1000000 ? fmt::format("{:.0f}k", n / 1e3) : fmt::format("{:.{}f}M", n / 1e6, n < 1e7 ? 2 : 0);
}

std::string saturated_text(const InspectedSite& site) {
  return site.values == 0 ? std::string(no_value) : short_number(site.saturated) + "/" + short_number(site.values);
}

/// "1,234,567"
std::string grouped(std::uint64_t number) {
  std::string text = fmt::format("{}", number);
  for (std::size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, ",");
  return text;
}

std::string size_text(std::uint64_t bits) {
  return fmt::format("{} bits = {} bytes", grouped(bits), grouped((bits + 7) / 8));
}

/// The rules in the order of their first site: the table shows their numbers.
std::vector<std::string> rules_of(const Inspection& inspection) {
  std::vector<std::string> rules;
  for (const auto& site : inspection.sites) {
    const std::string rule = options_text(site.spec);
    if (site.spec.active() && std::find(rules.begin(), rules.end(), rule) == rules.end()) rules.push_back(rule);
  }
  return rules;
}

std::string site_table(const Inspection& inspection) {
  const auto& sites = inspection.sites;
  const auto rules = rules_of(inspection);
  const bool lookup =
      std::any_of(sites.begin(), sites.end(), [](const auto& site) { return site.spec.pole.is_lookup(); });
  Cells cells{{"site", "bits"}};
  if (lookup) cells[0].emplace_back("width");
  for (const char* const title : {"rule", "scale", "observed", "saturated", "memory"}) cells[0].emplace_back(title);
  for (const auto& site : sites) {
    auto& row = cells.emplace_back();
    row = {site.site, bits_text(site)};
    if (lookup) row.push_back(site.spec.pole.is_lookup() ? fmt::format("{}", site.spec.pole.width) : "");
    const auto rule = std::find(rules.begin(), rules.end(), options_text(site.spec));
    row.push_back(site.spec.active() ? fmt::format("{}", rule - rules.begin() + 1) : std::string(no_value));
    for (const std::string& cell : {scale_text(site), extent_text(site.observed, 3), saturated_text(site)}) {
      row.push_back(cell);
    }
    row.push_back(fmt::format("{}", site.memory_bits));
  }
  std::string text = aligned(cells, "l");
  std::size_t line = text.find('\n', text.find('\n') + 1) + 1;  // after the title and its rule
  for (std::size_t i = 0; i < sites.size(); ++i) {              // a gap between layers
    if (i > 0 && layer_of(sites[i].site) != layer_of(sites[i - 1].site)) text.insert(line++, "\n");
    line = text.find('\n', line) + 1;
  }
  text += "\nMemory is in bits: of the model for weights and biases, of one time step for all others.\n";
  if (!rules.empty()) text += "Rules:\n";
  for (std::size_t i = 0; i < rules.size(); ++i) text += fmt::format("{:4}  {}\n", i + 1, rules[i]);
  return text;
}

/// The site of activations and states that needs most, and the sum of the states.
struct StepMemory {
  const InspectedSite* largest = nullptr;
  std::uint64_t states = 0;
};

StepMemory step_memory(const Inspection& inspection) {
  StepMemory memory;
  for (const auto& site : inspection.sites) {
    if (is_constant(site.kind) || site.kind == SiteKind::acc) continue;
    if (memory.largest == nullptr || site.memory_bits > memory.largest->memory_bits) memory.largest = &site;
    if (site.kind == SiteKind::state) memory.states += site.memory_bits;
  }
  return memory;
}

std::string size_lines(const Inspection& inspection) {
  std::string text = "weights and biases: " + size_text(inspection.size_bits);
  if (inspection.size_bits != inspection.float_size_bits) {
    text += fmt::format("\nin float they would be {}, {:.2f} times as much", size_text(inspection.float_size_bits),
                        static_cast<double>(inspection.float_size_bits) / static_cast<double>(inspection.size_bits));
  }
  const StepMemory memory = step_memory(inspection);
  if (memory.largest == nullptr) return text + "\n";
  return text + fmt::format("\nlargest activation or state of a step: {} bits ({}); all states: {} bits\n",
                            grouped(memory.largest->memory_bits), memory.largest->site, grouped(memory.states));
}

std::string form_text(const QuantSpec& spec) { return std::string(spec.active() ? name_of(spec.pole.form) : "float"); }

std::string eigenvalue_table(const Inspection& inspection) {
  if (inspection.eigenvalues.empty()) return {};
  Cells cells{{"largest |lambda_bar|", "form", "before", "quantized"}};
  bool unstable = false;
  for (const auto& layer : inspection.eigenvalues) {
    const double after = largest_modulus(layer.after);
    cells.push_back({layer.site, form_text(layer.spec), fmt::format("{:.6f}", largest_modulus(layer.before)),
                     layer.spec.active() ? fmt::format("{:.6f}", after) : std::string(no_value)});
    unstable = unstable || after > 1.0;
  }
  return aligned(cells, "ll") + (unstable ? "A layer above 1 is unstable: its state grows without bound.\n" : "");
}

std::string accumulator_table(const Inspection& inspection) {
  Cells cells{{"accumulator", "op", "log2 of its bound", ""}};
  std::size_t bounded = 0;
  std::size_t beyond = 0;
  for (const auto& accumulator : inspection.accumulators) {
    std::string bits(no_value);
    std::string remark = "float: an operand has no codes";
    if (accumulator.bound > 0) {
      ++bounded;
      bits = fmt::format("{:.1f}", std::log2(static_cast<double>(accumulator.bound)));
      remark = accumulator.fits() ? "" : "float: exceeds 31 bits";
      beyond += accumulator.fits() ? 0 : 1;
    }
    cells.push_back({accumulator.site, accumulator.op, bits, remark});
  }
  if (bounded == 0) return "no accumulator is an integer\n";
  return aligned(cells, "llrl") +
         (beyond == 0
              ? fmt::format("{} of {} accumulators are integers, proven to stay below 2^31 for every input\n", bounded,
                            cells.size() - 1)
              : fmt::format("{} of {} accumulators could reach 2^31 and are float\n", beyond, cells.size() - 1));
}

/// "weight:layers.*.norm" for sites that differ in the number of the layer, when there are several of them.
std::vector<std::pair<std::string, std::size_t>> by_layers(const std::vector<std::string>& sites) {
  std::vector<std::pair<std::string, std::size_t>> groups;
  std::vector<std::string> first;
  for (const std::string& site : sites) {
    const std::string pattern = in_any_layer(site);
    const auto same = [&](const auto& group) { return group.first == pattern; };
    const auto group = std::find_if(groups.begin(), groups.end(), same);
    if (group != groups.end()) {
      ++group->second;
    } else {
      groups.emplace_back(pattern, 1);
      first.push_back(site);
    }
  }
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (groups[i].second == 1) groups[i].first = first[i];
  }
  return groups;
}

std::vector<std::string> missing_sites(const Inspection& inspection) {
  std::vector<std::string> missing;
  for (const auto& site : inspection.sites) {
    const auto names_it = [&](const FloatIsland& island) {
      return std::find(island.missing.begin(), island.missing.end(), site.site) != island.missing.end();
    };
    if (std::any_of(inspection.islands.begin(), inspection.islands.end(), names_it)) missing.push_back(site.site);
  }
  return missing;
}

std::string island_list(const Inspection& inspection) {
  if (inspection.islands.empty()) return {};
  std::map<std::string, std::vector<std::string>> sites;
  std::vector<std::string> order;
  for (const auto& island : inspection.islands) {
    if (sites.count(island.op) == 0) order.push_back(island.op);
    sites[island.op].push_back(island.site);
  }
  std::string text =
      fmt::format("float islands, operations on the input's path that are float ({}):\n", inspection.islands.size());
  for (const auto& op : order) {
    for (const auto& [site, count] : by_layers(sites[op])) {
      text += fmt::format("  {:<14} {}{}\n", op, site, count > 1 ? fmt::format(" ({})", count) : "");
    }
  }
  return text;
}

json extent_json(const std::optional<Extent>& extent) {
  return extent ? json::array({extent->low, extent->high}) : json();
}

json site_json(const InspectedSite& site) {
  json line = {{"site", site.site},
               {"bits", site.spec.active() ? json(site.spec.bits) : json()},
               {"integer", site.spec.active() ? site.scale.has_value() : site.integer},
               {"rule", site.spec.active() ? json(options_text(site.spec)) : json()},
               {"scale", extent_json(site.scale)},
               {"observed", extent_json(site.observed)},
               {"saturated", site.saturated},
               {"values", site.values},
               {"memory_bits", site.memory_bits}};
  if (site.spec.pole.is_lookup()) {
    line["magnitude"] = site.spec.pole.magnitude;
    line["phase"] = site.spec.pole.phase;
    line["width"] = site.spec.pole.width;
  }
  return line;
}

}  // namespace

std::string verdict(const Inspection& inspection) {
  if (inspection.islands.empty()) return "no float island: the model is an integer program";
  const auto is_active = [](const InspectedSite& site) { return site.spec.active(); };
  if (std::none_of(inspection.sites.begin(), inspection.sites.end(), is_active)) {
    return "the model is float: no site has bits";
  }
  std::vector<std::string> parts;
  if (const auto missing = by_layers(missing_sites(inspection)); !missing.empty()) {
    std::string list;
    for (const auto& [site, count] : missing) list += (list.empty() ? "" : ", ") + site;
    parts.push_back("rows are missing for " + list);
  }
  std::map<std::string, std::vector<std::string>> reasons;
  for (const auto& island : inspection.islands) {
    if (!island.reason.empty() && island.missing.empty()) reasons[island.reason].push_back(island.site);
  }
  for (const auto& [reason, sites] : reasons) {
    std::string list;
    for (const auto& [site, count] : by_layers(sites)) list += (list.empty() ? "" : ", ") + site;
    parts.push_back(fmt::format("at {} {}", list, reason));
  }
  return fmt::format("the model is not an integer program: {}", fmt::join(parts, "; "));
}

std::string inspection_text(const Inspection& inspection) {
  std::string text = fmt::format("{}: {} sequences of its training part, {} steps\n\n", inspection.run,
                                 inspection.sequences, inspection.steps);
  for (const std::string& part : {site_table(inspection), size_lines(inspection), eigenvalue_table(inspection),
                                  accumulator_table(inspection), island_list(inspection)}) {
    if (!part.empty()) text += part + "\n";
  }
  return text + verdict(inspection) + "\n";
}

std::string to_json(const Inspection& inspection) {
  const StepMemory memory = step_memory(inspection);
  json line = {{"run", inspection.run},
               {"sequences", inspection.sequences},
               {"steps", inspection.steps},
               {"size_bits", inspection.size_bits},
               {"float_size_bits", inspection.float_size_bits},
               {"state_bits", memory.states},
               {"verdict", verdict(inspection)}};
  if (memory.largest != nullptr) {
    line["largest_step"] = {{"site", memory.largest->site}, {"bits", memory.largest->memory_bits}};
  }
  for (const char* const list : {"sites", "eigenvalues", "accumulators", "islands"}) line[list] = json::array();
  for (const auto& site : inspection.sites) line["sites"].push_back(site_json(site));
  for (const auto& layer : inspection.eigenvalues) {
    line["eigenvalues"].push_back({{"site", layer.site},
                                   {"form", form_text(layer.spec)},
                                   {"before", largest_modulus(layer.before)},
                                   {"after", largest_modulus(layer.after)}});
  }
  for (const auto& a : inspection.accumulators) {
    json entry = {{"site", a.site}, {"op", a.op}, {"bound", a.bound > 0 ? json(a.bound) : json()}};
    entry["integer"] = a.bound > 0 && a.fits();
    line["accumulators"].push_back(entry);
  }
  for (const auto& island : inspection.islands) {
    line["islands"].push_back(
        {{"op", island.op}, {"site", island.site}, {"missing", island.missing}, {"reason", island.reason}});
  }
  return line.dump();
}

}  // namespace bitstate::experiments
