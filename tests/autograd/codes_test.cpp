// Operations on codes against plain int64 loops written from docs/numerics.md, code for code; straight-through
// gradients against their definition there.
#include "autograd/ops.h"
#include "core/error.h"
#include "core/grid.h"
#include "core/random.h"
#include "tests/support/models/computed.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace bitstate::tests::codes_test {
namespace {

using Codes = std::vector<std::int64_t>;

/// R of section 2, in the float32 arithmetic that the page prescribes.
std::int64_t quantized(float x, float s, std::int64_t bound) {
  const float inverse = 1.0F / s;
  const auto code = static_cast<std::int64_t>(std::floor(x * inverse + 0.5F));
  return std::clamp(code, -bound, bound);
}

/// round-half-up(a m 2^-k) with the multiplier of section 3, by floor division instead of a shift.
std::int64_t rescaled(std::int64_t a, double real) {
  int exponent = 0;
  const double mantissa = std::frexp(real, &exponent);
  auto m = static_cast<std::int64_t>(std::floor(std::ldexp(mantissa, 31) + 0.5));
  int k = 31 - exponent;
  if (m == std::int64_t{1} << 31) {
    m /= 2;
    --k;
  }
  __extension__ using Wide = __int128;
  const Wide numerator = static_cast<Wide>(a) * m + (static_cast<Wide>(1) << (k - 1));
  const Wide divisor = static_cast<Wide>(1) << k;
  Wide quotient = numerator / divisor;
  if (numerator % divisor != 0 && numerator < 0) --quotient;
  return static_cast<std::int64_t>(quotient);
}

std::vector<float> random_values(std::size_t count, double size, std::uint64_t stream) {
  const Random random{17, stream};
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(size * random.normal(i));
  return values;
}

Codes codes_of(Tape& tape, Value v) {
  const std::vector<std::int32_t> codes = tape.codes32(v);
  return {codes.begin(), codes.end()};
}

Quantizer site(const char* name, int bits, std::vector<float> range = {},
               QuantSpec::Granularity granularity = QuantSpec::Granularity::tensor) {
  Quantizer q;
  q.declare(name);
  q.channels = range.size();
  q.spec.bits = bits;
  q.spec.granularity = granularity;
  q.spec.range = range.empty() ? QuantSpec::Range::absmax : QuantSpec::Range::ema;
  q.range = std::move(range);
  return q;
}

/// A tape whose static sites may observe.
struct Bench {
  Tape tape;
  std::vector<float> observed = std::vector<float>(64, 0.0F);
  std::vector<float> gradient = std::vector<float>(4096, 0.0F);
  explicit Bench(bool gradients = false) {
    Pass pass;
    pass.training = true;
    pass.gradients = gradients;
    pass.observed = observed;
    pass.gradient = gradient;
    tape.begin(pass);
  }
};

TEST_CASE("codes: a weight is quantized by rows, half up, to the bound of its bits") {
  for (const int bits : {2, 3, 4, 8, 12, 16}) {
    const auto w = random_values(5 * 7, 1.0, static_cast<std::uint64_t>(bits));
    Bench bench;
    const Value x = bench.tape.input(5, 7, w.data());
    const Computed y =
        computed(bench.tape, ops::quantize(bench.tape, x, site("weight:w", bits, {}, QuantSpec::Granularity::channel)));
    const std::int64_t bound = (std::int64_t{1} << (bits - 1)) - 1;
    for (std::size_t r = 0; r < 5; ++r) {
      float largest = 0.0F;
      for (std::size_t c = 0; c < 7; ++c) largest = std::max(largest, std::fabs(w[r * 7 + c]));
      const float s = largest / static_cast<float>(bound);
      REQUIRE(y.scale[r] == s);
      for (std::size_t c = 0; c < 7; ++c) {
        REQUIRE(y.codes[r * 7 + c] == quantized(w[r * 7 + c], s, bound));
        REQUIRE(y.value[r * 7 + c] == static_cast<float>(y.codes[r * 7 + c]) * s);
      }
    }
    CHECK(y.bound == bound);
  }
}

TEST_CASE("codes: one bit has the values plus and minus half the range, two bits are ternary") {
  const std::vector<float> w = {-3.0F, -0.1F, 0.0F, 1.0F, 2.0F};
  Bench bench;
  const Value x = bench.tape.input(1, 5, w.data());
  CHECK(codes_of(bench.tape, ops::quantize(bench.tape, x, site("weight:w", 1))) == Codes{-1, -1, 1, 1, 1});
  CHECK(bench.tape[bench.tape.last()].scale[0] == 1.5F);
  CHECK(codes_of(bench.tape, ops::quantize(bench.tape, x, site("weight:w", 2))) == Codes{-1, 0, 0, 0, 1});
}

TEST_CASE("codes: linear and the quantizer after it equal int64 loops, for narrow and wide codes") {
  for (const int bits : {2, 4, 8, 11, 12}) {  // 12 x 12 bits needs the double product, 8 x 8 the float one
    const std::size_t rows = 6;
    const std::size_t in = 37;
    const std::size_t out = 9;
    const auto x = random_values(rows * in, 0.5, 1);
    const auto w = random_values(out * in, 0.3, 2);
    const auto b = random_values(out, 0.2, 3);
    Bench bench;
    Tape& t = bench.tape;
    const Value xq = ops::quantize(t, t.input(rows, in, x.data()), site("act:x", bits, {1.2F}));
    const Value wq =
        ops::quantize(t, t.input(out, in, w.data()), site("weight:w", bits, {}, QuantSpec::Granularity::channel));
    const Value y = ops::linear(t, xq, wq, t.input(1, out, b.data()));
    const Value z = ops::quantize(t, y, site("act:y", 8, {2.0F}));
    const Computed ny = computed(t, y);
    REQUIRE(ny.has_codes());
    const float sz = 2.0F / 127.0F;
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t o = 0; o < out; ++o) {
        const float s = t[xq].scale[0] * t[wq].scale[o];
        std::int64_t sum = static_cast<std::int64_t>(std::floor(double{b[o]} / double{s} + 0.5));
        for (std::size_t i = 0; i < in; ++i)
          sum += std::int64_t{computed(t, xq).codes[r * in + i]} * computed(t, wq).codes[o * in + i];
        REQUIRE(ny.codes[r * out + o] == sum);
        REQUIRE(std::abs(sum) <= ny.bound);
        REQUIRE(computed(t, z).codes[r * out + o] ==
                std::clamp<std::int64_t>(rescaled(sum, double{s} / double{sz}), -127, 127));
      }
    }
  }
}

/// Sum of `in` products of the largest codes, through linear; whether it was computed on codes.
struct Extreme {
  bool codes;
  std::int64_t sum;
};

Extreme extreme_sum(std::size_t in, int bits, float bias = 0.0F) {
  const std::vector<float> ones(in, 1.0F);
  Bench bench;
  Tape& t = bench.tape;
  const Value xq = ops::quantize(t, t.input(1, in, ones.data()), site("act:x", bits, {1.0F}));
  const Value wq = ops::quantize(t, t.input(1, in, ones.data()), site("weight:w", bits));
  const Computed y = computed(t, ops::linear(t, xq, wq, t.input(1, 1, &bias)));
  return {y.has_codes(), y.has_codes() ? y.codes[0] : std::llround(double{y.value[0]})};
}

TEST_CASE("codes: sums are exact on both sides of 2^24, where the float product ends") {
  CHECK(extreme_sum(1039, 8).sum == 1039 * 127 * 127);  // odd, below 2^24
  CHECK(extreme_sum(1041, 8).sum == 1041 * 127 * 127);  // odd, above: float32 cannot hold it
  CHECK(1041 * 127 * 127 > 1 << 24);
}

TEST_CASE("codes: what an int32 accumulator cannot hold is computed in float, up to the last sum that fits") {
  const Extreme fits = extreme_sum(2, 16);
  CHECK(fits.codes);
  CHECK(fits.sum == 2LL * 32767 * 32767);  // 2^31 - 131070
  const float scale = 1.0F / 32767.0F;
  CHECK(extreme_sum(2, 16, 131069.0F * scale * scale).codes);
  CHECK_FALSE(extreme_sum(2, 16, 131071.0F * scale * scale).codes);
  CHECK_FALSE(extreme_sum(3, 16).codes);
  CHECK(extreme_sum(3, 16).sum == 3);
  const std::vector<float> one(1, 1.0F);
  Bench bench;
  Tape& t = bench.tape;
  const Value a = ops::quantize(t, t.input(1, 1, one.data()), site("act:a", 16, {1.0F}));
  const Value square = ops::product(t, a, a);
  CHECK(computed(t, square).codes[0] == 32767 * 32767);
  CHECK_FALSE(t[ops::product(t, square, a)].has_codes());
}

TEST_CASE("codes: a product of codes has the product of the scales, with one row and with all") {
  const auto a = random_values(4 * 5, 1.0, 4);
  const auto d = random_values(5, 1.0, 5);
  Bench bench;
  Tape& t = bench.tape;
  const Value aq = ops::quantize(t, t.input(4, 5, a.data()), site("act:a", 8, {2.0F}));
  const Value dq = ops::quantize(t, t.input(1, 5, d.data()), site("weight:d", 4));
  const Computed y = computed(t, ops::product(t, aq, dq));
  for (std::size_t i = 0; i < 20; ++i) REQUIRE(y.codes[i] == computed(t, aq).codes[i] * computed(t, dq).codes[i % 5]);
  CHECK(y.scale[0] == t[aq].scale[0] * t[dq].scale[0]);
  const Computed square = computed(t, ops::product(t, aq, aq));
  for (std::size_t i = 0; i < 20; ++i) REQUIRE(square.codes[i] == computed(t, aq).codes[i] * computed(t, aq).codes[i]);
}

/// The recurrence of section 6 in plain loops; returns the codes and whether each was clamped.
struct PlainScan {
  Codes codes;
  std::vector<bool> clamped;
};

PlainScan plain_scan(const Computed& lambda, const Computed& bu, const std::vector<float>& state_scale,
                     std::int64_t bound, const std::vector<std::size_t>& lengths, bool forward) {
  const std::size_t p = bu.cols / 2;
  PlainScan result{Codes(bu.size()), std::vector<bool>(bu.size())};
  std::size_t first = 0;
  for (const std::size_t length : lengths) {
    Codes before(2 * p, 0);
    for (std::size_t i = 0; i < length; ++i) {
      const std::size_t row = (first + (forward ? i : length - 1 - i)) * 2 * p;
      Codes z(2 * p);
      for (std::size_t c = 0; c < 2 * p; ++c) {
        const float inner = lambda.scale[0] * state_scale[c];
        const float from = bu.scale[bu.layout == kernels::ScaleLayout::per_column ? c : 0];
        z[c] = std::clamp<std::int64_t>(rescaled(bu.codes[row + c], double{from} / double{inner}), -(1 << 30), 1 << 30);
      }
      for (std::size_t s = 0; s < p; ++s) {
        const std::int64_t re = lambda.codes[s];
        const std::int64_t im = lambda.codes[p + s];
        z[s] += re * before[s] - im * before[p + s];
        z[p + s] += re * before[p + s] + im * before[s];
      }
      for (std::size_t c = 0; c < 2 * p; ++c) {
        const std::int64_t rounded = rescaled(z[c], double{lambda.scale[0]});
        before[c] = std::clamp(rounded, -bound, bound);
        result.codes[row + c] = before[c];
        result.clamped[row + c] = before[c] != rounded;
      }
    }
    first += length;
  }
  return result;
}

TEST_CASE("codes: the quantized recurrence equals int64 loops in both directions, per tensor and per channel") {
  const std::vector<std::size_t> lengths = {40, 1, 23};
  const Sequences sequences{lengths, lengths, 0};
  for (const int bits : {3, 4, 8, 12}) {
    for (const int state_bits : {8, 12, 16}) {
      for (const bool forward : {true, false}) {
        for (const bool channel : {true, false}) {
          const std::size_t p = 5;
          std::vector<float> lambda(2 * p);
          for (std::size_t s = 0; s < p; ++s) {
            const double angle = 0.05 + 0.3 * static_cast<double>(s);
            lambda[s] = static_cast<float>(0.97 * std::cos(angle));
            lambda[p + s] = static_cast<float>(-0.97 * std::sin(angle));
          }
          const auto u = random_values(64 * 3, 0.5, 6);
          const auto b = random_values(2 * p * 3, 0.5, 7);
          Bench bench;
          Tape& t = bench.tape;
          const Value lq = ops::quantize(t, t.input(1, 2 * p, lambda.data()), site("weight:A", bits));
          const Value uq = ops::quantize(t, t.input(64, 3, u.data()), site("act:u", 8, {1.5F}));
          const Value bq =
              ops::quantize(t, t.input(2 * p, 3, b.data()), site("weight:B", 8, {}, QuantSpec::Granularity::channel));
          const Value bu = ops::linear(t, uq, bq);
          std::vector<float> range(channel ? p : 1, 3.0F);
          for (std::size_t s = 0; s < range.size(); ++s) range[s] += 0.5F * static_cast<float>(s);
          Quantizer state = site("state:x", state_bits, range,
                                 channel ? QuantSpec::Granularity::channel : QuantSpec::Granularity::tensor);
          state.channels = p;
          const Value x =
              ops::scan(t, lq, bu, sequences, forward ? ops::Direction::forward : ops::Direction::backward, &state);
          std::vector<float> scale(2 * p);
          for (std::size_t c = 0; c < 2 * p; ++c) scale[c] = make_grid(state.spec, range[channel ? c % p : 0]).scale;
          CHECK(codes_of(t, x) ==
                plain_scan(computed(t, lq), computed(t, bu), scale, state.spec.bound(), lengths, forward).codes);
        }
      }
    }
  }
}

TEST_CASE("codes: an input too large for the inner scale clamps the state, or is computed in float") {
  const std::vector<std::size_t> lengths = {2};
  const Sequences sequences{lengths, lengths, 0};
  for (const int bits : {8, 12, 16}) {
    CAPTURE(bits);
    const std::vector<float> lambda = {0.1F, 0.0F};
    const std::vector<float> bu = {1.0F, 0.0F, 50.0F, -50.0F};
    Bench bench;
    Tape& t = bench.tape;
    const Value lq = ops::quantize(t, t.input(1, 2, lambda.data()), site("weight:A", bits));
    const Value bq = ops::quantize(t, t.input(2, 2, bu.data()), site("act:Bu", 16, {50.0F}));
    const Quantizer state = site("state:x", 16, {1.22F});
    const Computed x = computed(t, ops::scan(t, lq, bq, sequences, ops::Direction::forward, &state));
    CHECK(x.value[0] == doctest::Approx(1.0).epsilon(0.002));
    CHECK(x.codes[2] == 32767);
    CHECK(x.codes[3] == -32767);
  }
}

TEST_CASE("codes: a state that leaves its range is clamped, observed at its full size, and passes no gradient there") {
  const std::vector<std::size_t> lengths = {6};
  const Sequences sequences{lengths, lengths, 0};
  Parameter lambda{Tensor(1, 2), 0};
  lambda.value.data = {0.9F, 0.1F};
  Parameter input{Tensor(6, 2, 0.5F), 2};
  Bench bench(true);
  Tape& t = bench.tape;
  const Value lq = ops::quantize(t, t.parameter(lambda), site("weight:A", 8));
  const Value bq = ops::quantize(t, t.parameter(input), site("act:Bu", 8, {1.0F}));
  const Quantizer state = site("state:x", 8, {1.0F});
  const Value x = ops::scan(t, lq, bq, sequences, ops::Direction::forward, &state);
  const std::vector<float> scale(2, 1.0F / 127.0F);
  const auto plain = plain_scan(computed(t, lq), computed(t, bq), scale, 127, lengths, true);
  CHECK(codes_of(t, x) == plain.codes);
  REQUIRE(std::count(plain.clamped.begin(), plain.clamped.end(), true) > 2);
  CHECK(bench.observed[0] > 1.0F);

  std::vector<float> seed(12);
  for (std::size_t i = 0; i < 12; ++i) seed[i] = 1.0F + 0.1F * static_cast<float>(i);
  t.backward(x, seed);
  // the adjoint of section 7, at the shadows
  const double re = computed(t, lq).value[0];
  const double im = computed(t, lq).value[1];
  double s_re = 0.0, s_im = 0.0, dl_re = 0.0, dl_im = 0.0;
  for (std::size_t i = 6; i-- > 0;) {
    const double next_re = seed[2 * i] + re * s_re + im * s_im;
    const double next_im = seed[2 * i + 1] + re * s_im - im * s_re;
    s_re = plain.clamped[2 * i] ? 0.0 : next_re;
    s_im = plain.clamped[2 * i + 1] ? 0.0 : next_im;
    CHECK(bench.gradient[2 + 2 * i] == doctest::Approx(s_re));
    CHECK(bench.gradient[2 + 2 * i + 1] == doctest::Approx(s_im));
    if (i > 0) {
      const double before_re = computed(t, x).value[2 * i - 2];
      const double before_im = computed(t, x).value[2 * i - 1];
      dl_re += s_re * before_re + s_im * before_im;
      dl_im += s_im * before_re - s_re * before_im;
    }
  }
  CHECK(bench.gradient[0] == doctest::Approx(dl_re));
  CHECK(bench.gradient[1] == doctest::Approx(dl_im));
}

TEST_CASE("codes: straight-through gradients are exactly those of the definition") {
  Parameter x{Tensor(1, 6), 0};
  x.value.data = {-1.2F, -1.0F, -0.3F, 0.2F, 1.0F, 1.3F};
  std::vector<float> seed = {1.0F, 2.0F, 3.0F, 4.0F, 5.0F, 6.0F};
  const auto gradient = [&](const Quantizer& q) {
    Bench bench(true);
    bench.tape.backward(ops::quantize(bench.tape, bench.tape.parameter(x), q), seed);
    return std::vector<float>(bench.gradient.begin(), bench.gradient.begin() + 6);
  };
  CHECK(gradient(site("weight:w", 4)) == seed);                                       // absmax: never clamped
  CHECK(gradient(site("act:x", 4)) == seed);                                          // dynamic: never clamped
  CHECK(gradient(site("act:x", 4, {1.0F})) == std::vector<float>{0, 2, 3, 4, 5, 0});  // outside of the range: 0
  CHECK(gradient(site("act:x", 1, {1.0F})) == seed);                                  // one bit does not clamp
}

TEST_CASE("codes: a quantizer without bits returns its argument and leaves the tape as it is") {
  const std::vector<float> data(6, 0.25F);
  Bench bench;
  const Value x = bench.tape.input(2, 3, data.data());
  const std::size_t nodes = bench.tape.nodes().size();
  CHECK(ops::quantize(bench.tape, x, Quantizer{}).id == x.id);
  CHECK(bench.tape.nodes().size() == nodes);
}

TEST_CASE("codes: a dynamic activation has a scale of each sequence and no codes") {
  const std::vector<float> data = {1.0F, -2.0F, 0.3F, 8.0F, 0.6F, 4.0F};
  const std::vector<std::size_t> lengths = {1, 2};
  const Sequences sequences{lengths, lengths, 0};
  Bench bench;
  const Computed y = computed(
      bench.tape, ops::quantize(bench.tape, bench.tape.input(3, 2, data.data()), site("act:x", 3), &sequences));
  CHECK_FALSE(y.has_codes());
  const float s0 = 2.0F / 3.0F;
  const float s1 = 8.0F / 3.0F;
  for (std::size_t i = 0; i < 6; ++i) {
    const float s = i < 2 ? s0 : s1;
    CHECK(y.value[i] == static_cast<float>(quantized(data[i], s, 3)) * s);
  }
}

TEST_CASE("codes: evaluation does not quantize a NaN either") {
  const std::vector<float> data = {0.5F, std::numeric_limits<float>::quiet_NaN()};
  Tape tape;
  tape.begin({});
  CHECK_THROWS_AS(ops::quantize(tape, tape.input(1, 2, data.data()), site("act:x", 8, {1.0F})), DivergedError);
  CHECK(std::isnan(computed(tape, ops::gelu(tape, tape.input(1, 2, data.data()))).value[1]));
  CHECK(std::isnan(computed(tape, ops::sigmoid(tape, tape.input(1, 2, data.data()))).value[1]));
}

TEST_CASE("codes: training does not quantize a NaN where nobody observes a range") {
  const std::vector<float> data = {0.5F, std::numeric_limits<float>::quiet_NaN()};
  Quantizer fixed = site("act:x", 8, {});
  fixed.spec.range = QuantSpec::Range::fixed;
  fixed.spec.value = 1.0F;
  Pass pass;
  pass.training = true;
  Tape tape;
  tape.begin(pass);
  CHECK_THROWS_AS(ops::quantize(tape, tape.input(1, 2, data.data()), fixed), DivergedError);
}

TEST_CASE("codes: NaN and infinity are errors that name the site, in weights, activations and states") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const float bad : {nan, std::numeric_limits<float>::infinity()}) {
    std::vector<float> data(40, 0.5F);
    data[21] = bad;
    Bench bench;
    Tape& t = bench.tape;
    const Value x = t.input(20, 2, data.data());
    CHECK_THROWS_WITH_AS(ops::quantize(t, x, site("weight:w", 8)), "[quantize] weight:w holds a NaN or an infinity",
                         DivergedError);
    CHECK_THROWS_WITH_AS(ops::quantize(t, x, site("act:x", 8, {1.0F})), "[quantize] act:x holds a NaN or an infinity",
                         DivergedError);
    const std::vector<std::size_t> lengths = {20};
    const Sequences sequences{lengths, lengths, 0};
    const std::vector<float> lambda = {0.5F, 0.1F};
    const Value l = t.input(1, 2, lambda.data());
    const Quantizer state = site("state:layers.0.ssm", 8, {1.0F});
    CHECK_THROWS_WITH_AS(ops::scan(t, l, x, sequences, ops::Direction::forward, &state),
                         "[scan] the state of state:layers.0.ssm is not finite", DivergedError);
    CHECK_THROWS_AS(ops::scan(t, l, x, sequences, ops::Direction::forward), DivergedError);
    CHECK_THROWS_AS(ops::scan(t, l, x, sequences, ops::Direction::backward), DivergedError);
  }
}

}  // namespace
}  // namespace bitstate::tests::codes_test
