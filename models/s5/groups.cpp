#include "models/s5/groups.h"

#include "core/error.h"

#include <initializer_list>

namespace bitstate {

OptConfig opt_config_of(std::string_view name) {
  if (name == "standard") return OptConfig::standard;
  if (name == "BandCdecay") return OptConfig::BandCdecay;
  if (name == "BfastandCdecay") return OptConfig::BfastandCdecay;
  if (name == "noBCdecay") return OptConfig::noBCdecay;
  if (name == "qaft") return OptConfig::sgd;
  fail<UsageError>("opt_config", "expected one of standard, BandCdecay, BfastandCdecay, noBCdecay, qaft, got \"{}\"",
                   name);
}

Method method_of(OptConfig config) { return config == OptConfig::sgd ? Method::sgd : Method::adamw; }

namespace {

Group group_of_b(OptConfig config) {
  switch (config) {
    case OptConfig::standard:
    case OptConfig::sgd:
    case OptConfig::noBCdecay:
      return ssm_group;
    case OptConfig::BandCdecay:
      return none_group;
    case OptConfig::BfastandCdecay:
      return regular_group;
  }
  fail("opt_config", "there is no value {}", static_cast<int>(config));
}

}  // namespace

std::vector<GroupRule> s5_groups(OptConfig config, bool dt_global, bool freeze_a) {
  std::vector<GroupRule> rules;
  const auto add = [&](std::initializer_list<const char*> globs, const Group& group) {
    for (const char* glob : globs) rules.push_back({glob, group});
  };
  add({"*.log_range", "*.ssm.Lambda_re", "*.ssm.Lambda_im", "*.ssm.Lambda_bar"}, ssm_group);
  add({"*.ssm.log_step"}, dt_global ? regular_group : ssm_group);
  add({"*.ssm.B", "*.ssm.B_bar"}, group_of_b(config));
  add({"*.ssm.C", "*.ssm.C1", "*.ssm.C2", "*.ssm.D"}, config == OptConfig::noBCdecay ? ssm_group : regular_group);
  if (freeze_a) {
    add({"*.ssm.Lambda_re", "*.ssm.Lambda_im", "*.ssm.Lambda_bar", "*.ssm.log_step"}, frozen_group);
  }
  return rules;
}

}  // namespace bitstate
