// Another order of a mixer's channels, which leaves its outputs as they are: so that neighbours can share a scale
// (core/quantization/sort_cluster.h).
#pragma once

#include "models/mamba/mixer.h"

#include <cstddef>
#include <span>

namespace bitstate {

/// Channel `perm[i]` becomes channel i; a rotation of the outputs comes behind it, as before. Throws Error where `perm`
/// [E] is no permutation.
void rearrange(MambaMixer& mixer, std::span<const std::size_t> perm);

/// Head `head_perm[i]` becomes head i, and channel `perm[i]` of all heads channel i. Throws Error as above, where a
/// head leaves its group, whose B and C it reads, and where a channel does not go with its head.
void rearrange(Mamba2Mixer& mixer, std::span<const std::size_t> head_perm, std::span<const std::size_t> perm);

}  // namespace bitstate
