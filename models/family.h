// What a family of models says of itself to a run that trains one of its models (models/registry.h).
#pragma once

#include "autograd/optimizer.h"
#include "core/tensor.h"
#include "models/model.h"

#include <functional>
#include <vector>

namespace bitstate {

/// How the models of a family learn, besides what every training has.
struct FamilyTraining {
  std::vector<GroupRule> groups = {};  ///< of its parameters
  Method method = Method::adamw;
  double bn_momentum = 0.95;  ///< of running statistics
  bool pads = false;          ///< sequences are padded to the longest of the data, and the model computes the padding
};

/// What a model keeps of the steps that it has read, for those that follow; empty before the first.
using CarriedState = std::vector<Tensor>;

/// Model::forward() of one sequence that goes on where `state` was left; then `state` is what is behind it. What the
/// tape's nodes refer to of the former state is gone: the result is to be read, not differentiated.
using CarryingForward = Value (*)(Tape& tape, const Model& model, const Batch& batch, CarriedState& state);

/// A model whose parameters are those of a file, and what makes the model that a run trains of it. The inventory of the
/// model is to be taken anew afterwards.
struct StoredModel {
  Model model;
  std::function<void(Model& model)> convert;
  bool keeps_ranges = true;  ///< stored ranges fit what the weights become
};

}  // namespace bitstate
