// How the rows of a report compare with float and with each other, seed by seed.
#pragma once

namespace bitstate::experiments {

struct Report;

/// Sets `difference`, `reference`, `one_source` and `best` of every row.
///
/// The difference to float is taken over pairs: a run and the float run of its seed in the float row with otherwise
/// equal settings or, where the row has no such pair, the float run whose weights it started from.
///
/// A row is `best` if it has the best mean among the comparable rows of its stage that are quantized, or float, like
/// it, there is another one, and the 95 % interval of its paired difference to each of them, over the seeds that both
/// have, is on the better side of zero.
void compare_rows(Report& report);

}  // namespace bitstate::experiments
