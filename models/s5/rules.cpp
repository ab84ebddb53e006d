// Which sites of an S5 model the *_bits flags mean.
#include "models/s5/settings.h"

#include <fmt/format.h>

#include <string_view>

namespace bitstate {
namespace {

/// Options of the rules that the flags stand for.
struct FlagOptions {
  std::string_view a, weight, complex_weight, ssm_act, complex_act, act;
};

FlagOptions flag_options(bool as_in_qs5) {
  if (as_in_qs5) {
    return {.a = "range=absmax granularity=tensor edge=half",
            .weight = "range=absmax granularity=tensor edge=half",
            .complex_weight = "range=absmax granularity=tensor edge=half parts=separate",
            .ssm_act = "range=absmax granularity=step edge=half",
            .complex_act = "range=absmax granularity=step edge=half parts=separate",
            .act = "range=absmax granularity=sample edge=half"};
  }
  constexpr std::string_view weight = "range=absmax granularity=channel edge=half";
  constexpr std::string_view activation = "range=ema rate=0.3 edge=half";
  return {"form=log-polar", weight, weight, activation, activation, activation};
}

}  // namespace

std::string quant_rules(const S5Settings& s, std::string_view preset) {
  const bool as_in_qs5 = preset == "qs5";
  std::string rules;
  const auto add = [&](const std::optional<int>& bits, std::string_view glob, std::string_view options) {
    if (bits) rules += fmt::format("{} {} {}\n", glob, *bits, options);
  };
  const FlagOptions options = flag_options(as_in_qs5);
  const bool glu = s.activation_fn != "gelu";  // a rule that matches no site is an error
  add(s.a_bits, "weight:*.ssm.A", options.a);
  add(s.b_bits, "weight:*.ssm.B", options.complex_weight);
  add(s.c_bits, "weight:*.ssm.C", options.complex_weight);
  add(s.d_bits, "weight:*.ssm.D", options.weight);
  add(s.ssm_act_bits, "act:*.ssm.*", options.ssm_act);
  if (as_in_qs5) {
    add(s.ssm_act_bits, "act:*.ssm.x", options.complex_act);
    add(s.ssm_act_bits, "state:*", options.ssm_act);
  }
  add(s.non_ssm_bits, "weight:encoder", options.weight);
  add(s.non_ssm_bits, "weight:decoder*", options.weight);
  if (glu) add(s.non_ssm_bits, "weight:*.glu.*", options.weight);
  add(s.non_ssm_act_bits, "?act:encoder", options.act);  // tokens are looked up
  if (as_in_qs5) {
    add(s.non_ssm_act_bits, "act:*.glu.gelu", options.act);
    add(s.non_ssm_act_bits, "act:*.glu.x", options.act);
    if (glu) add(s.non_ssm_act_bits, "act:*.glu.gate", options.act);
    if (!s.batchnorm) add(s.non_ssm_act_bits, s.prenorm ? "acc:*.norm" : "act:*.norm", options.act);
  } else {
    add(s.non_ssm_act_bits, glu ? "act:*.glu.*" : "act:*.gelu", options.act);
  }
  add(s.non_ssm_act_bits, "?act:decoder", options.act);
  add(s.non_ssm_act_bits, "?act:decoder.0", options.act);  // of pairs of documents
  add(s.non_ssm_act_bits, "?act:decoder.1", options.act);
  return rules;
}

}  // namespace bitstate
