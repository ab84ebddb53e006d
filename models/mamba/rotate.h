// Rotations of a model by Hadamard matrices, which leave its outputs as they are and spread outliers over all channels,
// and what must come before them (docs/numerics.md, "Quamba's transforms"). All change parameters in place; ranges that
// sites have stored for these do not fit any more.
#pragma once

#include "models/mamba/model.h"

namespace bitstate {

/// A head of its own, equal to the token table, which are then changed apart. Adds a parameter: an Inventory of the
/// model must be taken again. Does nothing where the head is not tied.
template <class Mixer>
void untie(MambaModelOf<Mixer>& model);

/// The weights of all norms before in_proj and of the last one go into the columns of what they feed, and become 1.
/// A tied head, and one for pairs of documents, which multiplies features, leave the last norm as it is.
template <class Mixer>
void fold_norms(MambaModelOf<Mixer>& model);

/// The residual stream r becomes H r / sqrt(D), after fold_norms(): what writes into it and what reads from it takes
/// the rotation. Throws Error for a tied head, and UsageError for a width without a Hadamard matrix and for pairs.
template <class Mixer>
void rotate_residual(MambaModelOf<Mixer>& model);

/// The input o of every out_proj becomes H o / sqrt(E), with H^T / sqrt(E) in its weight and the op in its forward
/// (`rotated`). Does nothing where that is so. Throws UsageError for a width without a Hadamard matrix.
template <class Mixer>
void rotate_outputs(MambaModelOf<Mixer>& model);

}  // namespace bitstate
