// The head and the top layer of a program in training, as the C of an exported model trains them on a device.
#pragma once

#include "core/program/run/runner.h"
#include "core/tuning/head.h"
#include "core/tuning/layer.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace bitstate::program {

/// What runs before the top layer: the codes that enter it are the result.
[[nodiscard]] Program before_layer(const Program& program, const TrainableLayer& layer);

class TopTuner {
 public:
  /// Begins with the weights and biases of the program.
  TopTuner(Program program, TrainableHead head, TrainableLayer layer);

  /// A step on the codes [steps, cols] that enter the layer, for an example of the class `label`. Returns the loss
  /// before it in units of 2^-16 nats, or no_loss, and moves nothing, for a label that is no class and for no steps or
  /// more than the layer allows.
  std::int32_t tune(std::span<const std::int32_t> entering, std::size_t label);
  /// The logits of these codes.
  [[nodiscard]] std::vector<std::int32_t> logits(std::span<const std::int32_t> entering) const;

  [[nodiscard]] const HeadTuner& head() const { return head_; }
  [[nodiscard]] const TrainableLayer& layer() const { return layer_; }
  /// Weights and biases of the layer, in the order of TrainableLayer::weights: codes times 2^16, and units of the sums.
  [[nodiscard]] const std::vector<std::int32_t>& numbers() const { return numbers_; }
  /// Goes on from these, and those of the head, brought into their limits. Throws Error for other numbers of them.
  void restore(std::span<const std::int32_t> weights, std::span<const std::int32_t> biases,
               std::span<const std::int32_t> numbers);
  /// The program with layer and head as they are now.
  [[nodiscard]] Program tuned() const;

 private:
  /// The watched values of each step, and the last value of the layer.
  struct Steps {
    std::size_t count = 0, width = 0;
    std::vector<std::int32_t> rows;  // [count, width]
    std::vector<std::size_t> first;  // of each value of the program in a row
    [[nodiscard]] const std::int32_t* at(std::size_t step, Ref value) const {
      return rows.data() + step * width + first[value];
    }
  };

  [[nodiscard]] std::size_t columns(Ref value) const { return infos_[value].cols; }
  [[nodiscard]] const Instruction& instruction(std::size_t number) const { return program_.instructions[number - 1]; }
  [[nodiscard]] Steps run(std::span<const std::int32_t> entering) const;
  [[nodiscard]] std::vector<std::int32_t> pooled(const Steps& steps) const;
  [[nodiscard]] std::vector<std::int32_t> operand_of_head(const std::vector<std::int32_t>& pooled) const;
  /// The adjoint of the pooled value, of 29 bits; sets the exponent of its unit. False where it is 0.
  bool begin_back(std::span<const std::int64_t> g, const std::vector<std::int32_t>& pooled, int& exponent);
  /// Along one way, `codes` being those of an operand of its instruction.
  void back(const Backward& way, const std::int32_t* codes);
  void gather(const TrainedWeight& w, const std::int32_t* x);
  void descend(const TrainedWeight& w, std::size_t steps, int exponent);
  std::int32_t* adjoint(Ref value) { return adjoints_.data() + layer_.adjoint(value).first; }

  Program program_;  // with the weights as they are now, but for the head's
  std::vector<ValueInfo> infos_;
  HeadTuner head_;
  TrainableLayer layer_;
  std::vector<std::int32_t> numbers_, gradients_, adjoints_;
};

}  // namespace bitstate::program
