// Models of Mamba that read a text in pieces: the state behind one piece is what the next one begins with.
#pragma once

#include "models/family.h"
#include "models/mamba/settings.h"

namespace bitstate {

/// The forward of a model that names a token at each step. The state holds, for each layer, the last inputs of the
/// convolution and the state of the scan. Throws UsageError for settings that read sequences in both directions.
CarryingForward carrying_forward(const MambaSettings& settings);

}  // namespace bitstate
