#include "models/foreign_tensors.h"

#include "core/error.h"

#include <fmt/ranges.h>

namespace bitstate {
namespace {

const TensorShape& shape_in_file(const NamedTensors& tensors, std::string_view name) {
  const auto found = tensors.shapes.find(name);
  require(found != tensors.shapes.end(), tensors.file, "has no tensor {}", name);
  return found->second;
}

}  // namespace

const TensorShape& shape_of(const NamedTensors& tensors, std::string_view name, std::size_t dimensions) {
  const TensorShape& shape = shape_in_file(tensors, name);
  require(shape.size() == dimensions, tensors.file, "{} has the shape [{}]; expected {} dimensions", name,
          fmt::join(shape, ", "), dimensions);
  return shape;
}

std::vector<float> numbers_of(const NamedTensors& tensors, const std::string& name, const TensorShape& shape) {
  const TensorShape& found = shape_in_file(tensors, name);
  require(found == shape, tensors.file, "{} has the shape [{}], but this model has [{}]", name, fmt::join(found, ", "),
          fmt::join(shape, ", "));
  return tensors.read(name);
}

void require_all_used(const NamedTensors& tensors, const std::set<std::string>& used) {
  for (const auto& [name, shape] : tensors.shapes) {
    require(used.contains(name), tensors.file, "holds {}, which this model does not have", name);
  }
}

}  // namespace bitstate
