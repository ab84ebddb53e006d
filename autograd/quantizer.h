// One quantization site of a model: its name, its row of the configuration and its range.
#pragma once

#include "autograd/parameter.h"
#include "core/grid.h"
#include "core/quant_spec.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bitstate {

/// Where the real and the imaginary parts of an array of complex numbers lie: in turn, in blocks of so many rows or
/// columns. Both 0: the numbers are real.
struct Planes {
  std::size_t rows = 0;
  std::size_t cols = 0;
};

/// The quantizer of one site. Forward passes read `range`; update_ranges (models/inventory.h) changes it, between
/// steps.
struct Quantizer {
  std::string site;               ///< "act:layers.3.ssm.u": kind and path in the model
  SiteKind kind = SiteKind::act;  ///< as declare() has set it
  bool poles = false;             ///< the numbers are eigenvalues, which may have a form (PoleSpec)
  bool powers = false;            ///< of eigenvalues: their powers are multiplied, too (ops::scan_tree)
  Planes planes = {};             ///< of complex numbers, which may have separate ranges (QuantSpec::Parts)
  bool conj_sym = false;          ///< of eigenvalues: one of each conjugate pair is kept, whose sign is known
  std::size_t channels = 1;       ///< columns of an activation, states of a state, rows of a weight
  /// The group of each channel, from 0 on, where channels come in groups that may have ranges of their own
  /// (QuantSpec::Granularity::group); one number: all channels are one group for good; empty: there are no groups.
  std::vector<std::uint32_t> groups = {};
  bool frozen = false;      ///< no training step moves its ranges, once it has them
  bool regrouped = false;   ///< the groups are not the model's own: they are kept with the weights
  std::size_t numbers = 0;  ///< stored: elements of a weight or bias; of the others, of one time step
  QuantSpec spec = {};
  /// One per channel (or one); with sign=asymmetric all upper ends, then all lower ends (both >= 0). Empty until
  /// calibrated and where the range is not kept (needs_range()).
  std::vector<float> range = {};
  Parameter log_range = {};       ///< range = learned: its logarithms
  std::size_t offset = 0;         ///< of this site's maxima in a lane's array of observed ranges (Pass::observed)
  std::size_t counts_offset = 0;  ///< of this site's histograms in Pass::counts

  /// Names the site "kind:path". Throws Error unless the kind is weight, bias, act, acc or state.
  void declare(std::string name);
  /// Bits of the stored numbers, 32 each without a quantizer; of an activation or state those of one time step.
  [[nodiscard]] std::uint64_t stored_bits() const {
    if (!spec.active()) return std::uint64_t{32} * numbers;
    const std::uint64_t steps = has_two_levels() ? 16 * channels * column_groups() : 0;
    if (!poles) return static_cast<std::uint64_t>(spec.bits) * numbers + steps;
    return static_cast<std::uint64_t>(spec.pole.stored_bits(spec.bits, conj_sym)) * (numbers / 2);
  }
  [[nodiscard]] bool is_constant() const { return bitstate::is_constant(kind); }
  /// The range is kept with the model and read in the forward: that of all activations and states but dynamic ones, and
  /// learned and stored ones.
  [[nodiscard]] bool needs_range() const {
    if (!spec.active() || spec.range == QuantSpec::Range::fixed) return false;
    return is_constant() ? is_learned() || is_stored() : !spec.is_dynamic();
  }
  [[nodiscard]] bool is_learned() const { return spec.active() && spec.range == QuantSpec::Range::learned; }
  /// The range of a constant that no training step moves, as chosen codes need it (docs/numerics.md, section 2).
  [[nodiscard]] bool is_stored() const { return spec.active() && spec.range == QuantSpec::Range::stored; }
  /// The range is read from a histogram of magnitudes.
  [[nodiscard]] bool has_counts() const {
    return needs_range() && (spec.range == QuantSpec::Range::percentile || spec.range == QuantSpec::Range::mse);
  }
  /// The channels have the ranges of their groups.
  [[nodiscard]] bool is_by_group() const {
    return spec.granularity == QuantSpec::Granularity::group && groups.size() == channels;
  }
  /// Each channel has a range: its own, or that of its group.
  [[nodiscard]] bool is_by_channel() const {
    return spec.granularity == QuantSpec::Granularity::channel || is_by_group();
  }
  [[nodiscard]] std::size_t range_channels() const { return is_by_channel() ? channels * column_groups() : 1; }
  /// Groups of columns of a weight's row that have a range each: 1 unless the rule has groups narrower than a row.
  [[nodiscard]] std::size_t column_groups() const {
    if (spec.group == 0 || channels == 1) return 1;
    const auto group = static_cast<std::size_t>(spec.group);
    return (numbers / channels + group - 1) / group;
  }
  /// The codes have 8 bits, made of fewer by a step of each row and group (two_levels.h).
  [[nodiscard]] bool has_two_levels() const { return column_groups() > 1; }
  [[nodiscard]] std::size_t range_count() const {
    if (!needs_range()) return 0;
    return range_channels() * (spec.symmetry == QuantSpec::Symmetry::asymmetric ? 2 : 1);
  }
  /// The grid of channel `c` of a range that is kept or fixed.
  [[nodiscard]] Grid grid(std::size_t c) const;
};

}  // namespace bitstate
