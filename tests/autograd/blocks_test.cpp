// Codes are computed by blocks of rows when they are asked for. These ops treat each row alike, so a pass over all rows
// must give what passes over a few rows each give: codes, clamps, extremes and gradients.
#include "autograd/ops.h"
#include "core/random.h"
#include "tests/support/models/computed.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bitstate::tests::blocks_test {
namespace {

constexpr std::size_t cols = 20;
constexpr std::size_t total = 2 * block_rows + 22;

std::vector<float> numbers(std::size_t count, std::uint64_t stream) {
  const Random random{41, stream};
  std::vector<float> all(count);
  for (std::size_t i = 0; i < count; ++i) all[i] = static_cast<float>(random.normal(i));
  return all;
}

Quantizer site(const char* name, int bits, std::vector<float> range) {
  Quantizer q;
  q.declare(name);
  q.channels = range.size();
  q.spec.bits = bits;
  q.spec.range = range.empty() ? QuantSpec::Range::absmax : QuantSpec::Range::ema;
  q.range = std::move(range);
  return q;
}

/// Sites that clamp some codes, each with a maximum of its own.
struct Sites {
  Quantizer weight = site("weight:w", 8, {});
  Quantizer x = site("act:x", 8, {2.0F}), linear = site("act:linear", 8, {3.0F}), sum = site("act:sum", 8, {2.5F}),
            product = site("act:product", 8, {1.5F}), norm = site("act:norm", 8, {1.6F}),
            both = site("act:both", 8, {1.0F});
  Sites() {
    std::size_t offset = 0;
    for (Quantizer* const q : activations()) q->offset = offset++;
  }
  std::vector<Quantizer*> activations() { return {&x, &linear, &sum, &product, &norm, &both}; }
};

/// What a pass gave.
struct Result {
  std::vector<std::vector<std::int32_t>> codes;  ///< of each quantizer
  std::vector<std::uint64_t> clamped;            ///< of each quantizer
  std::vector<float> observed;                   ///< of each site
  std::vector<float> gradient;                   ///< of the input [rows, cols]
};

/// Rows [first, first + count): of two sequences, the first of which ends at row `border`.
Result run(Sites& sites, std::size_t first, std::size_t count, std::size_t border) {
  auto x = numbers(total * cols, 1);
  for (std::size_t i = (total - 3) * cols; i < x.size(); ++i) x[i] *= 2.0F;  // the extremes are in the last block
  const auto w = numbers(cols * cols, 2);
  const auto gain = numbers(cols, 3);
  const auto seed = numbers(2 * total * cols, 4);
  const std::vector<float> ones(cols, 1.0F);
  std::vector<float> mask(2 * cols);
  for (std::size_t i = 0; i < mask.size(); ++i) mask[i] = i % 3 == 0 ? 0.0F : 1.25F;
  std::vector<std::size_t> rows;
  std::vector<float> masks;
  const auto add_sequence = [&](std::size_t begin, std::size_t end, std::size_t number) {
    const std::size_t from = std::max(begin, first), to = std::min(end, first + count);
    if (from >= to) return;
    rows.push_back(to - from);
    masks.insert(masks.end(), mask.data() + number * cols, mask.data() + (number + 1) * cols);
  };
  add_sequence(0, border, 0);
  add_sequence(border, total, 1);

  Result result;
  Tape tape;
  Pass pass;
  pass.training = pass.gradients = true;
  std::vector<float> observed(6, 0.0F);
  pass.observed = observed;
  tape.begin(pass);
  const Value in = tape.input(count, cols, x.data() + first * cols);
  tape.keep_gradient(in);
  const Value xq = ops::quantize(tape, in, sites.x);
  const Value wq = ops::quantize(tape, tape.input(cols, cols, w.data()), sites.weight);
  const Value gq = ops::quantize(tape, tape.input(1, cols, gain.data()), sites.weight);
  const Value oq = ops::quantize(tape, tape.input(1, cols, ones.data()), sites.weight);
  const Value y = ops::quantize(tape, ops::linear(tape, xq, wq, {}), sites.linear);
  const Value s = ops::quantize(tape, ops::sum(tape, ops::product(tape, xq, gq), y), sites.sum);
  const Value p = ops::quantize(tape, ops::product(tape, s, xq), sites.product);
  const Value dropped = ops::tied_dropout(tape, p, masks, {rows, rows});
  const Value n = ops::quantize(
      tape, ops::layer_norm(tape, ops::quantize(tape, ops::sum(tape, dropped, xq), sites.x), oq, {}), sites.norm);
  const Value both = ops::quantize(tape, ops::concatenate(tape, n, dropped), sites.both);
  tape.backward(both, {seed.data() + 2 * first * cols, 2 * count * cols});
  result.observed = observed;  // before codes are asked for again
  for (const Value v : {xq, y, s, p, n, both}) {
    result.codes.push_back(computed(tape, v).codes);
    result.clamped.push_back(ops::count_clamped(tape, v));
  }
  result.gradient.assign(tape[in].gradient, tape[in].gradient + count * cols);
  return result;
}

TEST_CASE("blocks: a pass over several blocks of rows gives what passes within one block give") {
  constexpr std::size_t border = 70;
  Sites sites;
  const Result whole = run(sites, 0, total, border);
  Result parts{std::vector<std::vector<std::int32_t>>(6), std::vector<std::uint64_t>(6), std::vector<float>(6), {}};
  for (std::size_t first = 0; first < total; first += 50) {
    const Result part = run(sites, first, std::min<std::size_t>(50, total - first), border);
    for (std::size_t q = 0; q < 6; ++q) {
      parts.codes[q].insert(parts.codes[q].end(), part.codes[q].begin(), part.codes[q].end());
      parts.clamped[q] += part.clamped[q];
      parts.observed[q] = std::max(parts.observed[q], part.observed[q]);
    }
    parts.gradient.insert(parts.gradient.end(), part.gradient.begin(), part.gradient.end());
  }
  for (std::size_t q = 0; q < 6; ++q) {
    CAPTURE(q);
    CHECK(whole.codes[q] == parts.codes[q]);
    CHECK(whole.clamped[q] == parts.clamped[q]);
    CHECK(whole.clamped[q] > 0);
    CHECK(whole.observed[q] == parts.observed[q]);
    CHECK(whole.observed[q] > 0.0F);
  }
  REQUIRE(whole.gradient.size() == parts.gradient.size());
  for (std::size_t i = 0; i < whole.gradient.size(); ++i) {
    REQUIRE(whole.gradient[i] == doctest::Approx(parts.gradient[i]).epsilon(1e-4));
  }
}

}  // namespace
}  // namespace bitstate::tests::blocks_test
