#include "datasets/formats/array_file.h"

#include "core/error.h"

#include <fmt/format.h>

namespace bitstate::datasets {

std::vector<std::string> ArraysInMemory::list() const {
  std::vector<std::string> names;
  for (const auto& [name, array] : arrays_) names.push_back(name);
  return names;
}

std::vector<double> ArraysInMemory::numbers(std::string_view name) const {
  const Array& array = at(name);
  require(array.stored != Stored::texts, fmt::format("{}: {}", path_.string(), name), "holds texts, not numbers");
  return array.numbers;
}

std::vector<std::string> ArraysInMemory::texts(std::string_view name) const {
  const Array& array = at(name);
  require(array.stored == Stored::texts, fmt::format("{}: {}", path_.string(), name), "holds numbers, not texts");
  return array.texts;
}

const ArraysInMemory::Array& ArraysInMemory::at(std::string_view name) const {
  const auto found = arrays_.find(name);
  require(found != arrays_.end(), fmt::format("{}: {}", path_.string(), name), "is not there");
  require(found->second.obstacle.empty(), fmt::format("{}: {}", path_.string(), name), "{}", found->second.obstacle);
  return found->second;
}

}  // namespace bitstate::datasets
