// State balancing of Mamba: its states brought to one magnitude, so that one scale fits all of them.
#pragma once

#include "models/layers/balancing.h"
#include "models/mamba/mixer.h"

#include <span>

namespace bitstate {

/// Replaces the states n of all channels by a_n h_n with a_n = 2^k: the rows of x_proj that give B_n take a_n, those of
/// C_n 1 / a_n. k brings `state_maxima` [N], the largest magnitudes that the states show, as near to each other as
/// balancing_exponents() says. Powers of two are exact: the outputs of the float model keep their bits, and states that
/// are given take a_n too. Throws Error when the number of maxima is not N. Mamba-2 has no such change, as SiLU stands
/// between its weights and B and C.
void balance_states(MambaMixer& mixer, std::span<const float> state_maxima, int limit = largest_balance);

}  // namespace bitstate
