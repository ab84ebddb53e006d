#include "models/inventory.h"

#include "core/error.h"
#include "core/ranges.h"

#include <algorithm>
#include <cmath>

namespace bitstate {
namespace {

std::size_t histogram_size(const Quantizer& quantizer) {
  return quantizer.has_counts() ? quantizer.range_count() * histogram_bins : 0;
}

/// The range that one step showed for range `c` of a site; 0 where all values were 0, which a histogram cannot tell
/// from small ones.
float seen_range(const Quantizer& quantizer, std::size_t c, const Observed& observed) {
  const float largest = observed.maxima[quantizer.offset + c];
  if (!quantizer.has_counts() || largest == 0.0F) return largest;
  const float range = range_of_histogram(
      quantizer.spec, observed.counts.subspan(quantizer.counts_offset + c * histogram_bins, histogram_bins));
  return range >= histogram_end ? largest : range;  // the last bin holds all that is larger
}

void check_observed(const Inventory& inventory, const Observed& observed) {
  require(observed.maxima.size() >= inventory.range_count() && observed.counts.size() >= inventory.count_count(),
          "ranges", "{} maxima and {} counts were observed, the model has {} ranges and {} bins of histograms",
          observed.maxima.size(), observed.counts.size(), inventory.range_count(), inventory.count_count());
}

}  // namespace

std::size_t Inventory::parameter_count() const {
  std::size_t count = 0;
  for (const auto& entry : parameters) count += entry.parameter->value.size();
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
    sites.push_back(
        {quantizer->site, quantizer->kind, quantizer->poles, quantizer->planes.rows + quantizer->planes.cols > 0});
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
  for (const auto& entry : inventory.parameters) {
    entry.parameter->offset = offset;
    offset += entry.parameter->value.size();
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

void calibrate_ranges(const Inventory& inventory, const Observed& observed) {
  check_observed(inventory, observed);
  for (Quantizer* quantizer : inventory.quantizers) {
    if (!quantizer->needs_range() || !quantizer->range.empty()) continue;
    for (std::size_t c = 0; c < quantizer->range_count(); ++c) {
      quantizer->range.push_back(seen_range(*quantizer, c, observed));
    }
    for (std::size_t c = 0; c < quantizer->log_range.value.size(); ++c) {
      quantizer->log_range.value.data[c] = std::log(std::max(quantizer->range[c], 0x1.0p-20F));
    }
  }
}

namespace {

/// r <- (1 - rate) r + rate seen for all ranges but learned ones, and stored ones that are not 0.
template <class Rate>
void move_ranges(const Inventory& inventory, const Observed& observed, Rate rate) {
  check_observed(inventory, observed);
  for (Quantizer* quantizer : inventory.quantizers) {
    if (!quantizer->needs_range() || quantizer->is_learned()) continue;
    require(quantizer->range.size() <= quantizer->range_count(), "ranges", "{} has {} ranges, it needs {}",
            quantizer->site, quantizer->range.size(), quantizer->range_count());
    for (std::size_t c = 0; c < quantizer->range.size(); ++c) {
      const float seen = seen_range(*quantizer, c, observed);
      float& range = quantizer->range[c];
      if (seen == 0.0F || (quantizer->is_stored() && range != 0.0F)) continue;
      // a channel that was dead has no range to move from
      range = range == 0.0F ? seen : (1.0F - rate(*quantizer)) * range + rate(*quantizer) * seen;
    }
  }
}

}  // namespace

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
