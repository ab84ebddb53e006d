// Training and evaluation of one run.
#pragma once

#include "datasets/dataset.h"
#include "experiments/run_folder/test_details.h"
#include "experiments/training/team.h"
#include "models/inventory.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace bitstate::experiments {

struct RunConfig;

/// The final figures of a run.
struct TrainResult {
  std::string status;        ///< "done", "diverged", "given up" or "interrupted"
  std::string reason;        ///< of a divergence: which tensor, which step; why it was given up
  std::string metric_name;   ///< metric_name() of experiments/training/metric.h
  double test_metric = 0.0;  ///< of the weights that were best on the validation part; accuracy in [0, 1]
  double val_metric = 0.0;   ///< best on the validation part (the test part where there is none)
  double test_loss = 0.0;
  TestDetails test_details = {};  ///< empty in results of older versions
  std::uint64_t epochs = 0;       ///< trained
  double seconds = 0.0;           ///< wall time of all sessions of the run
  double tokens_per_second = 0.0;
  std::uint64_t peak_rss_bytes = 0;
  std::string weights_digest;      ///< SHA-256 of the weights at the end of training
  std::uint64_t size_bits = 0;     ///< of the stored weights and biases; 0 in results of older versions
  PoleCost poles = {};             ///< of A; 0 in results of older versions
  std::string program = {};        ///< program_version() of what ended the run; empty in results of older versions
  std::string extended_from = {};  ///< the run that was trained for fewer epochs and that this one went on from
  std::string date = {};           ///< of its end, in UTC; likewise
  std::string cpu = {};            ///< of the machine that ended the run; likewise
  unsigned cores = 0;              ///< that it has; 0 in results of older versions
  std::string give_up = {};        ///< given up: the rule, as text_of(GiveUpRule) has it
  unsigned attempt = 0;            ///< given up: of whoever ended it (claim.h); 0: nobody shares the run
  int exit_code = 0;               ///< 0, 1 (diverged, given up) or 75 (interrupted)
};

/// The figures as one line of JSON, under the names of --json.
std::string to_json(const TrainResult& result);

/// Reads to_json()'s text back. Throws Error naming `file` when it is damaged.
TrainResult result_from_json(const std::string& text, const std::string& file);

/// Trains in the folder config.run.out: settings.ini, parameters.txt (group, rate and decay of each), metrics.jsonl
/// (one line per epoch), checkpoint.h5, best.h5 and, at the end, result.json, all written atomically; what it prints is
/// appended to train.log, and curves.csv (run_folder/curves.h) grows by a row every so many steps. sites.csv and
/// eigenvalues.csv say of a run that is done what its best weights are made of (run_folder/inspect_run.h). With 0
/// epochs (post-training quantization) it calibrates the weights of config.source.from, and there are neither
/// parameters.txt, metrics.jsonl, curves.csv nor checkpoint.h5. With config.run.resume it continues from checkpoint.h5
/// where there is one, bit for bit, unless the data are others; a finished run is returned as it is. A NaN or an
/// infinity ends the run as "diverged"; the last good checkpoint stays. config.run.give_up may end it as "given up", by
/// its validation part: resumed under another rule, it goes on. Throws UsageError when the folder already holds a run
/// and resume is not set, Error when another process works in it. All ranks of a team call it at the same time and see
/// the same folder, in which the first one alone writes.
TrainResult train(const RunConfig& config, const std::shared_ptr<Team>& team = std::make_shared<Team>());

/// train() on `data`, those of training_data() or a part of them.
TrainResult train_on(const RunConfig& config, const datasets::Splits& data);

/// The data as train() sees them: by the reading of the checkpoint that it resumes or the run that it starts from.
datasets::Splits training_data(const RunConfig& config);

/// Throws what train() would throw before its first step on `data`, those of training_data(), and writes nothing.
void rehearse(const RunConfig& config, const datasets::Splits& data);

/// Evaluates the best weights of the run in `run` (a folder that train() wrote) on the test part. dataset,
/// contour_length, step_rescale and limit_test may be others than in training (speech35-8k with step_rescale 2 is S5's
/// test at half the rate).
TrainResult evaluate(const RunConfig& config, const std::filesystem::path& run);

}  // namespace bitstate::experiments
