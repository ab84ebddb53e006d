// A mixer of Mamba-2 as a case of the reference has it.
#pragma once

#include "models/mamba/mixer.h"
#include "tests/support/mamba_fixture.h"

#include <string>
#include <utility>
#include <vector>

namespace bitstate::tests {

inline MambaOptions mamba2_options(const MambaGolden& golden, const std::string& at) {
  MambaOptions options;
  options.mamba2 = true;
  options.d_model = golden.count(at, "D");
  options.d_state = golden.count(at, "N");
  options.d_conv = golden.count(at, "K");
  options.expand = golden.count(at, "E") / options.d_model;
  options.headdim = golden.count(at, "P");
  options.ngroups = golden.count(at, "G");
  return options;
}

/// Its parameters by their names in the reference.
inline std::vector<std::pair<std::string, Tensor*>> parameters_of(Mamba2Mixer& mixer) {
  return {{"in_proj", &mixer.in_proj.weight.value},
          {"conv.w", &mixer.conv1d.weight.value},
          {"conv.b", &mixer.conv1d.bias.value},
          {"dt_bias", &mixer.dt_bias.value},
          {"A_log", &mixer.A_log.value},
          {"D", &mixer.D.value},
          {"norm.w", &mixer.norm.weight.value},
          {"out_proj", &mixer.out_proj.weight.value}};
}

}  // namespace bitstate::tests
