#include "models/inventory.h"

namespace bitstate {

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

std::vector<std::string> Inventory::sites() const {
  std::vector<std::string> names;
  for (const Quantizer* quantizer : quantizers) names.push_back(quantizer->site);
  return names;
}

void assign_offsets(const Inventory& inventory) {
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
  for (Quantizer* quantizer : inventory.quantizers) {
    quantizer->offset = offset;
    offset += quantizer->range_count();
  }
}

void quantize_sites(const Inventory& inventory, const QuantConfig& config) {
  const auto specs = config.resolve(inventory.sites());
  for (std::size_t i = 0; i < specs.size(); ++i) {
    inventory.quantizers[i]->spec = specs[i];
    inventory.quantizers[i]->range.clear();
  }
  assign_offsets(inventory);
}

void calibrate_ranges(const Inventory& inventory, std::span<const float> observed) {
  for (Quantizer* quantizer : inventory.quantizers) {
    if (!quantizer->is_static() || !quantizer->range.empty()) continue;
    const auto first = observed.begin() + static_cast<std::ptrdiff_t>(quantizer->offset);
    quantizer->range.assign(first, first + static_cast<std::ptrdiff_t>(quantizer->range_count()));
  }
}

void update_ranges(const Inventory& inventory, std::span<const float> observed) {
  for (Quantizer* quantizer : inventory.quantizers) {
    if (!quantizer->is_static()) continue;
    const float rate = quantizer->spec.rate;
    for (std::size_t c = 0; c < quantizer->range.size(); ++c) {
      float& range = quantizer->range[c];
      if (observed[quantizer->offset + c] == 0.0F) continue;
      range = (1.0F - rate) * range + rate * observed[quantizer->offset + c];
    }
  }
}

bool needs_calibration(const Inventory& inventory) {
  for (const Quantizer* quantizer : inventory.quantizers) {
    if (quantizer->is_static() && quantizer->range.empty()) return true;
  }
  return false;
}

}  // namespace bitstate
