#include "experiments/host/machine.h"

#include "core/text.h"

#include <fstream>

namespace bitstate::experiments {

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(':');
    if (line.starts_with("model name") && colon != std::string::npos)
      return std::string(trimmed(line.substr(colon + 1)));
  }
  return "unknown";
}

}  // namespace bitstate::experiments
