// The recurrence (docs/numerics.md, section 6) in C, in 32 bits where the sums are proven to fit.
#include "core/program/c/functions.h"
#include "core/program/c/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace bitstate::program {
namespace {

/// The largest magnitude of a component of lambda x.
std::int64_t largest_product(const Scan& i) {
  std::int64_t lambda = 0;
  for (const std::int32_t l : i.lambda) lambda = std::max(lambda, std::abs(std::int64_t{l}));
  return 2 * lambda * i.bound;
}

std::int64_t largest_product(const ScanShear& i) {
  std::int64_t largest = 0;
  for (std::size_t p = 0; p < i.sign.size(); ++p) {
    const Shear shear = i.at(p);
    largest = std::max(largest, std::abs(std::int64_t{shear.straight()}) + std::abs(std::int64_t{shear.turn()}));
  }
  return largest * i.bound;
}

/// |z| and what is added before the shift stay below this.
template <class S>
std::int64_t largest_sum(const S& i, std::int32_t shift) {
  const std::int64_t half = shift <= 0 ? 0 : std::int64_t{1} << (shift - 1);
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

// $C: g, k, n, j and perhaps m of the states, k and j as 15 - k and 15 - j; $W, $B, $K: g, n and j of state p; $D, $E:
// m 2^(15 - k) times re and im
constexpr std::string_view shear_text =
    R"(/* x = clamp(2^-15 (g ((1 - m 2^-k) x - n 2^-j y) + u + residue)), then y = clamp(2^-15 (g (1 - m 2^-k) y + n 2^-j x + u
   + residue)), planar [x | y] */
static void $N($C, $F, $Z limit, $A, int32_t bound, const $X *u, $S *x$M, uint32_t pairs) {
  uint32_t p;
  for (p = 0; p < pairs; ++p) {
    const uint32_t q = pairs + p;
    const $Z u_re = ($Z)$P_clamp($P_rescale(u[p], $G), -limit, limit);
    const $Z u_im = ($Z)$P_clamp($P_rescale(u[q], $H), -limit, limit);
    const int32_t step = $B, re = x[p], im = x[q];
    const $Z turn = ($Z)1 << $K;
    const $Z z_re = ($Z)re * 32768 - $D - ($Z)(step * im) * turn;
    const $Z z_im = ($Z)im * 32768 - $E;
    x[p] = $Q(($W < 0 ? -z_re : z_re) + u_re$I);
    const $Z crossed = ($Z)(step * (int32_t)x[p]) * turn;  /* the new x */
    x[q] = $Q(($W < 0 ? -z_im : z_im) + crossed + u_im$J);
  }
}
)";

}  // namespace

/// How z becomes a state: texts that differ between a shift and a factor.
struct ScanRounding {
  std::string kind, parameters, forwarded, arguments, rounded, back, unused;
};

struct CFunctions::ScanParts {
  std::string sums;     // the type
  std::string kind;     // in the names of functions
  std::string residue;  // the parameter
  std::string round;    // the function
  std::string forwarded;
  bool feedback;

  /// What is added to component `c` of u, and the other arguments of round.
  [[nodiscard]] std::string rest(std::string_view c) const {
    return fmt::format("{}, {}, bound", feedback ? fmt::format(" + residue[{0}], residue + {0}", c) : "", forwarded);
  }
};

namespace {

ScanRounding rounding_by_shift(std::int32_t shift, std::string_view sums) {
  const std::int64_t half = shift == 0 ? 0 : std::int64_t{1} << (shift - 1);
  return {"shift",
          fmt::format("unsigned shift, {} half", sums),
          "shift, half",
          fmt::format("{}, {}", shift, c_number(half)),
          "(z + half) >> shift",
          fmt::format("x * (({})1 << shift)", sums),
          ""};
}

/// 15 - k
std::vector<std::int32_t> left_shifts(const std::vector<std::int32_t>& right) {
  std::vector<std::int32_t> left;
  for (const std::int32_t k : right) left.push_back(Shear::fraction - k);
  return left;
}

ScanRounding rounding_of(const Scan& i, std::string_view prefix, std::string_view sums) {
  if (i.shift >= 0) return rounding_by_shift(i.shift, sums);
  const FixedPoint& f = i.to_state;
  const FixedPoint& b = i.to_inner;
  return {"factor",
          "int32_t to_m, unsigned to_k, int32_t back_m, unsigned back_k",
          "to_m, to_k, back_m, back_k",
          fmt::format("{}, {}, {}, {}", f.multiplier, f.shift, b.multiplier, b.shift),
          fmt::format("{}_rescale(z, to_m, to_k)", prefix),
          fmt::format("{}_rescale(x, back_m, back_k)", prefix),
          "  (void)back_m;\n  (void)back_k;\n"};
}

}  // namespace

CFunctions::ScanParts CFunctions::scan_parts(std::size_t number, unsigned sum_bits, bool feedback,
                                             const ScanRounding& how) {
  need_rescale();
  need_clamp();
  const CValue& x = memory_.state(number);
  const std::string sums = c_type(sum_bits);
  const unsigned kept_bits = memory_.kept(number).bits;
  const std::string kept = c_type(kept_bits);
  const std::string kind =
      fmt::format("{}{}_z{}_i{}", how.kind, feedback ? fmt::format("_e{}", kept_bits) : "", sum_bits, x.bits);
  const std::string residue = feedback ? fmt::format(", {} *residue", kept) : "";
  const std::string residue_text =
      feedback ? fmt::format("  *residue = ({})(x == rounded ? z - {} : 0);\n", kept, how.back) : how.unused;
  const std::string round = define("round_" + kind, round_text,
                                   {{'S', c_type(x.bits)},
                                    {'Z', sums},
                                    {'M', residue},
                                    {'A', how.parameters},
                                    {'V', how.rounded},
                                    {'K', residue_text}});
  return {sums, kind, residue, round, how.forwarded, feedback};
}

std::string CFunctions::scan_step(std::size_t number, const std::string& call) {
  const CValue& x = memory_.state(number);
  const CValue& y = memory_.value(static_cast<Ref>(number));
  return y.at == x.at ? call : call + "\n" + copy(x, y);
}

std::string CFunctions::compute(const Scan& i, std::size_t number) {
  const CValue& u = memory_.value(i.x);
  const CValue& x = memory_.state(number);
  const bool narrow = i.shift >= 0 && i.shift <= 30 && largest_sum(i, i.shift) < std::int64_t{1} << 31;
  const unsigned sum_bits = narrow ? 32 : 64;
  const unsigned product_bits = largest_product(i) < std::int64_t{1} << 31 ? 32 : 64;
  const ScanRounding how = rounding_of(i, prefix_, c_type(sum_bits));
  const ScanParts parts = scan_parts(number, sum_bits, i.feedback, how);
  unsigned lambda_bits = 0;
  const std::string lambda = constants_.array(i.lambda, lambda_bits);
  const COperand at_p = constants_.factors(i.from_input, "f", "p");
  const COperand at_q = constants_.factors(i.from_input, "f", "q");
  const std::string function = define(
      fmt::format("scan_l{}_p{}_{}_i{}_{}", lambda_bits, product_bits, at_p.suffix, u.bits, parts.kind), scan_text,
      {{'L', c_type(lambda_bits)},
       {'F', at_p.parameter},
       {'Z', parts.sums},
       {'O', c_type(product_bits)},
       {'A', how.parameters},
       {'X', c_type(u.bits)},
       {'S', c_type(x.bits)},
       {'M', parts.residue},
       {'G', at_p.element},
       {'H', at_q.element},
       {'Q', parts.round},
       {'I', parts.rest("p")},
       {'J', parts.rest("q")}});
  return scan_step(number, fmt::format("{}({}, {}, {}, {}, {}, {}, {}{}, {});", function, lambda, at_p.argument,
                                       c_number(i.limit), how.arguments, i.bound, u.at, x.at,
                                       i.feedback ? ", " + memory_.kept(number).at : "", x.cols / 2));
}

namespace {

/// The numbers of the states in C: what reads those of state p, and all as parameters.
struct ShearOperands {
  COperand sign, decay_shift, step, step_shift, decay;
  bool shifts_only;
  std::string suffix, parameters, arguments;

  ShearOperands(CConstants& constants, const ScanShear& i)
      : sign(constants.numbers(i.sign, "g", "p")),
        decay_shift(constants.numbers(left_shifts(i.decay_shift), "k", "p")),
        step(constants.numbers(i.step, "n", "p")),
        step_shift(constants.numbers(left_shifts(i.step_shift), "j", "p")),
        decay(constants.numbers(i.decay, "m", "p")),
        shifts_only(std::all_of(i.decay.begin(), i.decay.end(), [](std::int32_t m) { return m == 1; })) {
    for (const COperand* const o : {&sign, &decay_shift, &step, &step_shift, &decay}) {
      if (o == &decay && shifts_only) continue;
      suffix += o->suffix + "_";
      parameters += (parameters.empty() ? "" : ", ") + o->parameter;
      arguments += o->argument + ", ";
    }
  }

  /// m 2^(15 - k) times `component`
  [[nodiscard]] std::string decayed(std::string_view component, std::string_view sums) const {
    const std::string product =
        shifts_only ? std::string(component) : fmt::format("({} * {})", decay.element, component);
    return fmt::format("({0}){1} * (({0})1 << {2})", sums, product, decay_shift.element);
  }
};

}  // namespace

std::string CFunctions::compute(const ScanShear& i, std::size_t number) {
  const CValue& u = memory_.value(i.x);
  const CValue& x = memory_.state(number);
  const unsigned sum_bits = largest_sum(i, Shear::fraction) < std::int64_t{1} << 31 ? 32 : 64;
  const ScanRounding how = rounding_by_shift(Shear::fraction, c_type(sum_bits));
  const ScanParts parts = scan_parts(number, sum_bits, i.feedback, how);
  const ShearOperands of(constants_, i);
  const COperand at_p = constants_.factors(i.from_input, "f", "p");
  const COperand at_q = constants_.factors(i.from_input, "f", "q");
  const std::string function =
      define(fmt::format("scan_shear_{}{}_i{}_{}", of.suffix, at_p.suffix, u.bits, parts.kind), shear_text,
             {{'C', of.parameters},
              {'F', at_p.parameter},
              {'Z', parts.sums},
              {'A', how.parameters},
              {'X', c_type(u.bits)},
              {'S', c_type(x.bits)},
              {'M', parts.residue},
              {'G', at_p.element},
              {'H', at_q.element},
              {'W', of.sign.element},
              {'B', of.step.element},
              {'K', of.step_shift.element},
              {'D', of.decayed("re", parts.sums)},
              {'E', of.decayed("im", parts.sums)},
              {'Q', parts.round},
              {'I', parts.rest("p")},
              {'J', parts.rest("q")}});
  return scan_step(number, fmt::format("{}({}{}, {}, {}, {}, {}, {}{}, {});", function, of.arguments, at_p.argument,
                                       c_number(i.limit), how.arguments, i.bound, u.at, x.at,
                                       i.feedback ? ", " + memory_.kept(number).at : "", x.cols / 2));
}

}  // namespace bitstate::program
