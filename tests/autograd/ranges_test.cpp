// Where the range of a site comes from: rules, a calibration pass, and steps that move it (docs/numerics.md, section
// 2).
#include "core/ranges.h"
#include "autograd/ops.h"
#include "core/error.h"
#include "models/inventory.h"
#include "tests/support/models/computed.h"
#include "tests/support/models/plain.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

namespace bitstate::tests::ranges_test {
namespace {

constexpr std::size_t width = 3;

/// One activation of three columns and one weight of four rows, with a parameter before the learned ranges.
struct Sites {
  Parameter first = parameter_of(1, 5, std::vector<float>(5, 0.0F));
  Quantizer x, w;
  Inventory inventory;

  explicit Sites(const std::string& rules, const std::vector<std::uint32_t>& groups = {}) {
    x.channels = width;
    x.groups = groups;
    w.channels = 4;
    inventory = take_inventory(*this);
    quantize_sites(inventory, QuantConfig::parse(rules, "test"));
  }
  template <class V>
  void visit(V& v) {
    v("first", first);
    v.site("act", "x", x);
    v.site("weight", "w", w);
  }
};

/// One step of several lanes, each with its own rows of x, read at once or in several calls; what all of them saw,
/// merged.
struct Step {
  std::vector<float> maxima;
  std::vector<std::uint32_t> counts;
  std::vector<float> shadows;
  [[nodiscard]] Observed observed() const { return {maxima, counts}; }
};

Step run(Sites& sites, const std::vector<float>& data, std::size_t lanes, bool calibrating,
         const Tensor& weight = Tensor(4, 2, 0.5F), std::size_t calls = 1) {
  Step step{std::vector<float>(sites.inventory.range_count(), 0.0F),
            std::vector<std::uint32_t>(sites.inventory.count_count(), 0),
            {}};
  const std::size_t rows = data.size() / width;
  for (std::size_t lane = 0; lane < lanes; ++lane) {
    const std::size_t begin = rows * lane / lanes;
    const std::size_t end = rows * (lane + 1) / lanes;
    Pass pass = training_pass();
    pass.calibrating = calibrating;
    Lane l(pass, 64, step.maxima.size(), step.counts.size());
    for (std::size_t call = 0; call < calls; ++call) {
      const std::size_t first = begin + (end - begin) * call / calls;
      const std::size_t last = begin + (end - begin) * (call + 1) / calls;
      const Value x = l.tape.input(last - first, width, data.data() + first * width);
      const Computed y = computed(l.tape, ops::quantize(l.tape, x, sites.x));
      step.shadows.insert(step.shadows.end(), y.value.begin(), y.value.end());
    }
    (void)ops::quantize(l.tape, l.tape.input(4, 2, weight.data.data()), sites.w);
    for (std::size_t i = 0; i < step.maxima.size(); ++i) step.maxima[i] = std::max(step.maxima[i], l.observed[i]);
    for (std::size_t i = 0; i < step.counts.size(); ++i) step.counts[i] += l.counts[i];
  }
  return step;
}

/// Columns of different sizes; the last one, when `dead`, is 0.
std::vector<float> columns(std::uint64_t stream, double size = 1.0, bool dead = false, std::size_t rows = 120) {
  auto data = normal_values(rows * width, size, stream);
  for (std::size_t i = 0; i < data.size(); ++i) {
    const std::size_t c = i % width;
    data[i] *= c == 0 ? 0.25F : (c == 1 ? 1.0F : (dead ? 0.0F : 4.0F));
  }
  return data;
}

/// The values of column c, or all of them.
std::vector<float> part(const std::vector<float>& data, bool channel, std::size_t c) {
  std::vector<float> values;
  for (std::size_t i = 0; i < data.size(); ++i) {
    if (!channel || i % width == c) values.push_back(data[i]);
  }
  return values;
}

float largest(const std::vector<float>& values, float sign) {
  float result = 0.0F;
  for (const float v : values) result = std::max(result, sign == 0.0F ? std::fabs(v) : sign * v);
  return result;
}

/// Edges of the bin of |v|: 32 to a power of two.
std::array<double, 2> bin(float v) {
  const double power = std::exp2(std::floor(std::log2(std::fabs(double{v}))));
  const double k = std::floor(32.0 * (std::fabs(double{v}) / power - 1.0));
  return {power * (1.0 + k / 32.0), power * (1.0 + (k + 1.0) / 32.0)};
}

/// The upper edge of the bin of the alpha-th percentile, alpha in tenths of a per cent.
float percentile(std::vector<float> values, std::size_t tenths) {
  for (float& v : values) v = std::fabs(v);
  std::sort(values.begin(), values.end());
  return static_cast<float>(bin(values[(values.size() * tenths + 999) / 1000 - 1])[1]);
}

/// The best of 64 candidates below the upper edge of the last bin, for values at the middles of their bins.
float least_squares(const std::vector<float>& values, int bits, bool binned) {
  double top = 0.0;
  for (const float v : values) top = std::max(top, binned ? bin(v)[1] : std::fabs(double{v}));
  double least = 1e300;
  float best = 0.0F;
  for (int k = 1; k <= 64; ++k) {
    const float r = static_cast<float>(top) * (static_cast<float>(k) / 64.0F);
    const auto q = static_cast<double>(largest_code(bits));
    const double s = r / static_cast<float>(q);
    double sum = 0.0;
    for (const float v : values) {
      const double m = binned ? 0.5 * (bin(v)[0] + bin(v)[1]) : std::fabs(double{v});
      sum += std::pow(m - s * std::min(q, std::floor(m / s + 0.5)), 2.0);
    }
    if (sum < least * (1.0 - 1e-12)) {
      least = sum;
      best = r;
    }
  }
  return best;
}

TEST_CASE("site ranges: ema, percentile and mse are calibrated on the lanes' sums and moved by the rate") {
  for (const std::string range : {"ema", "percentile alpha=97.5", "mse"}) {
    for (const bool channel : {false, true}) {
      CAPTURE(range);
      CAPTURE(channel);
      Sites sites("act:x 4 rate=0.25 range=" + range + (channel ? " granularity=channel" : ""));
      const auto show = [&](const std::vector<float>& data, std::size_t c) {
        const auto values = part(data, channel, c);
        if (range == "ema") return largest(values, 0.0F);
        return range == "mse" ? least_squares(values, 4, true) : percentile(values, 975);
      };
      CHECK(needs_calibration(sites.inventory));
      const auto first = columns(1);
      const Step calibration = run(sites, first, 3, true);
      CHECK(calibration.shadows == first);  // unrounded
      calibrate_ranges(sites.inventory, calibration.observed());
      CHECK_FALSE(needs_calibration(sites.inventory));
      REQUIRE(sites.x.range.size() == (channel ? width : 1));
      std::vector<float> expected;
      for (std::size_t c = 0; c < sites.x.range.size(); ++c) {
        expected.push_back(show(first, c));
        CHECK(sites.x.range[c] == expected[c]);
      }
      const auto second = columns(2, 1.7);
      const Step step = run(sites, second, 2, false);
      for (std::size_t i = 0; i < second.size(); ++i) {  // with the ranges from before the step
        const float s = expected[channel ? i % width : 0] / 7.0F;
        REQUIRE(step.shadows[i] == static_cast<float>(code_of(second[i], s, -7, 7)) * s);
      }
      update_ranges(sites.inventory, step.observed());
      for (std::size_t c = 0; c < expected.size(); ++c) {
        CHECK(sites.x.range[c] == doctest::Approx(0.75 * expected[c] + 0.25 * show(second, c)).epsilon(1e-6));
        CHECK(sites.x.range[c] > expected[c]);
      }
    }
  }
}

TEST_CASE("site ranges: what lies above 2^8 shares a bin, and its range is the largest magnitude") {
  for (const std::string range : {"percentile alpha=90", "mse"}) {
    CAPTURE(range);
    const auto data = columns(5, 3000.0);  // columns of the sizes 750, 3000 and 12000
    Sites sites("act:x 8 granularity=channel range=" + range);
    calibrate_ranges(sites.inventory, run(sites, data, 2, true).observed());
    for (std::size_t c = 0; c < width; ++c) CHECK(sites.x.range[c] == largest(part(data, true, c), 0.0F));
  }
  // a percentile below 2^8 is not moved by what lies above
  auto data = columns(6);
  for (std::size_t i = 0; i < 3 * width; ++i) data[i] = 1000.0F;
  Sites sites("act:x 8 granularity=channel range=percentile alpha=90");
  calibrate_ranges(sites.inventory, run(sites, data, 2, true).observed());
  for (std::size_t c = 0; c < width; ++c) CHECK(sites.x.range[c] == percentile(part(data, true, c), 900));
}

TEST_CASE("site ranges: what lanes saw depends neither on their number nor on how many sequences they read at once") {
  for (const std::string options : {"range=ema", "range=percentile", "range=mse", "sign=asymmetric"}) {
    CAPTURE(options);
    Sites sites("act:x 4 granularity=channel " + options);
    const auto data = columns(3);
    const Step one = run(sites, data, 1, true);
    for (const std::size_t lanes : {1, 2, 5}) {
      for (const std::size_t calls : {1, 2, 8}) {
        const Step many = run(sites, data, lanes, true, Tensor(4, 2, 0.5F), calls);
        CHECK(many.maxima == one.maxima);
        CHECK(many.counts == one.counts);
      }
    }
  }
}

TEST_CASE("site ranges: an asymmetric site keeps all upper ends, then all lower ends") {
  for (const bool channel : {false, true}) {
    CAPTURE(channel);
    Sites sites(std::string("act:x 4 sign=asymmetric rate=0.5") + (channel ? " granularity=channel" : ""));
    auto data = columns(4);
    for (std::size_t i = 0; i < data.size(); ++i) data[i] += i % width == 1 ? 5.0F : -0.1F;  // column 1 is positive
    const Step calibration = run(sites, data, 2, true);
    calibrate_ranges(sites.inventory, calibration.observed());
    const std::size_t n = channel ? width : 1;
    REQUIRE(sites.x.range.size() == 2 * n);
    for (std::size_t c = 0; c < n; ++c) {
      CHECK(sites.x.range[c] == largest(part(data, channel, c), 1.0F));
      CHECK(sites.x.range[n + c] == largest(part(data, channel, c), -1.0F));
    }
    if (channel) CHECK(sites.x.range[n + 1] == 0.0F);
    const auto ranges = sites.x.range;
    const Step step = run(sites, data, 1, false);
    for (std::size_t i = 0; i < data.size(); ++i) {
      const std::size_t c = channel ? i % width : 0;
      const float s = (ranges[c] + ranges[n + c]) / 15.0F;
      const auto lo = -static_cast<std::int64_t>(std::floor(ranges[n + c] / s + 0.5F));
      REQUIRE(step.shadows[i] == static_cast<float>(code_of(data[i], s, lo, lo + 15)) * s);
    }
    for (float& v : data) v = std::fabs(2.0F * v);  // no lower ends: these stay
    update_ranges(sites.inventory, run(sites, data, 1, false).observed());
    for (std::size_t c = 0; c < n; ++c) {
      CHECK(sites.x.range[c] > ranges[c]);
      CHECK(sites.x.range[n + c] == ranges[n + c]);
    }
  }
}

TEST_CASE("site ranges: the channels of a group share what all of them show") {
  const auto data = columns(5);
  // columns 0 and 2 are a group: their numbers, in the order in which they are counted, as one column
  std::vector<float> joined, alone;
  for (std::size_t i = 0; i < data.size(); ++i) (i % width == 1 ? alone : joined).push_back(data[i]);
  const auto ranges_of = [&](const std::string& rule, const std::vector<float>& numbers,
                             const std::vector<std::uint32_t>& of) {
    Sites sites("act:x 4 " + rule, of);
    std::vector<float> three;  // the same numbers in all columns
    for (const float v : numbers) three.insert(three.end(), numbers.size() == data.size() ? 1 : width, v);
    const Step step = run(sites, three, 3, true);
    calibrate_ranges(sites.inventory, step.observed());
    update_ranges(sites.inventory, step.observed());
    return sites.x.range;
  };
  for (const std::string rule : {"range=ema", "range=percentile alpha=90", "range=mse", "range=ema sign=asymmetric"}) {
    CAPTURE(rule);
    const auto grouped = ranges_of(rule + " granularity=group", data, {0, 1, 0});
    const auto of_joined = ranges_of(rule, joined, {});
    const auto of_alone = ranges_of(rule, alone, {});
    REQUIRE(grouped.size() == width * of_joined.size());
    for (std::size_t end = 0; end < of_joined.size(); ++end) {
      CHECK(grouped[end * width] == of_joined[end]);
      CHECK(grouped[end * width + 1] == of_alone[end]);
      CHECK(grouped[end * width + 2] == of_joined[end]);
    }
    CHECK(grouped[0] != grouped[1]);
    CHECK(ranges_of(rule + " granularity=group", data, {0}) == ranges_of(rule, data, {}));
  }
}

TEST_CASE("site ranges: a fixed range needs no calibration and stays") {
  Sites sites("act:x 3 range=fixed value=1.5\nweight:w 3 range=fixed value=0.3");
  CHECK(sites.inventory.range_count() == 0);
  CHECK_FALSE(needs_calibration(sites.inventory));
  const auto data = columns(5);
  const Step step = run(sites, data, 1, false);
  for (std::size_t i = 0; i < data.size(); ++i) {
    REQUIRE(step.shadows[i] == static_cast<float>(code_of(data[i], 0.5F, -3, 3)) * 0.5F);
  }
  Lane lane(training_pass());
  const std::vector<float> w = {0.26F, -0.04F, 0.149F, -9.0F};
  CHECK(codes_of(lane.tape, ops::quantize(lane.tape, lane.tape.input(2, 2, w.data()), sites.w)) == Codes{3, 0, 1, -3});
  update_ranges(sites.inventory, step.observed());
  CHECK(sites.x.range.empty());
}

TEST_CASE("site ranges: learned ranges begin at the largest activation and the mse range of each row") {
  Sites sites("act:x 3 range=learned granularity=channel\nweight:w 3 range=learned granularity=channel");
  REQUIRE(sites.inventory.parameters.size() == 3);
  CHECK(sites.inventory.parameters[1].name == "act:x.log_range");
  CHECK(sites.inventory.parameters[2].name == "weight:w.log_range");
  CHECK(sites.x.log_range.offset == 5);
  CHECK(sites.w.log_range.offset == 8);
  CHECK(sites.inventory.parameter_count() == 12);
  const auto data = columns(6);
  Tensor weight(4, 2);
  weight.data = {0.5F, 0.31F, -2.0F, 0.2F, 1.0F, 0.9F, 0.7F, -0.1F};
  calibrate_ranges(sites.inventory, run(sites, data, 2, true, weight).observed());
  for (std::size_t c = 0; c < width; ++c) {
    CHECK(std::exp(sites.x.log_range.value.data[c]) == doctest::Approx(largest(part(data, true, c), 0.0F)));
  }
  for (std::size_t r = 0; r < 4; ++r) {
    const std::vector<float> row(weight.data.begin() + 2 * r, weight.data.begin() + 2 * r + 2);
    CHECK(std::exp(sites.w.log_range.value.data[r]) == doctest::Approx(least_squares(row, 3, false)));
  }
  const auto begin = sites.x.log_range.value.data;
  const Step step = run(sites, columns(7, 3.0), 2, false, weight);
  update_ranges(sites.inventory, step.observed());
  CHECK(sites.x.log_range.value.data == begin);
  const auto wide = columns(7, 3.0);
  for (std::size_t i = 0; i < wide.size(); ++i) {
    const float s = std::exp(begin[i % width]) / 3.0F;
    REQUIRE(step.shadows[i] == static_cast<float>(code_of(wide[i], s, -3, 3)) * s);
  }
  quantize_sites(sites.inventory, QuantConfig::parse("act:x 8", "test"));  // learned no more
  CHECK(sites.inventory.parameter_count() == 5);
}

TEST_CASE("site ranges: scale=pow2 takes the power of two next above or equal") {
  for (const float range : {0.7F, 7.0F, 7.01F, 13.9F, 14.0F, 100.0F}) {
    for (const bool pow2 : {false, true}) {
      Sites sites("act:x 4 scale=" + std::string(pow2 ? "pow2" : "free"));
      const std::vector<float> data = {range, -0.4F * range, 0.1F * range};
      calibrate_ranges(sites.inventory, run(sites, data, 1, true).observed());
      const float free = range / 7.0F;
      float s = free;
      if (pow2) {
        for (s = 0x1.0p-10F; s < free;) s *= 2.0F;
      }
      const Step step = run(sites, data, 1, false);
      for (std::size_t i = 0; i < 3; ++i) {
        CHECK(step.shadows[i] == static_cast<float>(code_of(data[i], s, -7, 7)) * s);
      }
    }
  }
}

TEST_CASE("site ranges: fewer maxima, counts or ranges than the sites have are errors that name both numbers") {
  Sites sites("act:x 4 granularity=channel range=percentile");
  const Step step = run(sites, columns(7), 1, true);
  const std::span<const float> maxima(step.maxima);
  const std::span<const std::uint32_t> counts(step.counts);
  for (const Observed& less : {Observed{maxima.first(2), counts}, Observed{maxima, counts.first(counts.size() - 1)}}) {
    CHECK_THROWS_WITH_AS(calibrate_ranges(sites.inventory, less), doctest::Contains("the model has 3 ranges and 3072"),
                         Error);
    CHECK(sites.x.range.empty());
  }
  calibrate_ranges(sites.inventory, step.observed());
  CHECK_THROWS_AS(update_ranges(sites.inventory, {maxima.first(2), counts}), Error);
  sites.x.range.pop_back();
  CHECK_THROWS_WITH_AS(run(sites, columns(7), 1, false),
                       "[quantize] act:x has ranges for 2 channels, but channel 2 needs one", Error);
}

TEST_CASE("site ranges: a channel that is dead for the moment keeps its range") {
  for (const std::string range : {"ema", "percentile", "mse"}) {
    CAPTURE(range);
    Sites sites("act:x 8 rate=0.5 granularity=channel range=" + range);
    calibrate_ranges(sites.inventory, run(sites, columns(8), 2, true).observed());
    const auto before = sites.x.range;
    update_ranges(sites.inventory, run(sites, columns(9, 0.5, true), 2, false).observed());
    CHECK(sites.x.range[0] < before[0]);
    CHECK(sites.x.range[1] < before[1]);
    CHECK(sites.x.range[2] == before[2]);
  }
}

TEST_CASE("site ranges: a channel that is dead in calibration has the range 0, and the scale 1, until it lives") {
  for (const std::string range : {"ema", "percentile", "mse"}) {
    CAPTURE(range);
    Sites sites("act:x 8 rate=0.5 granularity=channel range=" + range);
    calibrate_ranges(sites.inventory, run(sites, columns(8, 1.0, true), 1, true).observed());
    CHECK(sites.x.range[2] == 0.0F);
    const auto data = columns(9, 3.0);
    const Step step = run(sites, data, 1, false);
    for (std::size_t i = 2; i < data.size(); i += width) {
      REQUIRE(step.shadows[i] == static_cast<float>(code_of(data[i], 1.0F, -127, 127)));
    }
    update_ranges(sites.inventory, step.observed());
    CHECK(sites.x.range[2] > 1.0F);
  }
}

TEST_CASE("site ranges: dynamic activations have a range of each step or sequence, without codes") {
  const std::vector<std::size_t> rows = {4, 1, 7};
  const Sequences sequences{rows, rows, 0};
  const auto data = columns(10, 1.0, false, 12);
  const std::array<std::size_t, 12> sequence_of = {0, 0, 0, 0, 1, 2, 2, 2, 2, 2, 2, 2};
  for (const std::string granularity : {"step", "sample", "channel"}) {
    for (const std::string options : {"edge=center", "edge=half", "sign=asymmetric"}) {
      CAPTURE(granularity);
      CAPTURE(options);
      Sites sites("act:x 4 range=absmax " + options + " granularity=" + granularity);
      CHECK_FALSE(needs_calibration(sites.inventory));
      Lane lane(training_pass(true));
      Parameter x = parameter_of(12, width, data);
      const Value v = ops::quantize(lane.tape, lane.tape.parameter(x), sites.x, &sequences);
      const Computed y = computed(lane.tape, v);
      CHECK_FALSE(y.has_codes());
      for (std::size_t i = 0; i < data.size(); ++i) {
        float high = 0.0F, low = 0.0F;
        for (std::size_t j = 0; j < data.size(); ++j) {
          const bool together = granularity == "step" ? i / width == j / width
                                                      : sequence_of[i / width] == sequence_of[j / width] &&
                                                            (granularity == "sample" || i % width == j % width);
          if (!together) continue;
          high = std::max(high, data[j]);
          low = std::max(low, -data[j]);
        }
        const float r = std::max(high, low);
        float s = options == "edge=half" ? r / 7.5F : r / 7.0F;
        std::int64_t lo = -7, hi = 7;
        if (options == "sign=asymmetric") {
          s = (high + low) / 15.0F;
          lo = -static_cast<std::int64_t>(std::floor(low / s + 0.5F));
          hi = lo + 15;
        }
        REQUIRE(y.value[i] == static_cast<float>(code_of(data[i], s, lo, hi)) * s);
      }
      const std::vector<float> seed(data.size(), 1.5F);
      lane.tape.backward(v, seed);
      CHECK(std::vector<float>(lane.gradient.begin(), lane.gradient.begin() + 36) == seed);  // nothing is ever clamped
    }
  }
}

}  // namespace
}  // namespace bitstate::tests::ranges_test
