// Bit-widths are rows of data: what one quantizer does, and the list of rules that says so for every site of a model.
#pragma once

#include "core/pole_spec.h"
#include "core/residue.h"
#include "core/site.h"

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate {

/// What one quantizer does (docs/numerics.md, sections 2 and 6). No bits: it does nothing at all.
struct QuantSpec {
  enum class Range { absmax, ema, percentile, mse, fixed, learned, stored };
  enum class Granularity { tensor, group, channel, step, sample };
  enum class Edge { center, half };
  enum class Symmetry { symmetric, asymmetric };
  enum class Scale { free, pow2 };
  enum class Rounding { nearest, stochastic, feedback, decayed };
  enum class Parts { joint, separate };

  int bits = 0;  ///< 1 to 16, or 0 for none
  Range range = Range::absmax;
  Granularity granularity = Granularity::tensor;
  Edge edge = Edge::center;
  float rate = 0.05F;                       ///< of the moving average of ranges that activations and states show
  Symmetry symmetry = Symmetry::symmetric;  ///< the option `sign`
  Scale scale_kind = Scale::free;
  float alpha = 99.9F;                    ///< per cent, range = percentile
  float value = 1.0F;                     ///< the range, range = fixed
  Rounding rounding = Rounding::nearest;  ///< of the state
  Parts parts = Parts::joint;             ///< whether real and imaginary parts share their ranges
  std::int32_t group = 0;                 ///< columns of a row of a weight that share a range; 0: all
  PoleSpec pole = {};                     ///< of eigenvalues

  [[nodiscard]] bool active() const { return bits != 0; }
  /// The range is the largest magnitude of the very values that are quantized.
  [[nodiscard]] bool is_dynamic() const { return range == Range::absmax; }
  /// The largest code Q of a symmetric quantizer; 1 for one bit.
  [[nodiscard]] std::int32_t bound() const { return bits <= 1 ? 1 : (1 << (bits - 1)) - 1; }
  /// What a program carries on of the rounding of the state: nothing of a stochastic one.
  [[nodiscard]] Residue residue() const {
    if (rounding == Rounding::decayed) return Residue::decayed;
    return rounding == Rounding::feedback ? Residue::feedback : Residue::none;
  }
  [[nodiscard]] bool is_shear() const { return active() && pole.form == PoleSpec::Form::shear; }
  /// Bits of the numbers that a kernel multiplies by; 32 for float.
  [[nodiscard]] int multiplier_bits() const { return active() ? pole.multiplier_bits(bits) : 32; }
  /// Products with such a number that a step of the recurrence takes per state; 4 for float.
  [[nodiscard]] int products() const { return active() ? pole.products() : 4; }

  bool operator==(const QuantSpec&) const = default;
};

/// One row: the sites that match `glob` get `spec`.
struct QuantRule {
  std::string glob;
  bool optional = false;  ///< written ?glob: a model may have no site that matches
  QuantSpec spec;
  std::string origin;  ///< "w8a8.quant:3", for error sentences
};

/// An ordered list of rules; for each site the last rule that matches wins.
class QuantConfig {
 public:
  /// Parses lines `glob  bits  [key=value ...]`; `#` starts a comment; bits may be `none`; with `?` before the glob a
  /// model may lack the site (token models have no act:encoder). Options that are not given
  /// take the kind's defaults: range=absmax for weights and biases, ema for all others, rounding=feedback for states.
  /// Throws UsageError naming origin, line, what is wrong and what is allowed.
  static QuantConfig parse(std::string_view text, std::string_view origin);

  /// One spec per site, in the order of `sites`. Throws UsageError when a rule without ? matches no site, or does not
  /// fit a site (ema for a weight).
  [[nodiscard]] std::vector<QuantSpec> resolve(std::span<const Site> sites) const;

 private:
  std::vector<QuantRule> rules_;
};

/// The options of a row that say more than the fewest possible, as they are written there: "range=ema
/// granularity=channel". A state without rounding= here is rounded to nearest.
std::string options_text(const QuantSpec& spec);

/// Whether `text` matches `glob`, in which `*` stands for any run of characters.
bool glob_matches(std::string_view glob, std::string_view text);

}  // namespace bitstate
