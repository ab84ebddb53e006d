#include "models/layers/projection.h"

#include "models/layers/init.h"

#include <cmath>
#include <string>

namespace bitstate {

Projection::Projection(std::size_t in, std::size_t out, std::uint64_t seed, std::string_view path) {
  const double limit = 1.0 / std::sqrt(static_cast<double>(in));
  weight.value = uniform(out, in, limit, Random{seed, random_stream(std::string(path) + ".weight")});
  weight_quantizer.channels = out;
  weight_quantizer.numbers = weight.value.size();
}

}  // namespace bitstate
