// The quantization sites of a model that can have bits of their own, their rules and their sizes.
#pragma once

#include "models/inventory.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate::experiments {

struct TableSite {
  std::string site;
  SiteKind kind = SiteKind::weight;
  std::uint64_t numbers = 0;                    ///< as Quantizer::numbers
  std::string options;                          ///< of its rule: "form=log-polar"
  std::vector<std::uint64_t> stored_bits = {};  ///< with each width

  /// "weight:layers.0.ssm.A 4 form=log-polar"
  [[nodiscard]] std::string rule(int bits) const;
};

/// Sites of one kind that are measured together, as indices.
struct SiteGroup {
  std::string name;  ///< "weights A", "activations of the SSM"
  std::vector<std::size_t> sites;
};

struct SiteTable {
  std::vector<int> widths;  ///< the widest first
  std::vector<TableSite> sites;
  std::uint64_t other_bits = 0;  ///< stored: of all constants that are no sites of the table

  /// The groups that have more than one site, in the order of the model.
  [[nodiscard]] std::vector<SiteGroup> groups() const;
};

/// The sites to which `base` or else `forms` (rules in .quant syntax, the last that matches counts) gives bits, with
/// the options that they have there but for those of bits of modulus and phase, which go with a width. Throws
/// UsageError where a site cannot have one of the widths.
SiteTable make_site_table(const Inventory& inventory, std::string_view base, std::string_view forms,
                          const std::vector<int>& widths);

/// Widths from a text like "8,6,4", the widest first, each once. Throws UsageError for what is no number from 2 to 16.
std::vector<int> read_widths(const std::string& text);

}  // namespace bitstate::experiments
