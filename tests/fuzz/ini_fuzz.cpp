// The .ini files of recipes, runs and sweeps.
#include "experiments/settings/ini.h"
#include "tests/fuzz/target.h"

namespace bitstate::fuzz {

Target target() {
  using experiments::parse_ini;
  return {{{"epochs = 3 # few\n[axis]\n c_bits = 2 4 8\r\n[]\nquant = my.quant\n"},
           {"a==b\nname = = #\n[ s ]\nx=\n"},
           {""},
           {"name\n", Claim::refused},
           {"= 3\n", Claim::refused},
           {"[open\n", Claim::refused},
           {"[", Claim::refused}},
          [](std::string_view input) {
            const experiments::Settings settings = parse_ini(input, "fuzz");
            const std::string text = experiments::format_ini(settings);
            promise(parse_ini(text, "fuzz") == settings, "the same settings of what is written");
            return text;
          }};
}

}  // namespace bitstate::fuzz
