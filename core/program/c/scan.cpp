// The recurrence (docs/numerics.md, section 6) in C, in 32 bits where the sums are proven to fit.
#include "core/program/c/functions.h"
#include "core/program/c/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <span>
#include <utility>
#include <vector>

namespace bitstate::program {

/// How z becomes a state: texts that differ between a shift and a factor.
struct ScanRounding {
  std::string kind, parameters, forwarded, arguments;
  std::string scaled;  ///< {} times s_lambda
  std::string back, unused;
};

/// What the sums z of a scan need.
struct ScanBounds {
  bool cut = false;        ///< the input is cut at the limit; else no input changes by that, or no state
  unsigned sum_bits = 64;  ///< z and what is added before the shift
  bool narrow = false;     ///< z, rounded, fits 32 bits
};

/// What all kinds of scan have.
struct ScanShared {
  Ref x;
  Residue residue;
  std::int32_t bound;
  std::int64_t limit;
  CRescale re, im;  ///< of the input
  ScanBounds bounds;
  ScanRounding how;
  std::string sums = c_type(bounds.sum_bits);

  [[nodiscard]] std::string residue_parameter(unsigned bits) const {
    return residue != Residue::none ? fmt::format(", {} *residue", c_type(bits)) : "";
  }
  /// What is added to component `c` of u, and the other arguments of what rounds.
  [[nodiscard]] std::string rest(std::string_view c) const {
    const std::string_view part = c == "p" ? "re" : "im";
    switch (residue) {
      case Residue::decayed:
        return fmt::format(" + e_{}, residue + {}, {}, bound", part, c, how.forwarded);
      case Residue::feedback:
        return fmt::format(" + residue[{0}], residue + {0}, {1}, bound", c, how.forwarded);
      case Residue::none:
        break;
    }
    return fmt::format(", {}, bound", how.forwarded);
  }
  /// What lambda leaves of the residues, in lines of their own.
  [[nodiscard]] std::string decays() const {
    if (residue != Residue::decayed) return "";
    const auto line = [&](std::string_view part, std::string_view product) {
      return fmt::format("    const {} e_{} = ({})({});\n", sums, part, sums,
                         fmt::format(fmt::runtime(how.scaled), product));
    };
    return line("re", "l_re * residue[p] - l_im * residue[q]") + line("im", "l_re * residue[q] + l_im * residue[p]");
  }
};

/// The numbers of the states.
struct ScanOperands {
  std::string kind;  ///< of the function, whose name begins with it
  std::string parameters = {}, arguments = {};

  void add(const COperand& o) {
    kind += "_" + o.suffix;
    parameters += (parameters.empty() ? "" : ", ") + o.parameter;
    arguments += (arguments.empty() ? "" : ", ") + o.argument;
  }
};

namespace {

constexpr std::int64_t sum_end = std::int64_t{1} << 31;

/// The largest magnitude of a component of lambda x, or of lambda times a residue with the half that rounds it.
std::int64_t largest_product(const Scan& i) {
  const std::int64_t of_state = product_bound(i, i.bound);
  if (i.residue != Residue::decayed) return of_state;
  const std::int64_t residue = residue_bound(i);
  return std::max(of_state, product_bound(i, residue) + residue);
}

std::int64_t largest_product(const ScanShear& i) {
  std::int64_t largest = 0;
  for (std::size_t p = 0; p < i.sign.size(); ++p) {
    const Shear shear = i.at(p);
    largest = std::max(largest, std::abs(std::int64_t{shear.straight()}) + std::abs(std::int64_t{shear.turn()}));
  }
  return largest * i.bound;
}

/// The largest magnitude of a part of lambda x, at the scale 2^-15.
std::int64_t largest_product(const NarrowPairs& pairs, std::int64_t bound) {
  std::int64_t largest = 0;
  for (std::size_t p = 0; p < pairs.turns.size(); ++p) {
    const std::int64_t re = std::int64_t{pairs.re[p]} * (std::int64_t{1} << pairs.re_shift[p]);
    const std::int64_t im = std::int64_t{pairs.im[p]} * (std::int64_t{1} << pairs.im_shift[p]);
    largest = std::max(largest, Shear::one + std::abs(re) + std::abs(im));
  }
  return largest * bound;
}

Residue residue_of(const Scan& i) { return i.residue; }
Residue residue_of(const ScanShear& i) { return i.feedback ? Residue::feedback : Residue::none; }

/// The largest magnitude of what is added of a residue.
std::int64_t largest_carried(const Scan& i, std::int64_t half) {
  return i.residue == Residue::feedback ? half : carried_bound(i);
}
std::int64_t largest_carried(const ScanShear& i, std::int64_t half) { return i.feedback ? half : 0; }

/// `product`: the largest magnitude of what the state gives; `input`: of the input, before it is cut.
template <class S>
ScanBounds bounds_of(const S& i, std::int64_t product, std::int32_t shift, std::int64_t input) {
  if (shift < 0) return {input > i.limit, 64, false};
  const std::int64_t half = shift == 0 ? 0 : std::int64_t{1} << (shift - 1);
  const std::int64_t others = product + largest_carried(i, half);
  // an input that would be cut clamps the state, with and without the cut
  const bool in_vain = i.limit - others > (std::int64_t{i.bound} + 1) << shift;
  const auto with = [&](bool cut) {
    const std::int64_t largest = others + (cut ? std::min(i.limit, input) : input) + half;
    return ScanBounds{cut, largest < sum_end && shift <= 30 ? 32U : 64U, (largest >> shift) + 1 < sum_end};
  };
  const ScanBounds cut = with(input > i.limit), whole = with(false);
  return in_vain && whole.sum_bits == cut.sum_bits && whole.narrow == cut.narrow ? whole : cut;
}

// $Z: the type of the sums; $I: of the rounded state; $O: of the products; $M: parameter of the residue; $V: the
// rounded state; $K: the residue
constexpr std::string_view round_text = R"(static $S $N($Z z$M, $A, int32_t bound) {
  const $I rounded = ($I)($V);
  const $I x = rounded > bound ? bound : rounded < -bound ? -bound : rounded;
$K  return ($S)x;
}
)";

constexpr std::string_view scan_text = R"(/* x = clamp(2^-shift (lambda x + u + residue)), planar [re | im] */
static void $N($C, $F$L, $A, int32_t bound, const $X *u, $S *x$M, uint32_t pairs) {
  uint32_t p;
  for (p = 0; p < pairs; ++p) {
    const uint32_t q = pairs + p;
    const $O l_re = lambda[p], l_im = lambda[q], re = x[p], im = x[q];
    const $Z u_re = $G, u_im = $H;
$T    x[p] = $Q(l_re * re - l_im * im + u_re$I);
    x[q] = $Q(l_re * im + l_im * re + u_im$J);
  }
}
)";

// $W, $B, $K, $D, $E: t, m, k, n and j of state p
constexpr std::string_view narrow_text =
    R"(/* x = clamp(2^-15 (lambda x + u + residue)) with lambda = i^t (2^15 + m 2^k + i n 2^j), planar [re | im] */
static void $N($C, $F$L, $A, int32_t bound, const $X *u, $S *x$M, uint32_t pairs) {
  uint32_t p;
  for (p = 0; p < pairs; ++p) {
    const uint32_t q = pairs + p;
    const $Z u_re = $G, u_im = $H;
    const int32_t m_p = $B, n_p = $D, turns = $W, re = x[p], im = x[q];
    const $Z k_p = ($Z)1 << $K, j_p = ($Z)1 << $E;
    const $Z a = ($Z)re * 32768 + ($Z)$P_times(re, m_p) * k_p - ($Z)$P_times(im, n_p) * j_p;
    const $Z b = ($Z)im * 32768 + ($Z)$P_times(im, m_p) * k_p + ($Z)$P_times(re, n_p) * j_p;
    const $Z z_re = turns & 1 ? -b : a;
    const $Z z_im = turns & 1 ? a : b;
    x[p] = $Q((turns & 2 ? -z_re : z_re) + u_re$I);
    x[q] = $Q((turns & 2 ? -z_im : z_im) + u_im$J);
  }
}
)";

constexpr std::string_view product_text = R"(static int32_t $N(int32_t a, int32_t m) { return a * m; }
)";

constexpr std::string_view additions_text = R"(/* a m, in as many rounds as |m| has bits */
static int32_t $N(int32_t a, int32_t m) {
  uint32_t bits = (uint32_t)(m < 0 ? -m : m);
  int32_t sum = 0;
  for (; bits != 0; bits >>= 1) {
    if (bits & 1) sum += a;
    a += a;
  }
  return m < 0 ? -sum : sum;
}
)";

// $C: g, k, n, j and perhaps m of the states, k and j as 15 - k and 15 - j; $W, $B, $K: g, n and j of state p; $D, $E:
// m 2^(15 - k) times re and im
constexpr std::string_view shear_text =
    R"(/* x = clamp(2^-15 (g ((1 - m 2^-k) x - n 2^-j y) + u + residue)), then
   y = clamp(2^-15 (g (1 - m 2^-k) y + n 2^-j x + u + residue)), planar [x | y] */
static void $N($C, $F$L, $A, int32_t bound, const $X *u, $S *x$M, uint32_t pairs) {
  uint32_t p;
  for (p = 0; p < pairs; ++p) {
    const uint32_t q = pairs + p;
    const $Z u_re = $G, u_im = $H;
    const int32_t step = $B, re = x[p], im = x[q];
    const $Z turn = ($Z)1 << $K;
    const $Z z_re = ($Z)re * 32768 - $D - ($Z)$P_times(im, step) * turn;
    const $Z z_im = ($Z)im * 32768 - $E;
    x[p] = $Q(($W < 0 ? -z_re : z_re) + u_re$I);
    const $Z crossed = ($Z)$P_times(x[p], step) * turn;  /* the new x */
    x[q] = $Q(($W < 0 ? -z_im : z_im) + crossed + u_im$J);
  }
}
)";

ScanRounding rounding_by_shift(std::int32_t shift, std::string_view sums) {
  const std::int64_t half = shift == 0 ? 0 : std::int64_t{1} << (shift - 1);
  return {"shift",
          fmt::format("unsigned shift, {} half", sums),
          "shift, half",
          fmt::format("{}, {}", shift, c_number(half)),
          "({} + half) >> shift",
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
          fmt::format("{}_rescale({{}}, to_m, to_k)", prefix),
          fmt::format("{}_rescale(x, back_m, back_k)", prefix),
          "  (void)back_m;\n  (void)back_k;\n"};
}

}  // namespace

void CFunctions::need_times() {
  const CTargets wanted = targets_;
  for (const auto& [targets, text] :
       {std::pair{CTargets{true, false}, product_text}, {CTargets{false, true}, additions_text}}) {
    if (!(targets.adding ? wanted.adding : wanted.multiplying)) continue;
    set_targets(targets);
    define("times", text, {});
  }
  set_targets(wanted);
}

std::pair<std::string, std::string> CFunctions::scan_round(std::size_t number, const ScanShared& of) {
  const CValue& x = memory_.state(number);
  const unsigned kept_bits = memory_.kept(number).bits;
  const bool keeps = of.residue != Residue::none;
  const std::string kind = fmt::format("{}{}_z{}{}_i{}", of.how.kind, keeps ? fmt::format("_e{}", kept_bits) : "",
                                       of.bounds.sum_bits, of.bounds.narrow ? "" : "w", x.bits);
  const std::string residue_text =
      keeps ? fmt::format("  *residue = ({})(x == rounded ? z - {} : 0);\n", c_type(kept_bits), of.how.back)
            : of.how.unused;
  const std::string rounded = of.bounds.narrow ? "int32_t" : of.sums;
  return {define("round_" + kind, round_text,
                 {{'S', c_type(x.bits)},
                  {'Z', of.sums},
                  {'I', rounded},
                  {'M', of.residue_parameter(kept_bits)},
                  {'A', of.how.parameters},
                  {'V', fmt::format(fmt::runtime(of.how.scaled), "z")},
                  {'K', residue_text}}),
          kind};
}

std::string CFunctions::scan_call(std::size_t number, const ScanShared& of, const ScanOperands& operands,
                                  std::string_view text, const Fillers& own) {
  if (of.how.kind == "factor") need_rescale();
  const CValue& u = memory_.value(of.x);
  const CValue& x = memory_.state(number);
  const CValue& kept = memory_.kept(number);
  const auto [round, kind] = scan_round(number, of);
  const auto input = [&](const CRescale& scaled, std::string_view component) {
    const std::string value = scaled.of(fmt::format("u[{}]", component));
    if (!of.bounds.cut) return scaled.narrow || of.bounds.sum_bits == 64 ? value : "(int32_t)" + value;
    return fmt::format("({}){}({}, -limit, limit)", of.sums, clamp_of(scaled.narrow && of.bounds.sum_bits == 32),
                       value);
  };
  const std::string re = input(of.re, "p"), im = input(of.im, "q");
  const std::string u_type = c_type(u.bits), x_type = c_type(x.bits),
                    limit = of.bounds.cut ? ", " + of.sums + " limit" : "";
  const std::string residue = of.residue_parameter(kept.bits), rest_p = of.rest("p"), rest_q = of.rest("q"),
                    decays = of.decays();
  Fillers fillers{{'C', operands.parameters},
                  {'F', of.re.operand.parameter},
                  {'L', limit},
                  {'Z', of.sums},
                  {'A', of.how.parameters},
                  {'X', u_type},
                  {'S', x_type},
                  {'M', residue},
                  {'G', re},
                  {'H', im},
                  {'Q', round},
                  {'T', decays},
                  {'I', rest_p},
                  {'J', rest_q}};
  fillers.insert(fillers.end(), own.begin(), own.end());
  const std::string function = define(
      fmt::format("{}_{}{}_i{}_{}", operands.kind, of.re.operand.suffix, of.bounds.cut ? "_c" : "", u.bits, kind), text,
      fillers);
  return fmt::format("{}({}, {}{}, {}, {}, {}, {}{}, {});", function, operands.arguments, of.re.operand.argument,
                     of.bounds.cut ? ", " + c_number(of.limit) : "", of.how.arguments, of.bound, u.at, x.at,
                     of.residue != Residue::none ? ", " + kept.at : "", x.cols / 2);
}

std::pair<CRescale, CRescale> CFunctions::scan_input(Ref x, std::span<const FixedPoint> factors) {
  return {rescaled(factors, infos_[x].magnitude(), "f", "p"), rescaled(factors, infos_[x].magnitude(), "f", "q")};
}

std::string CFunctions::scan_step(std::size_t number, const std::string& call) {
  const CValue& x = memory_.state(number);
  const CValue& y = memory_.value(static_cast<Ref>(number));
  return y.at == x.at ? call : call + "\n" + copy(x, y);
}

std::string CFunctions::scan_of_pairs(const Scan& i, std::size_t number) {
  const std::int64_t product = largest_product(i);
  const unsigned product_bits = product < std::int64_t{1} << 31 ? 32 : 64;
  const auto [re, im] = scan_input(i.x, i.from_input);
  ScanBounds bounds = bounds_of(i, product_bound(i, i.bound), i.shift, re.largest);
  bounds.sum_bits = std::max(product_bits, bounds.sum_bits);
  unsigned lambda_bits = 0;
  const std::string lambda = constants_.array(i.lambda, lambda_bits);
  const ScanOperands operands{
      fmt::format("scan{}_l{}_p{}", i.residue == Residue::decayed ? "_d" : "", lambda_bits, product_bits),
      fmt::format("const {} *lambda", c_type(lambda_bits)), lambda};
  const ScanShared shared{
      i.x, residue_of(i), i.bound, i.limit, re, im, bounds, rounding_of(i, prefix_, c_type(bounds.sum_bits))};
  return scan_call(number, shared, operands, scan_text, {{'O', c_type(product_bits)}});
}

std::string CFunctions::scan_of_narrow_pairs(const Scan& i, const NarrowPairs& pairs, std::size_t number) {
  need_times();
  const auto [in_re, in_im] = scan_input(i.x, i.from_input);
  const ScanBounds bounds = bounds_of(i, largest_product(pairs, i.bound), i.shift, in_re.largest);
  const COperand turns = constants_.numbers(pairs.turns, "t", "p");
  const COperand re = constants_.numbers(pairs.re, "m", "p");
  const COperand re_shift = constants_.numbers(pairs.re_shift, "k", "p");
  const COperand im = constants_.numbers(pairs.im, "n", "p");
  const COperand im_shift = constants_.numbers(pairs.im_shift, "j", "p");
  ScanOperands operands{"scan_narrow"};
  for (const COperand* const o : {&turns, &re, &re_shift, &im, &im_shift}) operands.add(*o);
  const ScanShared shared{i.x,   residue_of(i), i.bound, i.limit,
                          in_re, in_im,         bounds,  rounding_of(i, prefix_, c_type(bounds.sum_bits))};
  return scan_call(
      number, shared, operands, narrow_text,
      {{'W', turns.element}, {'B', re.element}, {'K', re_shift.element}, {'D', im.element}, {'E', im_shift.element}});
}

std::string CFunctions::compute(const Scan& i, std::size_t number) {
  const std::optional<NarrowPairs> narrow = narrow_pairs(i);
  if (!narrow || i.residue == Residue::decayed) return scan_step(number, scan_of_pairs(i, number));
  set_targets({true, false});
  const std::string products = scan_of_pairs(i, number);
  set_targets({false, true});
  const std::string additions = scan_of_narrow_pairs(i, *narrow, number);
  set_targets({});
  return scan_step(number, fmt::format("#if {}\n{}\n#else\n{}\n#endif", c_multiplier(prefix_), products, additions));
}

std::string CFunctions::compute(const ScanShear& i, std::size_t number) {
  need_times();
  const auto [in_re, in_im] = scan_input(i.x, i.from_input);
  const ScanBounds bounds = bounds_of(i, largest_product(i), Shear::fraction, in_re.largest);
  const std::string sums = c_type(bounds.sum_bits);
  const COperand sign = constants_.numbers(i.sign, "g", "p");
  const COperand decay_shift = constants_.numbers(left_shifts(i.decay_shift), "k", "p");
  const COperand step = constants_.numbers(i.step, "n", "p");
  const COperand step_shift = constants_.numbers(left_shifts(i.step_shift), "j", "p");
  const COperand decay = constants_.numbers(i.decay, "m", "p");
  ScanOperands operands{"scan_shear"};
  for (const COperand* const o : {&sign, &decay_shift, &step, &step_shift}) operands.add(*o);
  const bool shifts_only = std::all_of(i.decay.begin(), i.decay.end(), [](std::int32_t m) { return m == 1; });
  if (!shifts_only) operands.add(decay);
  const auto decayed = [&](std::string_view component) {
    const std::string product =
        shifts_only ? std::string(component) : fmt::format("{}_times({}, {})", prefix_, component, decay.element);
    return fmt::format("({0}){1} * (({0})1 << {2})", sums, product, decay_shift.element);
  };
  const ScanShared shared{i.x,   residue_of(i), i.bound, i.limit,
                          in_re, in_im,         bounds,  rounding_by_shift(Shear::fraction, sums)};
  return scan_step(number, scan_call(number, shared, operands, shear_text,
                                     {{'W', sign.element},
                                      {'B', step.element},
                                      {'K', step_shift.element},
                                      {'D', decayed("re")},
                                      {'E', decayed("im")}}));
}

}  // namespace bitstate::program
