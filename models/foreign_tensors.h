// What the readers of checkpoints of other programs share.
#pragma once

#include "core/io/named_tensors.h"

#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <string_view>

namespace bitstate {

/// The shape of a tensor that must be there, with so many dimensions. Throws Error naming file and tensor.
const TensorShape& shape_of(const NamedTensors& tensors, std::string_view name, std::size_t dimensions);

/// The numbers of a tensor that must be there with this shape. Throws Error naming file and tensor.
std::vector<float> numbers_of(const NamedTensors& tensors, const std::string& name, const TensorShape& shape);

/// Throws Error naming a tensor of the file that is not among `used`.
void require_all_used(const NamedTensors& tensors, const std::set<std::string>& used);

}  // namespace bitstate
