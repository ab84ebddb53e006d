// A list of parameters made by hand.
#pragma once

#include "autograd/parameter.h"

#include <cstddef>
#include <deque>
#include <string>
#include <utility>
#include <vector>

namespace bitstate::tests {

/// Parameters with consecutive places, and their list.
struct ParameterSet {
  std::deque<Parameter> storage;
  std::vector<NamedParameter> list;
  std::size_t size = 0;

  void add(std::string name, Tensor value) {
    storage.push_back({std::move(value), size});
    size += storage.back().value.size();
    list.push_back({std::move(name), &storage.back()});
  }
};

}  // namespace bitstate::tests
