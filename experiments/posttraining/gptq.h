// The transform `gptq`: codes of weights that make up for each other's errors.
#pragma once

#include "experiments/posttraining/transform.h"

namespace bitstate {

struct GptqTransformOptions {
  double damping = 0.01;  ///< of the mean of the Hessian's diagonal, added to it
};

/// Chooses the codes of in_proj, out_proj and the head of a Mamba by GPTQ (core/quantization/gptq.h), where their rule
/// says range=stored: the weights become the shadows of these codes, and their ranges are stored. The inputs are those
/// of the calibration batches, with rounded weights of the layers before and activations that are not rounded. Throws
/// UsageError for another model, where no weight has a stored range, and for rules that GPTQ cannot follow.
void choose_codes(const TransformTarget& target, const GptqTransformOptions& options);

Transform gptq_transform();

}  // namespace bitstate
