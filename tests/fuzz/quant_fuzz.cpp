// Rules of bit-widths.
#include "core/error.h"
#include "core/grid.h"
#include "core/quant_spec.h"
#include "tests/fuzz/target.h"

#include <array>

namespace bitstate::fuzz {
namespace {

const std::array<Site, 5> sites = {{{"weight:layers.0.ssm.A", SiteKind::weight, true},
                                    {"bias:decoder", SiteKind::bias},
                                    {"act:layers.0.ssm.u", SiteKind::act},
                                    {"state:layers.0.ssm", SiteKind::state},
                                    {"acc:decoder", SiteKind::acc}}};

std::string read(std::string_view input) {
  std::string content;
  const std::vector<QuantSpec> specs = QuantConfig::parse(input, "fuzz").resolve(sites);
  promise(specs.size() == sites.size(), "a spec a site");
  for (std::size_t i = 0; i < sites.size(); ++i) {
    const QuantSpec& spec = specs[i];
    if (!spec.active()) continue;
    promise(spec.bits >= 1 && spec.bits <= 16, "bits");
    promise(!spec.pole.is_lookup() || spec.pole.magnitude + spec.pole.phase == 2 * spec.bits,
            "bits of modulus and phase");
    const Grid grid = make_grid(spec, 3.0F);
    promise(grid.scale > 0.0F && grid.lo < grid.hi, "a grid");
    const std::string row = sites[i].name + ' ' + std::to_string(spec.bits) + ' ' + options_text(spec);
    content += row + '\n';
  }
  return content;
}

}  // namespace

Target target() {
  return {{{"# all\n*:* 8\n", Claim::refused},
           {"weight:* 8 granularity=channel edge=half\nact:*ssm.u none # float\nstate:* 16 rounding=stochastic\n"},
           {"weight:*.ssm.A 6 form=log-polar magnitude=5 phase=7 width=12\n"},
           {"weight:*.ssm.A 5 form=polar grid_shift=-0.375\n"},
           {"weight:*.ssm.A 6 form=delta\n"},
           {"weight:*.ssm.A 6 form=shear magnitude=3\n"},
           {"weight:*.ssm.A 6 form=shear width=12\n", Claim::refused},
           {"?weight:*.E 1\r\nact:* 4 range=percentile alpha=99.5 rate=1e-2\nacc:*\t16 range=fixed value=1e18\n"},
           {"act:* 3 sign=asymmetric scale=pow2\nbias:* 12 range=mse rate=0.5\n"},
           {"weight:* 17\n", Claim::refused},
           {"weight:* 99999999999999999999\n", Claim::refused},
           {"act:* 8 range=fixed value=inf\n", Claim::refused},
           {"act:* 8 alpha=nan\n", Claim::refused},
           {"weight:*.ssm.A 1 form=polar magnitude=31\n", Claim::refused},
           {"weight:none 8\n", Claim::refused},
           {"weight:" + std::string(3000, '*') + "x 8\n", Claim::refused}},
          read};
}

}  // namespace bitstate::fuzz
