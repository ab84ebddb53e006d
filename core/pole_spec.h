// How the eigenvalues of a diagonal recurrence are coded: the forms of a state matrix (docs/numerics.md, section 6).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bitstate {

/// The form of a site of eigenvalues. All other sites are cartesian: each number is rounded for itself.
struct PoleSpec {
  enum class Form { cartesian, disk, polar, log_polar, delta, shear };
  enum class Spacing { linear, log };

  Form form = Form::cartesian;
  /// Bits of the modulus, and the phase has the rest of 2 * bits; in form=shear of the decay's multiplier. Both 0 in
  /// the other forms.
  int magnitude = 0;
  int phase = 0;
  Spacing spacing = Spacing::log;  ///< of the phase
  int width = 16;                  ///< bits of each number of the pair that is looked up
  double grid_shift = 0.0;         ///< bins by which those of the phase are moved, from -0.5 to 0.5

  /// Polar and log-polar: the code is looked up as a pair of integers.
  [[nodiscard]] bool is_lookup() const { return form == Form::polar || form == Form::log_polar; }

  /// Points of a fixed set: no range, edge or scale says where they are.
  [[nodiscard]] bool is_fixed() const { return is_lookup() || form == Form::delta || form == Form::shear; }

  /// Bits that an eigenvalue takes where it is stored, with `bits` in its row. conj_sym: its sign is known.
  [[nodiscard]] int stored_bits(int bits, bool conj_sym) const;
  /// Bits of the numbers that a kernel multiplies by: those that are looked up, or the codes.
  [[nodiscard]] int multiplier_bits(int bits) const;
  /// Products with such a number that a step of the recurrence takes per state.
  [[nodiscard]] int products() const { return form == Form::shear && magnitude <= 1 ? 2 : 4; }

  bool operator==(const PoleSpec&) const = default;
};

/// The form as it is written in a rule: "log-polar".
std::string_view name_of(PoleSpec::Form form);

/// The options of a rule that are read here, for error sentences.
inline constexpr std::string_view pole_options = "form, magnitude, phase, spacing, width and grid_shift";

/// Takes an option of a rule; false when it is none of pole_options. Throws UsageError for a value that is not allowed.
bool set_pole_option(PoleSpec& spec, std::string_view key, std::string_view value, std::string_view origin);

/// Checks the options that a rule has `given` and fills what they leave open: the bits of modulus and phase, and the
/// spacing. `bits` are those of one component, 0 for none. Throws UsageError for an option that does nothing, and for
/// bits that do not add up.
void complete(PoleSpec& spec, int bits, const std::vector<std::string>& given, std::string_view origin);

/// The options as they are written in a rule, "form=polar magnitude=3 ..."; empty for a cartesian form.
std::string options_text(const PoleSpec& spec);

}  // namespace bitstate
