// The transform `balance`: the states of every SSM brought to one magnitude.
#pragma once

#include "experiments/posttraining/transform.h"
#include "models/s5/balance.h"

#include <cstddef>

namespace bitstate {

struct BalanceOptions {
  std::size_t limit = largest_balance;  ///< no state is scaled by more than 2^limit, up or down
};

/// Balances the states of every SSM (models/s5/balance.h) by the largest magnitudes that they show in the float model,
/// and drops the stored ranges of B and C, which it scales. Throws UsageError for a model without SSMs.
void balance(const TransformTarget& target, const BalanceOptions& options);

Transform balance_transform();

}  // namespace bitstate
