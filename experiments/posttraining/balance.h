// The transform `balance`: the states of every SSM brought to one magnitude.
#pragma once

#include "experiments/posttraining/transform.h"

namespace bitstate {

/// Balances the states of every SSM (models/s5/balance.h) by the largest magnitudes that they show in the float model,
/// and drops the stored ranges of B and C, which it scales. Throws UsageError for a model without SSMs.
void balance(const TransformTarget& target);

inline constexpr Transform balance_transform{"balance", "bring the states to one magnitude, by powers of two",
                                             Transform::Needs::calibration, true, balance};

}  // namespace bitstate
