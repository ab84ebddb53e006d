// State balancing: the states of an SSM brought to one magnitude, so that one scale fits all of them.
#pragma once

#include "models/layers/balancing.h"
#include "models/s5/layer.h"

#include <span>

namespace bitstate {

/// Replaces each state x_p by S_p x_p with S_p = 2^k: B'_p = S_p B_p, C'_p = C_p / S_p (C1 and C2), Lambda as it is.
/// The real and the imaginary part share S_p. k brings `state_maxima` [P], the largest magnitudes that the states show,
/// to within a factor √2 of their geometric mean, as far as |k| <= limit lets it; a state whose maximum is 0 keeps its
/// scale. Powers of two are exact: the outputs of the float model keep their bits. Throws Error when the number of
/// maxima is not P.
void balance_states(S5SSM& ssm, std::span<const float> state_maxima, int limit = largest_balance);

}  // namespace bitstate
