// Two tasks that need a selective state (Gu and Dao 2023, section 4.1), generated: induction heads and selective
// copying. A token is named at some steps, so that a model of a class per step learns them.
#pragma once

#include "core/options.h"
#include "datasets/dataset.h"

#include <cstddef>
#include <cstdint>

namespace bitstate::datasets {

/// Ids of both tasks are below 16.
inline constexpr std::size_t task_vocabulary = 16;

struct TokenTaskSettings {
  std::size_t length = 64;       ///< tokens L of a sequence; of copying: before the question
  std::size_t copied = 4;        ///< of copying: tokens to be repeated
  std::size_t examples = 16000;  ///< for training; a sixteenth of them for validation, and as many for the test
  std::uint64_t seed = 0;        ///< of every run as it is here, for it has no option
};

/// The option of whatever has a length, those of both tasks, and that of copying alone.
OptionTable<TokenTaskSettings> length_options();
OptionTable<TokenTaskSettings> token_task_options();
OptionTable<TokenTaskSettings> copying_options();

/// L - 1 random tokens below 15, one of which is 15, and 15 again: the last step is labelled by the token that followed
/// the first 15. Throws UsageError for lengths below 3.
Splits induction(const TokenTaskSettings& settings);

/// L tokens 14, of which `copied` at random places are random tokens below 14, then `copied` times 15: these steps are
/// labelled by the random tokens in their order. Throws UsageError where they do not fit.
Splits copying(const TokenTaskSettings& settings);

}  // namespace bitstate::datasets
