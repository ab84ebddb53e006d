// What a state that is rounded at every step carries on beside its code (docs/numerics.md, sections 6 and 10).
#pragma once

#include <cstdint>

namespace bitstate {

/// Of what rounding took away: nothing, all of it, or what the recurrence leaves of it in a step.
enum class Residue : std::uint8_t { none, feedback, decayed };

}  // namespace bitstate
