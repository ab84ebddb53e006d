// The tensors of a file under the names that another program gave them.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace bitstate {

using TensorShape = std::vector<std::size_t>;

/// What a file (or several that belong together) holds.
struct NamedTensors {
  std::string file;  ///< as errors name it
  std::map<std::string, TensorShape, std::less<>> shapes;
  /// The numbers of the tensor of this name, row-major. Throws Error naming file and tensor where one is not finite or
  /// the file cannot be read.
  std::function<std::vector<float>(const std::string& name)> read;
};

}  // namespace bitstate
