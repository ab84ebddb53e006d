// The recurrence (docs/numerics.md, section 6) in C, in 32 bits where the sums are proven to fit.
#include "core/program/c/functions.h"
#include "core/program/c/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace bitstate::program {
namespace {

/// The largest magnitude of a component of lambda x.
std::int64_t largest_product(const Scan& i) {
  std::int64_t lambda = 0;
  for (const std::int32_t l : i.lambda) lambda = std::max(lambda, std::abs(std::int64_t{l}));
  return 2 * lambda * i.bound;
}

/// |z| and what is added before the shift stay below this.
std::int64_t largest_sum(const Scan& i) {
  const std::int64_t half = i.shift <= 0 ? 0 : std::int64_t{1} << (i.shift - 1);
  return largest_product(i) + i.limit + (i.feedback ? half : 0) + half;
}

// $Z: the type of the sums; $O: of the products; $M and $R: parameters of the residue; $V: the rounded state; $K: the
// residue
constexpr std::string_view round_text = R"(static $S $N($Z z$M, $A, int32_t bound) {
  const $Z rounded = $V;
  const $Z x = rounded > bound ? bound : rounded < -bound ? -bound : rounded;
$K  return ($S)x;
}
)";

constexpr std::string_view scan_text = R"(/* x = clamp(2^-shift (lambda x + u + residue)), planar [re | im] */
static void $N(const $L *lambda, $F, $Z limit, $A, int32_t bound, const $X *u, $S *x$M, uint32_t pairs) {
  uint32_t p;
  for (p = 0; p < pairs; ++p) {
    const uint32_t q = pairs + p;
    const $O l_re = lambda[p], l_im = lambda[q], re = x[p], im = x[q];
    const $Z u_re = ($Z)$P_clamp($P_rescale(u[p], $G), -limit, limit);
    const $Z u_im = ($Z)$P_clamp($P_rescale(u[q], $H), -limit, limit);
    x[p] = $Q(l_re * re - l_im * im + u_re$I);
    x[q] = $Q(l_re * im + l_im * re + u_im$J);
  }
}
)";

/// How z becomes a state: texts that differ between a shift and a factor.
struct Rounding {
  std::string kind, parameters, forwarded, arguments, rounded, back;
};

Rounding rounding_of(const Scan& i, std::string_view prefix, std::string_view sums) {
  if (i.shift >= 0) {
    const std::int64_t half = i.shift == 0 ? 0 : std::int64_t{1} << (i.shift - 1);
    return {"shift",
            fmt::format("unsigned shift, {} half", sums),
            "shift, half",
            fmt::format("{}, {}", i.shift, c_number(half)),
            "(z + half) >> shift",
            fmt::format("x * (({})1 << shift)", sums)};
  }
  const FixedPoint& f = i.to_state;
  const FixedPoint& b = i.to_inner;
  return {"factor",
          "int32_t to_m, unsigned to_k, int32_t back_m, unsigned back_k",
          "to_m, to_k, back_m, back_k",
          fmt::format("{}, {}, {}, {}", f.multiplier, f.shift, b.multiplier, b.shift),
          fmt::format("{}_rescale(z, to_m, to_k)", prefix),
          fmt::format("{}_rescale(x, back_m, back_k)", prefix)};
}

}  // namespace

std::string CFunctions::compute(const Scan& i, std::size_t number) {
  need_rescale();
  need_clamp();
  const CValue& u = memory_.value(i.x);
  const CValue& x = memory_.state(number);
  const CValue& residue = memory_.kept(number);
  const bool narrow = i.shift >= 0 && i.shift <= 30 && largest_sum(i) < std::int64_t{1} << 31;
  const unsigned sum_bits = narrow ? 32 : 64;
  const unsigned product_bits = largest_product(i) < std::int64_t{1} << 31 ? 32 : 64;
  const std::string sums = c_type(sum_bits), products = c_type(product_bits);
  const Rounding how = rounding_of(i, prefix_, sums);
  const std::string kept = i.feedback ? c_type(residue.bits) : "";
  const std::string kind =
      fmt::format("{}{}_z{}_i{}", how.kind, i.feedback ? fmt::format("_e{}", residue.bits) : "", sum_bits, x.bits);
  const std::string unused = i.shift < 0 && !i.feedback ? "  (void)back_m;\n  (void)back_k;\n" : "";
  const std::string residue_parameter = i.feedback ? fmt::format(", {} *residue", kept) : "";
  const std::string residue_text =
      i.feedback ? fmt::format("  *residue = ({})(x == rounded ? z - {} : 0);\n", kept, how.back) : unused;
  const std::string round = define("round_" + kind, round_text,
                                   {{'S', c_type(x.bits)},
                                    {'Z', sums},
                                    {'M', residue_parameter},
                                    {'A', how.parameters},
                                    {'V', how.rounded},
                                    {'K', residue_text}});
  unsigned lambda_bits = 0;
  const std::string lambda = constants_.array(i.lambda, lambda_bits);
  const COperand at_p = constants_.factors(i.from_input, "f", "p");
  const COperand at_q = constants_.factors(i.from_input, "f", "q");
  const auto rest = [&](std::string_view c) {
    return fmt::format("{}, {}, bound", i.feedback ? fmt::format(" + residue[{0}], residue + {0}", c) : "",
                       how.forwarded);
  };
  const std::string function =
      define(fmt::format("scan_l{}_p{}_{}_i{}_{}", lambda_bits, product_bits, at_p.suffix, u.bits, kind), scan_text,
             {{'L', c_type(lambda_bits)},
              {'F', at_p.parameter},
              {'Z', sums},
              {'O', products},
              {'A', how.parameters},
              {'X', c_type(u.bits)},
              {'S', c_type(x.bits)},
              {'M', residue_parameter},
              {'G', at_p.element},
              {'H', at_q.element},
              {'Q', round},
              {'I', rest("p")},
              {'J', rest("q")}});
  const std::string step =
      fmt::format("{}({}, {}, {}, {}, {}, {}, {}{}, {});", function, lambda, at_p.argument, c_number(i.limit),
                  how.arguments, i.bound, u.at, x.at, i.feedback ? ", " + residue.at : "", x.cols / 2);
  const CValue& y = memory_.value(static_cast<Ref>(number));
  return y.at == x.at ? step : step + "\n" + copy(x, y);
}

}  // namespace bitstate::program
