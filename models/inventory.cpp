#include "models/inventory.h"

#include "core/error.h"
#include "core/ranges.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

namespace bitstate {
namespace {

std::size_t histogram_size(const Quantizer& quantizer) {
  return quantizer.has_counts() ? quantizer.range_count() * histogram_bins : 0;
}

/// The first channel of each group becomes the sum of all of them, in the order of the channels, and then all others
/// what it is. `values` has `size` elements of each channel.
template <class T, class Sum>
void join_groups(const std::vector<std::uint32_t>& groups, std::size_t size, std::vector<T>& values, Sum sum) {
  std::vector<std::size_t> first(groups.size(), groups.size());
  for (std::size_t c = 0; c < groups.size(); ++c) {
    std::size_t& to = first[groups[c]];
    if (to == groups.size()) to = c;
    for (std::size_t i = 0; to != c && i < size; ++i) sum(values[to * size + i], values[c * size + i]);
  }
  for (std::size_t c = 0; c < groups.size(); ++c) {
    if (first[groups[c]] != c) std::copy_n(&values[first[groups[c]] * size], size, &values[c * size]);
  }
}

/// What a step showed of a site, as ranges: 0 where all values were 0, which a histogram cannot tell from small ones.
std::vector<float> seen_ranges(const Quantizer& quantizer, const Observed& observed) {
  const std::size_t count = quantizer.range_count();
  const auto seen = observed.maxima.subspan(quantizer.offset, count);
  std::vector<float> ranges(seen.begin(), seen.end());
  std::vector<std::uint32_t> bins;
  if (quantizer.has_counts()) {
    const auto counts = observed.counts.subspan(quantizer.counts_offset, count * histogram_bins);
    bins.assign(counts.begin(), counts.end());
  }
  if (quantizer.is_by_group()) {
    const std::size_t ends = count / quantizer.channels;  // with sign=asymmetric all upper ones come first
    for (std::size_t end = 0; end < ends; ++end) {
      std::vector<float> some(seen.begin() + end * quantizer.channels, seen.begin() + (end + 1) * quantizer.channels);
      join_groups(quantizer.groups, 1, some, [](float& to, float from) { to = std::max(to, from); });
      std::copy(some.begin(), some.end(), ranges.begin() + end * quantizer.channels);
    }
    if (!bins.empty()) {
      join_groups(quantizer.groups, histogram_bins, bins, [](std::uint32_t& to, std::uint32_t from) { to += from; });
    }
  }
  for (std::size_t c = 0; c < count && !bins.empty(); ++c) {
    if (ranges[c] == 0.0F) continue;
    const float range = range_of_histogram(quantizer.spec, std::span(bins).subspan(c * histogram_bins, histogram_bins));
    if (range < histogram_end) ranges[c] = range;  // else the last bin holds all that is larger
  }
  return ranges;
}

/// Whether each of the members, which are listed in the order in which a model computes, is before its layer `first`.
template <class Entry, class Name>
std::vector<bool> before_layer(std::size_t first, const std::vector<Entry>& entries, Name name_of) {
  std::vector<bool> before;
  bool entered = false;
  for (const Entry& entry : entries) {
    const auto layer = layer_of(name_of(entry));
    entered = entered || layer.has_value();
    before.push_back(layer ? *layer < first : !entered);
  }
  return before;
}

void check_observed(const Inventory& inventory, const Observed& observed) {
  require(observed.maxima.size() >= inventory.range_count() && observed.counts.size() >= inventory.count_count(),
          "ranges", "{} maxima and {} counts were observed, the model has {} ranges and {} bins of histograms",
          observed.maxima.size(), observed.counts.size(), inventory.range_count(), inventory.count_count());
}

}  // namespace

std::optional<std::size_t> layer_of(std::string_view name) {
  constexpr std::string_view members = "layers.";
  const std::string_view path = name.substr(name.find(':') + 1);  // all of it where there is none
  if (!path.starts_with(members)) return std::nullopt;
  std::size_t layer = 0;
  const char* const end = path.data() + path.size();
  const auto [rest, error] = std::from_chars(path.data() + members.size(), end, layer);
  const bool named = error == std::errc() && rest != end && *rest == '.';
  return named ? std::optional(layer) : std::nullopt;
}

std::size_t Inventory::parameter_count() const {
  std::size_t count = 0;
  for (const auto& entry : parameters) count += entry.parameter->value.size();
  return count;
}

std::size_t Inventory::gradient_count() const {
  std::size_t count = 0;
  for (const auto& entry : parameters) count += entry.parameter->frozen ? 0 : entry.parameter->value.size();
  return count;
}

std::size_t Inventory::layer_count() const {
  std::size_t count = 0;
  for (const auto& entry : parameters) {
    if (const auto layer = layer_of(entry.name)) count = std::max(count, *layer + 1);
  }
  return count;
}

std::size_t Inventory::buffer_count() const {
  std::size_t count = 0;
  for (const auto& entry : buffers) count += entry.buffer->value.size();
  return count;
}

std::size_t Inventory::range_count() const {
  std::size_t count = 0;
  for (const Quantizer* quantizer : quantizers) count += quantizer->range_count();
  return count;
}

std::size_t Inventory::count_count() const {
  std::size_t count = 0;
  for (const Quantizer* quantizer : quantizers) count += histogram_size(*quantizer);
  return count;
}

std::vector<Site> Inventory::sites() const {
  std::vector<Site> sites;
  for (const Quantizer* quantizer : quantizers)
    sites.push_back({quantizer->site, quantizer->kind, quantizer->poles,
                     quantizer->planes.rows + quantizer->planes.cols > 0, !quantizer->groups.empty()});
  return sites;
}

void complete(Inventory& inventory) {
  std::erase_if(inventory.parameters, [&](const NamedParameter& entry) {
    return std::any_of(inventory.quantizers.begin(), inventory.quantizers.end(),
                       [&](const Quantizer* quantizer) { return &quantizer->log_range == entry.parameter; });
  });
  for (Quantizer* quantizer : inventory.quantizers) {
    if (quantizer->is_learned())
      inventory.parameters.push_back({quantizer->site + ".log_range", &quantizer->log_range});
  }
  std::size_t offset = 0;
  for (const bool frozen : {false, true}) {
    for (const auto& entry : inventory.parameters) {
      if (entry.parameter->frozen != frozen) continue;
      entry.parameter->offset = offset;
      offset += entry.parameter->value.size();
    }
  }
  offset = 0;
  for (const auto& entry : inventory.buffers) {
    entry.buffer->offset = offset;
    offset += entry.buffer->value.size();
  }
  offset = 0;
  std::size_t counts_offset = 0;
  for (Quantizer* quantizer : inventory.quantizers) {
    quantizer->offset = offset;
    quantizer->counts_offset = counts_offset;
    offset += quantizer->range_count();
    counts_offset += histogram_size(*quantizer);
  }
}

void freeze_below(Inventory& inventory, std::size_t first) {
  const auto name_of = [](const auto& entry) -> std::string_view { return entry.name; };
  const auto sites =
      before_layer(first, inventory.quantizers, [](const Quantizer* site) -> std::string_view { return site->site; });
  const auto parameters = before_layer(first, inventory.parameters, name_of);
  for (std::size_t i = 0; i < parameters.size(); ++i) inventory.parameters[i].parameter->frozen = parameters[i];
  for (std::size_t i = 0; i < sites.size(); ++i) {
    inventory.quantizers[i]->frozen = inventory.quantizers[i]->log_range.frozen = sites[i];
  }
  const auto buffers = before_layer(first, inventory.buffers, name_of);
  for (std::size_t i = 0; i < buffers.size(); ++i) inventory.buffers[i].buffer->frozen = buffers[i];
  complete(inventory);
}

void quantize_sites(Inventory& inventory, const QuantConfig& config) {
  const auto specs = config.resolve(inventory.sites());
  for (std::size_t i = 0; i < specs.size(); ++i) {
    Quantizer& quantizer = *inventory.quantizers[i];
    quantizer.spec = specs[i];
    quantizer.range.clear();
    quantizer.log_range.value = quantizer.is_learned() ? Tensor(1, quantizer.range_count()) : Tensor();
  }
  complete(inventory);
}

namespace {

/// Sets the range of a site that has none.
void calibrate_range(Quantizer& quantizer, const Observed& observed) {
  if (!quantizer.needs_range() || !quantizer.range.empty()) return;
  quantizer.range = seen_ranges(quantizer, observed);
  for (std::size_t c = 0; c < quantizer.log_range.value.size(); ++c) {
    quantizer.log_range.value.data[c] = std::log(std::max(quantizer.range[c], 0x1.0p-20F));
  }
}

/// r <- (1 - rate) r + rate seen for all ranges but learned ones, and stored ones that are not 0.
template <class Rate>
void move_ranges(const Inventory& inventory, const Observed& observed, Rate rate) {
  check_observed(inventory, observed);
  for (Quantizer* quantizer : inventory.quantizers) {
    if (!quantizer->needs_range() || quantizer->is_learned() || quantizer->frozen) continue;
    require(quantizer->range.size() <= quantizer->range_count(), "ranges", "{} has {} ranges, it needs {}",
            quantizer->site, quantizer->range.size(), quantizer->range_count());
    const std::vector<float> all = seen_ranges(*quantizer, observed);
    for (std::size_t c = 0; c < quantizer->range.size(); ++c) {
      const float seen = all[c];
      float& range = quantizer->range[c];
      if (seen == 0.0F || (quantizer->is_stored() && range != 0.0F)) continue;
      // a channel that was dead has no range to move from
      range = range == 0.0F ? seen : (1.0F - rate(*quantizer)) * range + rate(*quantizer) * seen;
    }
  }
}

}  // namespace

void calibrate_ranges(const Inventory& inventory, const Observed& observed) {
  check_observed(inventory, observed);
  for (Quantizer* quantizer : inventory.quantizers) calibrate_range(*quantizer, observed);
}

void calibrate_constants(const Inventory& inventory, const Observed& observed) {
  check_observed(inventory, observed);
  for (Quantizer* quantizer : inventory.quantizers) {
    if (quantizer->is_constant()) calibrate_range(*quantizer, observed);
  }
}

void update_ranges(const Inventory& inventory, const Observed& observed) {
  move_ranges(inventory, observed, [](const Quantizer& quantizer) { return quantizer.spec.rate; });
}

void average_ranges(const Inventory& inventory, const Observed& observed, std::size_t count) {
  move_ranges(inventory, observed, [&](const Quantizer&) { return 1.0F / static_cast<float>(count); });
}

std::uint64_t size_bits(const Inventory& inventory) {
  std::uint64_t bits = 0;
  for (const Quantizer* quantizer : inventory.quantizers) {
    if (quantizer->is_constant()) bits += quantizer->stored_bits();
  }
  return bits;
}

PoleCost pole_cost(const Inventory& inventory) {
  PoleCost cost;
  for (const Quantizer* quantizer : inventory.quantizers) {
    if (!quantizer->poles) continue;
    const std::size_t eigenvalues = quantizer->numbers / 2;
    cost.stored_bits = std::max(cost.stored_bits, static_cast<int>(quantizer->stored_bits() / eigenvalues));
    if (quantizer->powers) continue;
    cost.products = std::max(cost.products, quantizer->spec.products());
    cost.multiplier_bits = std::max(cost.multiplier_bits, quantizer->spec.multiplier_bits());
  }
  return cost;
}

bool needs_calibration(const Inventory& inventory) {
  return std::any_of(inventory.quantizers.begin(), inventory.quantizers.end(),
                     [](const Quantizer* quantizer) { return quantizer->needs_range() && quantizer->range.empty(); });
}

}  // namespace bitstate
