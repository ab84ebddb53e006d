// One run at work: a trainer, its data and its folder. train.h decides what is begun.
#pragma once

#include "datasets/splits.h"
#include "datasets/training_warnings.h"
#include "experiments/host/console.h"
#include "experiments/run_folder/curves.h"
#include "experiments/run_folder/model_setup.h"
#include "experiments/run_folder/train.h"
#include "experiments/settings/run_config.h"
#include "experiments/training/team.h"
#include "experiments/training/trainer.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace bitstate::experiments {

/// One run: a trainer, its data and its folder.
class Run {
 public:
  Run(const RunConfig& config, std::filesystem::path folder, datasets::Splits data,
      const std::shared_ptr<Team>& team = std::make_shared<Team>())
      : config_(config),
        folder_(std::move(folder)),
        data_(std::move(data)),
        options_(trainer_options(config, data_)),
        team_(team),
        trainer_(make_model(config, data_), with_callbacks(options_)),
        steps_per_epoch_(trainer_.steps_per_epoch(*data_.train)) {}
  Run(const Run&) = delete;  // the callbacks know where it is

  void begin();
  void rehearse();
  TrainResult train();
  TrainResult evaluate_best(const RunIdentity& trained);
  void describe() const;
  /// Name, size, group, rate and decay of every parameter.
  std::string parameter_table() const { return trainer_.optimizer().table(); }
  std::string data_summary() const { return datasets::summary(data_); }
  std::string test_summary() const { return datasets::test_summary(data_); }
  std::vector<std::string> data_warnings() const { return datasets::training_warnings(data_); }
  /// What was not taken over from the source; empty: nothing.
  const std::string& warning() const { return warning_; }
  const Model& model() const { return trainer_.model(); }

 private:
  TrainerOptions with_callbacks(TrainerOptions options);
  const datasets::Dataset& validation() const { return data_.validation ? *data_.validation : *data_.test; }
  std::filesystem::path file(const char* name) const { return folder_ / name; }
  Team& team() const { return *team_; }

  bool resumes() const { return config_.run.resume && std::filesystem::exists(file("checkpoint.h5")); }
  void take_over();
  void require_same_everywhere();
  void write(const char* name, const std::string& text) const;
  void transform();
  [[nodiscard]] std::string search_identity() const;
  void search();
  void say_whether_exportable();
  void keep_prefix();
  void print_ledger();
  void end_step(const Progress& progress);
  void end_epoch(const EpochResult& epoch);
  void learn();
  void check_give_up() const;
  void give_up_if_hopeless() const;
  void keep_untrained();
  TrainResult tested();
  void save();
  TrainResult result(std::string status) const;

  RunConfig config_;
  std::filesystem::path folder_;
  datasets::Splits data_;
  TrainerOptions options_;
  std::shared_ptr<Team> team_;
  Trainer trainer_;
  std::size_t steps_per_epoch_;
  std::optional<ProgressBar> bar_, search_bar_;
  std::optional<CurvesFile> curves_;
  std::chrono::steady_clock::time_point saved_ = std::chrono::steady_clock::now();
  std::optional<Model> source_;  // as it was before its transforms, where a search wants to know
  std::string warning_;          // about the weights of the source
  std::string diverged_;         // before the training: why
  double seconds_before_ = 0.0;
  std::uint64_t tokens_before_ = 0;
};

}  // namespace bitstate::experiments
