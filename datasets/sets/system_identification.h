// Two benchmarks of nonlinear system identification (nonlinearbenchmark.org): from what is done to a system, what it
// does. Silverbox (Wigren and Schoukens, 2013): an electronic Duffing oscillator. Cascaded tanks (Schoukens, Mattsson,
// Wigren and Noël, 2016): the level in the lower of two water tanks, which can overflow.
#pragma once

#include "datasets/sequences.h"

#include <filesystem>
#include <optional>

namespace bitstate::datasets {

/// The horizon is 0 (simulation) or 1 (one step ahead). Throws UsageError for another one.
void check_horizon(const SeriesSettings& series);

/// Which of Silverbox's official tests.
enum class SilverboxTest { multisine, arrow };

/// V1 -> V2 of SNLS80mV.csv, in `folder` or its subfolder silverbox. Rows from 0 on, as the authors split them: the
/// training part is 40650 to 105711, of which the last tenth is for validation; test is the multisine, 105712 to
/// 127399, or the arrow, 100 to 40574, which reaches amplitudes that training has not. The default window is 1024
/// steps, and training windows begin every half of one. With horizon 1 it is one-step prediction: inputs u_t and y_t,
/// target y_{t+1}; with 0 simulation: input u_t, target y_t. `reading`: units to take instead of those of the training
/// part.
///
/// Validation and test are one sequence each. The model's state is zero at its start, while that of the system is not
/// (the arrow begins at rest), and an error counts all steps: the transient is in it. Training windows begin with the
/// same wrong state. In one-step prediction y_t is given, the state still begins at zero.
/// Throws UsageError for another horizon; Error saying where to get a file that is absent, and for one with too few
/// rows.
Splits silverbox(const std::filesystem::path& folder, const SeriesSettings& series,
                 SilverboxTest test = SilverboxTest::multisine, const std::optional<Reading>& reading = {});

/// uEst -> yEst (1024 steps) for training, uVal -> yVal (1024 steps) as the test, of dataBenchmark.csv, in `folder` or
/// its subfolder cascaded_tanks. The official split has no validation part: it is the last quarter of the estimation
/// series here. The default window is 256 steps. Of states and errors the same holds as for Silverbox;
/// published figures often estimate the initial levels, or leave out a beginning: they are not comparable with ours.
Splits cascaded_tanks(const std::filesystem::path& folder, const SeriesSettings& series,
                      const std::optional<Reading>& reading = {});

}  // namespace bitstate::datasets
