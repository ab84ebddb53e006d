// A part of a model that is computed again in backward(): what comes out is what comes out without.
#include "autograd/recompute.h"
#include "autograd/ops.h"
#include "core/error.h"
#include "core/random.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <vector>

namespace bitstate::tests::recompute_test {
namespace {

constexpr std::size_t rows = 90;
constexpr std::size_t cols = 20;

std::vector<float> numbers(std::size_t count, std::uint64_t stream) {
  const Random random{43, stream};
  std::vector<float> all(count);
  for (std::size_t i = 0; i < count; ++i) all[i] = static_cast<float>(random.normal(i));
  return all;
}

Quantizer site(const char* name, int bits) {
  Quantizer q;
  q.declare(name);
  q.spec.bits = bits;
  q.channels = 1;
  q.range = {1.5F};
  q.spec.range = QuantSpec::Range::ema;
  return q;
}

struct Part {
  const Quantizer* out;
  const float* weight;
  Value operator()(Tape& tape, Value x) const {
    return ops::quantize(tape, ops::product(tape, x, tape.input(1, cols, weight)), *out);
  }
};

struct Fixture {
  std::vector<float> x = numbers(rows * cols, 1);
  std::vector<float> weight = numbers(cols, 2);
  std::vector<float> observed = {0.0F, 0.0F};
  Tape tape;
  Quantizer in = site("act:in", 8);
  Quantizer out = site("act:out", 8);

  Fixture() {
    out.offset = 1;
    Pass pass;
    pass.training = pass.gradients = pass.results_only = true;
    pass.observed = observed;
    tape.begin(pass);
  }
  Value input() {
    const Value v = tape.input(rows, cols, x.data());
    tape.keep_gradient(v);
    return v;
  }
};

TEST_CASE("recompute: a part leaves one node, and backward() leaves none of what it computed again") {
  Fixture f;
  const Value x = ops::quantize(f.tape, f.input(), f.in);
  const std::size_t before = f.tape.nodes().size();
  const Value y = ops::recomputed(f.tape, x, Part{&f.out, f.weight.data()});
  CHECK(f.tape.nodes().size() == before + 1);
  CHECK(f.tape[y].has_codes());
  CHECK(f.tape[y].op->name == "recompute");
  const std::size_t visits = f.tape.visits().size();
  f.tape.backward(y, numbers(rows * cols, 3));
  CHECK(f.tape.nodes().size() == before + 1);
  CHECK(f.tape.visits().size() == visits);
}

TEST_CASE("recompute: a part that reads what it was not given is an error, not a gradient that is lost") {
  Fixture f;
  const Value x = ops::quantize(f.tape, f.input(), f.in);
  const Value other = f.input();
  const auto stolen = [other](Tape& tape, Value v) { return ops::sum(tape, v, other); };
  CHECK_THROWS_WITH_AS(ops::recomputed(f.tape, x, stolen), "[recompute] sum reads a value that the part was not given",
                       Error);
  const auto nothing = [](Tape&, Value v) { return v; };
  CHECK_THROWS_WITH_AS(ops::recomputed(f.tape, x, nothing), "[recompute] the part gives back a value that it was given",
                       Error);
}

TEST_CASE("recompute: a part that ends with a function of codes must round it") {
  Fixture f;
  const Value x = ops::quantize(f.tape, f.input(), f.in);
  CHECK_THROWS_WITH_AS(ops::recomputed(f.tape, x, [](Tape& tape, Value v) { return ops::gelu(tape, v); }),
                       "[recompute] the part ends with gelu, and nobody has rounded it", Error);
}

}  // namespace
}  // namespace bitstate::tests::recompute_test
