// The forms of backward: the exact one, and MobileTL's approximations, which keep less (docs/numerics.md, section 7).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace bitstate {

/// What a norm takes for constant; with all but `exact` its scale does not train.
enum class NormBackward : std::uint8_t {
  exact,    ///< nothing
  centred,  ///< 1 / sigma
  frozen    ///< 1 / sigma and the mean
};
inline constexpr std::array<std::string_view, 3> norm_backward_words{"exact", "centred", "frozen"};
constexpr std::string_view word_of(NormBackward form) { return norm_backward_words[static_cast<std::size_t>(form)]; }

/// The slope of an activation that is no gate.
enum class ActBackward : std::uint8_t {
  exact,  ///< its derivative
  sign    ///< 1 where the operand is at least 0, else 0
};
inline constexpr std::array<std::string_view, 2> act_backward_words{"exact", "sign"};
constexpr std::string_view word_of(ActBackward form) { return act_backward_words[static_cast<std::size_t>(form)]; }

}  // namespace bitstate
