// How the parameters of S5 learn: the groups of S5's optimiser as a table of rules.
#pragma once

#include "autograd/optimizer.h"

#include <string_view>
#include <vector>

namespace bitstate {

/// S5's `opt_config`: what learns at the SSM's rate, and what of it decays. (train_helpers.py of S5 and of Q-S5)
enum class OptConfig {
  standard,        ///< B, Lambda, log_step: SSM rate, no decay
  BandCdecay,      ///< as standard, but B decays
  BfastandCdecay,  ///< Lambda, log_step: SSM rate, no decay; B with everything else
  noBCdecay,       ///< B, C, D, Lambda, log_step: SSM rate, no decay
  sgd              ///< `qaft`: the groups of standard; its optimiser is SGD with momentum, without decay
};

/// The OptConfig of a flag's value. Throws UsageError for any other name.
OptConfig opt_config_of(std::string_view name);

/// The optimiser of an opt_config.
Method method_of(OptConfig config);

/// S5's names of the groups that learn at ssm_lr, without decay and with it.
inline constexpr Group ssm_group{"ssm", Rate::second, false, "ssm_lr"};
inline constexpr Group none_group{"none", Rate::second, true, "ssm_lr"};

/// The groups of the parameters of every S5SSM and of learned ranges; all others are regular.
/// `dt_global`: log_step learns at the global rate and decays; `freeze_a`: Lambda and log_step keep their values.
std::vector<GroupRule> s5_groups(OptConfig config, bool dt_global = false, bool freeze_a = false);

}  // namespace bitstate
