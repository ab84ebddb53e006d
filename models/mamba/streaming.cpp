#include "models/mamba/streaming.h"

#include "core/error.h"
#include "models/mamba/model.h"

#include <utility>

namespace bitstate {
namespace {

/// None for an empty one: a convolution of one tap keeps nothing.
Value input_of(Tape& tape, const Tensor& tensor) {
  return tensor.data.empty() ? Value{} : tape.input(tensor.rows, tensor.cols, tensor.data.data());
}

Tensor tensor_of(Tape& tape, Value value) {
  if (!value.exists()) return {};
  Tensor tensor(tape[value].rows, tape[value].cols);
  const float* const numbers = tape.value(value);
  tensor.data.assign(numbers, numbers + tensor.size());
  return tensor;
}

template <class Mixer>
Value forward_from(Tape& tape, const Model& held, const Batch& batch, CarriedState& state) {
  const auto& model = *held.as<MambaModelOf<Mixer>>();
  require(model.tokens && model.spec.output == Output::class_per_step, "mamba",
          "only models that read tokens and give a class per step carry a state");
  Value table;
  Value x = model.enter(tape, batch, table);
  std::vector<MixerState> after(model.layers.size());
  for (std::size_t i = 0; i < after.size(); ++i) {
    MixerState before;
    if (!state.empty()) before = {input_of(tape, state[2 * i]), input_of(tape, state[2 * i + 1])};
    x = model.layers[i].forward(tape, x, batch.sequences, before, &after[i]);
  }
  const Value logits = model.leave(tape, batch, x, table);
  CarriedState behind;
  for (const MixerState& layer : after) {
    behind.push_back(tensor_of(tape, layer.conv));
    behind.push_back(tensor_of(tape, layer.ssm));
  }
  // the nodes of this pass refer to the former state, so that it may go only now
  state = std::move(behind);
  return logits;
}

}  // namespace

CarryingForward carrying_forward(const MambaSettings& settings) {
  require<UsageError>(!settings.bidirectional, "stream",
                      "a model that reads sequences in both directions has no state to carry on");
  return settings.mamba2 ? forward_from<Mamba2Mixer> : forward_from<MambaMixer>;
}

}  // namespace bitstate
