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
      return Group::ssm;
    case OptConfig::BandCdecay:
      return Group::none;
    case OptConfig::BfastandCdecay:
      return Group::regular;
  }
  fail("opt_config", "there is no value {}", static_cast<int>(config));
}

}  // namespace

std::vector<GroupRule> s5_groups(OptConfig config, bool dt_global, bool freeze_a) {
  std::vector<GroupRule> rules;
  const auto add = [&](std::initializer_list<const char*> globs, Group group) {
    for (const char* glob : globs) rules.push_back({glob, group});
  };
  add({"*.ssm.Lambda_re", "*.ssm.Lambda_im", "*.ssm.Lambda_bar"}, Group::ssm);
  add({"*.ssm.log_step"}, dt_global ? Group::regular : Group::ssm);
  add({"*.ssm.B", "*.ssm.B_bar"}, group_of_b(config));
  add({"*.ssm.C", "*.ssm.C1", "*.ssm.C2", "*.ssm.D"}, config == OptConfig::noBCdecay ? Group::ssm : Group::regular);
  if (freeze_a) {
    add({"*.ssm.Lambda_re", "*.ssm.Lambda_im", "*.ssm.Lambda_bar", "*.ssm.log_step"}, Group::frozen);
  }
  return rules;
}

}  // namespace bitstate
