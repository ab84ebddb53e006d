#include "experiments/settings/training_settings.h"

#include "experiments/training/class_weights.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace bitstate::experiments {

namespace {

OptionTable<OptimizerSettings> optimizer_options() {
  OptionTable<OptimizerSettings> table("training");
  table.real("weight_decay", "RATE", &OptimizerSettings::weight_decay, {0.0, 1e3}, "decoupled weight decay");
  table.real("beta2", "SHARE", &OptimizerSettings::beta2, {0.0, 1.0, false, true},
             "of Adam: memory of squared gradients");
  table.real("clip_grad_norm", "NORM", &OptimizerSettings::clip, {0.0, 1e18}, "largest norm of the gradient; 0: any");
  return table;
}

/// A row whose values are those of an enum, by its words.
template <class Form, std::size_t N>
void add_form(OptionTable<TrainingSettings>& table, const char* name, Form TrainingSettings::*field,
              const std::array<std::string_view, N>& words, std::string help) {
  const std::vector<std::string> known(words.begin(), words.end());
  const auto set = [=](TrainingSettings& s, std::string_view value) {
    const std::string word = options::read_word(name, value, known);
    s.*field = static_cast<Form>(std::find(known.begin(), known.end(), word) - known.begin());
  };
  const auto text = [=](const TrainingSettings& s) { return std::string(word_of(s.*field)); };
  table.add(name, "WORD", std::move(help), set, text).words = known;
}

}  // namespace

OptionTable<TrainingSettings> training_options() {
  using T = TrainingSettings;
  OptionTable<T> table("training");
  table.whole("epochs", "EPOCHS", &T::epochs, 0, 1000000,
              "passes over the training part; 0 with from: only calibrate its weights");
  table.real("ssm_lr_base", "RATE", &T::second_lr, {0.0, 100.0, true}, "learning rate of the SSM's parameters");
  table.real("lr_factor", "FACTOR", &T::lr_factor, {0.0, 1e6, true},
             "on ssm_lr_base, for the learning rate of all other parameters");
  table.real("lr_min", "RATE", &T::lr_min, {0.0, 100.0}, "learning rate at the end of the cosine");
  table.whole("warmup_end", "EPOCHS", &T::warmup_end, 0, 1000000, "linear warm-up of the learning rate");
  table.whole("warmup_steps", "STEPS", &T::warmup_steps, 0, 1000000000,
              "linear warm-up over the first steps, besides warmup_end");
  table.flag("cosine_anneal", &T::cosine_anneal, "cosine schedule after the warm-up; false: constant");
  table.nested<OptimizerSettings>(optimizer_options(), &T::optimizer);
  add_form<ActBackward>(table, "act_backward", &T::act_backward, act_backward_words,
                        "slope of activations that are no gates: theirs, or the sign of the operand");
  table.whole("seed", "N", &T::seed, 0, std::numeric_limits<std::uint64_t>::max(),
              "seed of every random draw of the run");
  table.whole("lanes", "LANES", &T::lanes, 1, 1024,
              "lanes that a batch is dealt to; they change the last bits, unlike threads");
  for (auto& option : table.rows()) option.checked_alone = true;
  add_form<NormBackward>(table, "norm_backward", &T::norm_backward, norm_backward_words,
                         "what gradients take for constant in a norm; with centred and frozen its scale stays");
  const auto set_weights = [](T& s, std::string_view value) {
    check_class_weights(value);
    s.class_weights = value;
  };
  table.add("class_weights", "WEIGHTS", "what the loss of each class counts: none, balanced, or numbers with commas",
            set_weights, [](const T& s) { return s.class_weights; });
  table.whole("bsz", "SEQUENCES", &T::bsz, 1, 65536, "batch size");  // the training part may have fewer
  table.begin_group("quantization");
  auto& batches = table.whole("calibration_batches", "BATCHES", &T::calibration_batches, 0, 1000000,
                              "training batches that set the ranges before the first step; all, if there are fewer");
  batches.inherited = false;
  return table;
}

}  // namespace bitstate::experiments
