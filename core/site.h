// A place of a model where numbers are quantized (docs/numerics.md, section 1).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bitstate {

/// What the numbers of a site are.
enum class SiteKind : std::uint8_t {
  weight,  ///< constants that multiply
  bias,    ///< constants that are added
  act,     ///< operands of products and functions
  acc,     ///< accumulators
  state    ///< a recurrent state, rounded at every step
};

/// The kind that a site or a glob names before its colon: weight, bias, act, acc or state. None for any other word.
std::optional<SiteKind> kind_of(std::string_view site);

/// The numbers are the model's own: they do not depend on its input.
[[nodiscard]] constexpr bool is_constant(SiteKind kind) { return kind == SiteKind::weight || kind == SiteKind::bias; }

/// A site as the model declares it.
struct Site {
  std::string name;  ///< "act:layers.3.ssm.u": the kind, and the path in the model
  SiteKind kind = SiteKind::act;
  bool poles = false;    ///< its numbers are the eigenvalues of a recurrence, which may have a form (PoleSpec)
  bool complex = false;  ///< its numbers are real and imaginary parts, which may have ranges of their own
  bool grouped = false;  ///< its channels come in groups, which may have ranges of their own
  bool operator==(const Site&) const = default;
};

}  // namespace bitstate
