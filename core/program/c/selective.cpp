// The instructions of selective models (docs/numerics.md, section 10) in C.
#include "core/exp2.h"
#include "core/program/c/functions.h"
#include "core/program/c/text.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace bitstate::program {
namespace {

// $C: code k of the packed row w, $S: elements of a row
constexpr std::string_view conv_text =
    R"(/* sums over the codes of this step and of `before` steps, which move up in the window [cols][before] */
static void $N(const $W *w, $B, $X *window, const $X *x, $Y *y, uint32_t before, uint32_t cols) {
  uint32_t c, k;
  for (c = 0; c < cols; ++c) {
    $X code = x[c];
    int32_t sum = $E;
    for (k = before; k > 0; --k) {
      $X *const past = window + c * before + (k - 1);
      const $X older = *past;
      sum += ((int32_t)$C) * code;
      *past = code;
      code = older;
    }
    sum += ((int32_t)$C) * code;
    y[c] = ($Y)sum;
    w += $S;
  }
}
)";

// $H and $L: the tables
constexpr std::string_view decay_text = R"(/* 2^-(delta rate 2^-(16 + fraction)) at the scale 2^-15, below 1 */
static int32_t $N(int32_t delta, int32_t rate, int fraction) {
  const int64_t q = ((int64_t)delta * rate + ((int64_t)1 << (fraction - 1))) >> fraction;
  const unsigned shift = q >> 16 > 17 ? 33 : 16 + (unsigned)(q >> 16);
  const uint64_t mantissa = ((uint64_t)$H[q >> 8 & 255] * $L[q & 255] + ((uint64_t)1 << 30)) >> 31;
  const uint64_t decay = (mantissa + ((uint64_t)1 << (shift - 1))) >> shift;
  return decay > 32767 ? 32767 : (int32_t)decay;
}
)";

// $R: what the decay is made of, $D: where it is made for each state; $L: the limit of w, $W: w; $M: the residue, $I:
// what is added of it, $K: its next value
constexpr std::string_view channel_text = R"(/* The states of one channel. Returns sum C h. */
static int32_t $N($R, int32_t v, int32_t m, unsigned k$L, int32_t bound, const $B *b, const $C *c, $H *h$M,
                  uint32_t states) {
  int32_t sum = 0;
  uint32_t n;
  for (n = 0; n < states; ++n) {
$D    const int32_t kept = decay * h[n];
    const int32_t z = kept + (int32_t)$W$I;
    const int32_t rounded = (z + 16384) >> 15;
    const int32_t next = rounded > bound ? bound : rounded < -bound ? -bound : rounded;
$K    h[n] = ($H)next;
    sum += c[n] * next;
  }
  return sum;
}
)";

// $F and $G: factors of v and w, $I and $J their elements; $Q: the function of a channel, $D: what is made for a head,
// $O: what the decay is made of, $K: rates of a head; $E: the residue as an argument, $V: its step
constexpr std::string_view selective_text =
    R"(/* h = clamp(2^-15 (decay h + w + residue)) with w of delta u B, y = sum C h; heads are those of a group */
static void $N(const $Z *delta, int32_t first, const $A *rate, int fraction, $F, $G, int32_t input_bound$L,
               int32_t bound, const $U *u, const $T *dt, const $B *b, const $C *c, $H *h$M, $Y *y, uint32_t groups,
               uint32_t heads, uint32_t channels, uint32_t states) {
  uint32_t e = 0, head, end;
  for (; groups > 0; --groups) {
    for (head = 0; head < heads; ++head) {
      const int32_t step = delta[*dt++ - first];
$D      for (end = e + channels; e < end; ++e) {
        const int32_t v = (int32_t)$P_clamp($P_rescale((int64_t)step * u[e], $I), -input_bound, input_bound);
        y[e] = ($Y)$Q($O, v, $J$S, bound, b, c, h$E, states);
        h += states;
$V      }
      rate += $K;
    }
    b += states;
    c += states;
  }
}
)";

/// How w is cut, so that z and its half fit 32 bits. What `most` cuts clamps the state with and without the cut.
struct Cut {
  static constexpr std::int64_t most = (std::int64_t{1} << 31) - (1 << 15) - 1;
  bool by_limit, by_most;

  explicit Cut(const SelectiveScan& i)
      : by_limit(i.limit < most), by_most((std::int64_t{i.bound} << 15) + i.limit > most) {}

  [[nodiscard]] std::string kind() const { return by_limit ? (by_most ? "_both" : "_limit") : "_most"; }
  [[nodiscard]] std::string parameter() const { return by_limit ? ", int32_t limit" : ""; }
  [[nodiscard]] std::string argument() const { return by_limit ? ", limit" : ""; }
  /// w of the prefix's functions, in int64.
  [[nodiscard]] std::string text(const std::string& prefix) const {
    std::string w = fmt::format("{}_rescale(v * b[n], m, k)", prefix);
    if (by_limit) w = fmt::format("{}_clamp({}, -limit, limit)", prefix, w);
    if (!by_most) return w;
    return fmt::format("{0}_clamp({1}, kept < 0 ? -{2} - kept : -{2}, kept > 0 ? {2} - kept : {2})", prefix, w, most);
  }
};

}  // namespace

std::string CFunctions::compute(const Conv& i, std::size_t number) {
  const CValue& x = memory_.value(i.x);
  const CValue& y = memory_.value(static_cast<Ref>(number));
  const auto weight = constants_.packed(i.weight);
  const COperand bias = constants_.numbers(i.bias, "bias", "c");
  const std::string row = std::to_string(weight.row_size);
  const std::string code = fmt::format("({})", weight.code("k"));
  const std::string function =
      define(fmt::format("conv_w{}x{}_{}_i{}_i{}", weight.bits, row, bias.suffix, x.bits, y.bits), conv_text,
             {{'W', weight.type()},
              {'B', bias.parameter},
              {'X', c_type(x.bits)},
              {'Y', c_type(y.bits)},
              {'E', bias.element},
              {'C', code},
              {'S', row}});
  const std::string& window = memory_.kept(number).at;
  return fmt::format("{}({}, {}, {}, {}, {}, {}, {});", function, weight.name, bias.argument,
                     window.empty() ? "0" : window, x.at, y.at, i.weight.cols - 1, y.cols);
}

void CFunctions::need_decay() {
  const auto table = [this](const std::array<std::uint32_t, 256>& entries) {
    return constants_.array("uint32_t", 4, std::vector<std::int64_t>(entries.begin(), entries.end()));
  };
  const std::string high = table(exp2_tables.high), low = table(exp2_tables.low);
  define("decay", decay_text, {{'H', high}, {'L', low}});
}

std::string CFunctions::selective_channel(const SelectiveScan& i, std::size_t number, const std::string& rate_type) {
  need_rescale();
  need_clamp();
  need_decay();
  const CValue& h = memory_.state(number);
  const CValue& b = memory_.value(i.b);
  const CValue& c = memory_.value(i.c);
  const bool per_state = i.rate.cols > 1;
  const Cut cut(i);
  constexpr std::array<std::string_view, 3> residues{"", "_e", "_d"};
  const auto residue = static_cast<std::size_t>(i.residue);
  const std::array<std::string, 3> added{"", " + residue[n]", " + ((decay * residue[n] + 16384) >> 15)"};
  const std::string decay = fmt::format("    const int32_t decay = {}_decay(step, rate[n], fraction);\n", prefix_);
  return define(fmt::format("channel{}{}{}_i{}_i{}_i{}", per_state ? "_" + rate_type : "", residues.at(residue),
                            cut.kind(), b.bits, c.bits, h.bits),
                channel_text,
                {{'R', per_state ? fmt::format("int32_t step, const {} *rate, int fraction", rate_type)
                                 : std::string("int32_t decay")},
                 {'D', per_state ? decay : std::string()},
                 {'L', cut.parameter()},
                 {'W', cut.text(prefix_)},
                 {'M', residue > 0 ? ", int16_t *residue" : ""},
                 {'I', added.at(residue)},
                 {'K', residue > 0 ? "    residue[n] = (int16_t)(next == rounded ? z - next * 32768 : 0);\n" : ""},
                 {'B', c_type(b.bits)},
                 {'C', c_type(c.bits)},
                 {'H', c_type(h.bits)}});
}

std::string CFunctions::compute(const SelectiveScan& i, std::size_t number) {
  const CValue& u = memory_.value(i.u);
  const CValue& dt = memory_.value(i.dt);
  const CValue& b = memory_.value(i.b);
  const CValue& c = memory_.value(i.c);
  const CValue& y = memory_.value(static_cast<Ref>(number));
  const CValue& h = memory_.state(number);
  const CValue& residue = memory_.kept(number);
  unsigned delta_bits = 0, rate_bits = 0;
  const std::string delta = constants_.array(i.delta, delta_bits);
  const std::string rate = constants_.array(i.rate.codes, rate_bits);
  const COperand to_input = constants_.factors(i.to_input, "v", "e");
  const COperand to_inner = constants_.factors(i.to_inner, "w", "e");
  const bool per_state = i.rate.cols > 1;
  const bool keeps = i.residue != Residue::none;
  const Cut cut(i);
  const std::string channel = selective_channel(i, number, c_type(rate_bits));
  const std::string function = define(
      fmt::format("selective_d{}_r{}_{}_{}_i{}_i{}_i{}_{}", delta_bits, rate_bits, to_input.suffix, to_inner.suffix,
                  u.bits, dt.bits, y.bits, channel.substr(prefix_.size() + 1)),
      selective_text,
      {{'Z', c_type(delta_bits)},
       {'A', c_type(rate_bits)},
       {'F', to_input.parameter},
       {'G', to_inner.parameter},
       {'I', to_input.element},
       {'J', to_inner.element},
       {'L', cut.parameter()},
       {'S', cut.argument()},
       {'U', c_type(u.bits)},
       {'T', c_type(dt.bits)},
       {'B', c_type(b.bits)},
       {'C', c_type(c.bits)},
       {'H', c_type(h.bits)},
       {'M', keeps ? ", int16_t *residue" : ""},
       {'E', keeps ? ", residue" : ""},
       {'V', keeps ? "        residue += states;\n" : ""},
       {'Y', c_type(y.bits)},
       {'Q', channel},
       {'D', per_state ? "" : fmt::format("      const int32_t decay = {}_decay(step, *rate, fraction);\n", prefix_)},
       {'O', per_state ? "step, rate, fraction" : "decay"},
       {'K', per_state ? "states" : "1"}});
  const std::size_t heads = i.rate.rows;
  return fmt::format("{}({}, {}, {}, {}, {}, {}, {}{}, {}, {}, {}, {}, {}, {}{}, {}, {}, {}, {}, {});", function, delta,
                     i.first, rate, i.fraction, to_input.argument, to_inner.argument, i.input_bound,
                     cut.by_limit ? fmt::format(", {}", i.limit) : "", i.bound, u.at, dt.at, b.at, c.at, h.at,
                     keeps ? ", " + residue.at : "", y.at, i.groups, heads / i.groups, y.cols / heads, i.states);
}

}  // namespace bitstate::program
