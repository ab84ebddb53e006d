#include "autograd/signature.h"

#include "autograd/export.h"
#include "autograd/ops.h"
#include "autograd/quantizer.h"
#include "core/io/sha256.h"
#include "core/kernels/hadamard.h"
#include "core/program/run/runner.h"
#include "core/random.h"

#include <array>
#include <cstddef>
#include <deque>
#include <utility>

namespace bitstate {
namespace {

using namespace program;  // NOLINT(google-build-using-namespace): the instructions

constexpr std::uint64_t program_count = 16;
constexpr std::uint64_t sheared_count = 4;  // more programs, with the other scan
constexpr std::uint64_t selective_count = 6;
constexpr std::uint64_t forward_count = 24;
constexpr std::size_t digits = 16;

/// Integers one after the other.
class Draw {
 public:
  Draw(std::string_view what, std::uint64_t number) : random_{number, random_stream(what)} {}

  std::int64_t operator()(std::int64_t lo, std::int64_t hi) {
    return lo + static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(hi - lo) + 1, next_++));
  }
  std::uint32_t size(std::int64_t lo, std::int64_t hi) { return static_cast<std::uint32_t>((*this)(lo, hi)); }
  std::vector<std::int32_t> codes(std::size_t count, std::int64_t lo, std::int64_t hi) {
    std::vector<std::int32_t> codes(count);
    for (std::int32_t& code : codes) code = static_cast<std::int32_t>((*this)(lo, hi));
    return codes;
  }
  Matrix matrix(std::uint32_t rows, std::uint32_t cols, std::uint32_t bits) {
    const std::int64_t end = std::int64_t{1} << (bits - 1);
    return {rows, cols, bits, codes(std::size_t{rows} * cols, -end, end - 1)};
  }
  /// One or one for each column, from 2^(30 - shift) to 2^(31 - shift).
  std::vector<FixedPoint> factors(std::size_t cols, std::int64_t shift) {
    std::vector<FixedPoint> factors((*this)(0, 1) == 0 ? 1 : cols);
    for (FixedPoint& f : factors) f = {(*this)(std::int64_t{1} << 30, (std::int64_t{1} << 31) - 1), shift};
    return factors;
  }
  /// Numbers that a float holds exactly, of magnitude up to `largest`.
  std::vector<float> numbers(std::size_t count, std::int64_t largest) {
    std::vector<float> numbers(count);
    for (float& x : numbers) x = static_cast<float>((*this)(-256 * largest, 256 * largest)) / 256.0F;
    return numbers;
  }

 private:
  Random random_;
  std::uint64_t next_ = 0;
};

/// The hash of arrays of codes.
class CodeHash {
 public:
  void add(std::span<const std::int32_t> codes) {
    for (const std::int32_t code : codes) {
      const auto word = static_cast<std::uint32_t>(code);
      const std::array<unsigned char, 4> bytes{static_cast<unsigned char>(word), static_cast<unsigned char>(word >> 8U),
                                               static_cast<unsigned char>(word >> 16U),
                                               static_cast<unsigned char>(word >> 24U)};
      sha_.update(bytes.data(), bytes.size());
    }
  }
  std::string hex() { return sha_.hex(); }

 private:
  Sha256 sha_;
};

Scan draw_scan(Draw& draw, Ref x, std::size_t cols, std::uint64_t number) {
  Scan scan;
  scan.x = x;
  scan.backward = number % 4 == 3;
  scan.residue = static_cast<Residue>(number % 3);
  scan.shift = number % 5 == 4 ? -1 : 7;
  scan.to_state = {1 << 30, 37};  // 2^-7, as the shift is
  scan.to_inner = {1 << 30, 23};
  scan.lambda_bits = 8;
  scan.bound = 127;
  scan.limit = 1 << 13;
  scan.lambda = draw.codes(cols, -90, 90);
  scan.from_input = draw.factors(1, 24);
  scan.from_input.resize(cols, scan.from_input.front());
  return scan;
}

ScanShear draw_sheared_scan(Draw& draw, Ref x, std::size_t cols, std::uint64_t number) {
  ScanShear scan;
  scan.x = x;
  scan.backward = number % 4 == 3;
  scan.feedback = number % 2 == 1;
  scan.step_bits = 5;
  scan.decay_bits = 2;
  scan.bound = 127;
  scan.limit = std::int64_t{635} << 15;
  for (std::size_t p = 0; p < cols / 2; ++p) {
    const std::vector<std::int32_t> step = draw.codes(1, -15, 15);
    const std::int32_t sign = draw(0, 1) == 0 ? 1 : -1;
    const std::vector<std::int32_t> decay = draw.codes(1, 1, 3), shifts = draw.codes(2, 4, 7);
    scan.add({sign, decay[0], shifts[0], step[0], shifts[1]});
  }
  scan.from_input = draw.factors(1, 18);
  scan.from_input.resize(cols, scan.from_input.front());
  return scan;
}

/// A program with most instructions. Some begin with an embedding, and some end in a mean pool or the last step.
Program draw_program(Draw& draw, std::uint64_t number) {
  Program p;
  const bool tokens = number % 5 == 2;
  const std::uint32_t cols = 2 * draw.size(1, 20);  // of most values
  std::vector<Instruction>& code = p.instructions;
  const auto emit = [&](Instruction instruction) {
    code.push_back(std::move(instruction));
    return static_cast<Ref>(code.size());
  };
  const auto to_bits = [&](Ref x, std::int64_t shift, std::int32_t bound) {
    return emit(Rescale{x, draw.factors(cols, shift), {-bound}, {bound}});
  };
  Ref x = 0;
  if (tokens) {
    p.input.tokens = true;
    p.input.grid = {1.0F, 0, 11};
    x = emit(Embedding{0, draw.matrix(12, cols, 8)});
  } else {
    p.input.cols = draw.size(1, 33);
    p.input.grid = {1.0F, -128, 127};
    x = emit(Linear{0, draw.matrix(cols, p.input.cols, draw.size(2, 9)), draw.codes(cols, -999, 999)});
    x = to_bits(x, 36, 127);
  }
  x = emit(LayerNorm{x, draw.codes(cols, -127, 127), draw.codes(cols, -9999, 9999), 12, draw(1, 99)});
  x = to_bits(x, 42, 127);
  const bool sheared = number >= program_count;
  const Ref state = sheared ? emit(draw_sheared_scan(draw, x, cols, number)) : emit(draw_scan(draw, x, cols, number));
  const bool one_table = draw(0, 1) == 0;
  const Ref table = emit(Table{state, -127, draw.matrix(one_table ? 1 : cols, 255, number % 3 == 0 ? 10 : 8)});
  const Ref product = emit(Product{state, table});
  x = emit(Scale{product, draw.codes(cols, -15, 15)});
  std::vector<FixedPoint> signed_factors = draw.factors(cols, 33);
  signed_factors.front().multiplier *= -1;
  x = emit(AddRow{x, signed_factors, draw.codes(cols, -999, 999)});
  x = emit(Sum{x, product, draw.factors(cols, 32), draw.factors(cols, 31)});
  x = to_bits(x, 35, 511);
  x = emit(Concatenate{x, emit(Sign{x})});
  if (number % 3 == 0) x = emit(MeanPool{x, 2});
  if (number % 3 == 1) x = emit(Last{x});
  emit(Linear{x, draw.matrix(3, 2 * cols, number % 2 == 0 ? 2 : 8), draw.codes(3, -999, 999)});
  p.output.scale = {1.0F};
  return p;
}

SelectiveScan draw_selective_scan(Draw& draw, std::uint32_t heads, std::uint32_t of_head, std::uint64_t number) {
  SelectiveScan scan;
  scan.backward = number % 4 == 3;
  scan.residue = static_cast<Residue>(number % 3);
  scan.groups = number % 2 == 0 ? 1 : heads;
  scan.states = draw.size(1, 20);
  scan.first = -127;
  scan.fraction = 16;
  scan.input_bound = 32767;
  scan.bound = number % 2 == 0 ? 32767 : 127;
  scan.limit = std::int64_t{4} * scan.bound << 15;
  scan.delta = draw.codes(255, 0, 1 << 17);
  const std::uint32_t rates = number % 3 == 0 ? 1 : scan.states;
  scan.rate = {heads, rates, 24, draw.codes(std::size_t{heads} * rates, 0, 1 << 19)};
  scan.to_input = draw.factors(1, 36);
  scan.to_input.resize(std::size_t{heads} * of_head, scan.to_input.front());
  scan.to_inner = draw.factors(1, number % 2 == 0 ? 23 : 31);
  scan.to_inner.resize(scan.to_input.size(), scan.to_inner.front());
  return scan;
}

/// A norm in groups, a convolution, and a selective scan of four products of it.
Program draw_selective_program(Draw& draw, std::uint64_t number) {
  Program p;
  const std::uint32_t heads = draw.size(1, 6);
  const std::uint32_t of_head = number % 2 == 0 ? 1 : draw.size(2, 9);
  const std::uint32_t cols = heads * of_head;
  std::vector<Instruction>& code = p.instructions;
  const auto emit = [&](Instruction instruction) {
    code.push_back(std::move(instruction));
    return static_cast<Ref>(code.size());
  };
  const auto to_bits = [&](Ref x, std::int64_t shift) {
    return emit(Rescale{x, draw.factors(1, shift), {-127}, {127}});
  };
  const auto projected = [&](Ref x, std::uint32_t rows) {
    return to_bits(emit(Linear{x, draw.matrix(rows, cols, 8), draw.codes(rows, -999, 999)}), 38);
  };
  p.input.cols = cols;
  p.input.grid = {1.0F, -128, 127};
  Ref x = to_bits(emit(RmsNorm{0, draw.codes(cols, -127, 127), number % 2 == 0 ? 1 : heads, 12, draw(1, 99)}), 42);
  const std::uint32_t taps = draw.size(1, 4);
  x = to_bits(emit(Conv{x, number % 4 == 3, draw.matrix(cols, taps, 6), draw.codes(cols, -999, 999)}), 35);
  SelectiveScan scan = draw_selective_scan(draw, heads, of_head, number);
  scan.u = projected(x, cols);
  scan.dt = projected(x, heads);
  scan.b = projected(x, scan.groups * scan.states);
  scan.c = projected(x, scan.groups * scan.states);
  x = emit(std::move(scan));
  if (Hadamard::exists(cols)) emit(Rotate{emit(Rescale{x, draw.factors(1, 40), {-127}, {127}})});
  p.output.scale = {1.0F};
  return p;
}

void add_programs(CodeHash& hash, const RunProgram& run) {
  const auto add = [&](Draw& draw, const Program& p) {
    const std::size_t steps = draw.size(1, 70);
    hash.add(run(p, draw.codes(steps * p.input.cols, p.input.grid.lo, p.input.grid.hi)));
  };
  for (std::uint64_t number = 0; number < program_count + sheared_count; ++number) {
    Draw draw("signature of programs", number);
    add(draw, draw_program(draw, number));
  }
  for (std::uint64_t number = 0; number < selective_count; ++number) {
    Draw draw("signature of selective programs", number);
    add(draw, draw_selective_program(draw, number));
  }
}

/// A tape with what it reads: drawn numbers and quantizers. Four of every eight have scales that are powers of two, so
/// that rounding meets halves.
class Network {
 public:
  explicit Network(std::uint64_t number)
      : draw_("signature of forward passes", number),
        scales_(number / 4 % 2 == 0 ? QuantSpec::Scale::free : QuantSpec::Scale::pow2) {
    tape.begin({});
  }

  Tape tape;

  Value numbers(std::size_t rows, std::size_t cols, std::int64_t largest) {
    return tape.input(rows, cols, numbers_.emplace_back(draw_.numbers(rows * cols, largest)).data());
  }
  Value constants(std::size_t rows, std::size_t cols) {
    Parameter& p = parameters_.emplace_back();
    p.value = Tensor(rows, cols);
    p.value.data = draw_.numbers(rows * cols, 1);
    return tape.parameter(p);
  }
  /// Rounded to `bits` bits, each row by its own largest number.
  Value weight(std::size_t rows, std::size_t cols, int bits) {
    Quantizer& q = quantizer("weight:w", bits, rows);
    q.spec.granularity = QuantSpec::Granularity::channel;
    return ops::quantize(tape, constants(rows, cols), q);
  }
  /// Rounded to `bits` bits, all by the largest.
  Value vector(const char* site, std::size_t cols, int bits) {
    return ops::quantize(tape, constants(1, cols), quantizer(site, bits, 1));
  }
  Value activation(Value x, int bits, float range) {
    return ops::quantize(tape, x, with_range(quantizer("act:x", bits, tape[x].cols), range));
  }
  const Quantizer& state(std::size_t states, int bits, float range, QuantSpec::Rounding rounding) {
    Quantizer& q = with_range(quantizer("state:x", bits, states), range);
    q.spec.rounding = rounding;
    return q;
  }
  std::int64_t draw(std::int64_t lo, std::int64_t hi) { return draw_(lo, hi); }

 private:
  Quantizer& quantizer(const char* site, int bits, std::size_t channels) {
    Quantizer& q = quantizers_.emplace_back();
    q.declare(site);
    q.channels = channels;
    q.spec.bits = bits;
    q.spec.scale_kind = scales_;
    return q;
  }
  static Quantizer& with_range(Quantizer& q, float range) {
    q.spec.range = QuantSpec::Range::ema;
    q.range = {range};
    return q;
  }

  Draw draw_;
  QuantSpec::Scale scales_;
  std::deque<std::vector<float>> numbers_;  // a deque: what is in it stays where it is
  std::deque<Parameter> parameters_;
  std::deque<Quantizer> quantizers_;
};

/// A layer between two dense ones. All of it has codes; the functions are those that need no mathematical library.
Value forward(Network& net, Value x, const Sequences& sequences, std::uint64_t number) {
  Tape& tape = net.tape;
  const auto features = static_cast<std::size_t>(net.draw(1, 20));
  const auto states = static_cast<std::size_t>(net.draw(1, 9));
  const int weight_bits = std::array{8, 4, 2, 1}.at(number % 4);
  const int bits = number % 3 == 2 ? 12 : 8;
  const auto rounding = number % 2 == 0 ? QuantSpec::Rounding::nearest : QuantSpec::Rounding::feedback;
  const auto direction = number % 4 == 3 ? ops::Direction::backward : ops::Direction::forward;
  // one draw per statement: compilers differ in the order of arguments
  const auto dense = [&](Value in, std::size_t outputs) {
    const Value weight = net.weight(outputs, tape[in].cols, weight_bits);
    const Value bias = net.vector("bias:b", outputs, 8);
    return ops::linear(tape, in, weight, bias);
  };
  const Value u = net.activation(dense(x, features), bits, 3.0F);
  const Value scale = net.vector("weight:scale", features, 8);
  const Value bias = net.vector("bias:b", features, 8);
  const Value norm = net.activation(ops::layer_norm(tape, u, scale, bias), bits, 2.0F);
  const Value bu = ops::linear(tape, norm, net.weight(2 * states, features, 8));
  const Value lambda = net.vector("weight:lambda", 2 * states, 8);
  const Value state = ops::scan(tape, lambda, bu, sequences, direction, &net.state(states, bits, 4.0F, rounding));
  const Value y = net.activation(ops::linear(tape, state, net.weight(features, 2 * states, weight_bits)), 8, 4.0F);
  const Value gate = net.activation(number % 2 == 0 ? ops::hard_sigmoid(tape, y) : ops::qgelu(tape, y), 8, 1.0F);
  const Value gated = net.activation(ops::product(tape, y, gate), 8, 3.0F);
  const Value sum = net.activation(ops::sum(tape, gated, u), bits, 5.0F);
  const Value all = net.activation(ops::concatenate(tape, sum, y), 8, 5.0F);
  if (number % 3 == 0) return dense(all, 2);
  const Value pooled = number % 3 == 1 ? ops::mean_pool(tape, all, sequences) : ops::last(tape, all, sequences);
  return dense(net.activation(pooled, 8, 4.0F), 3);
}

void add_forward_passes(CodeHash& hash, const RunProgram& run) {
  for (std::uint64_t number = 0; number < forward_count; ++number) {
    Network net(number);
    const std::vector<std::size_t> steps{static_cast<std::size_t>(net.draw(1, 40))};
    const auto cols = static_cast<std::size_t>(net.draw(1, 5));
    const Value input = net.activation(net.numbers(steps[0], cols, 2), 8, 2.0F);
    const Value output = forward(net, input, {steps, steps, 0}, number);
    for (const Node& node : net.tape.nodes()) {
      if (node.has_codes()) hash.add(net.tape.codes32(net.tape.handle(node)));
    }
    const Program p = export_program(net.tape, output, "signature", false, 0);
    hash.add(run(p, net.tape.codes32(input)));
  }
}

}  // namespace

std::string signature(const RunProgram& run) {
  CodeHash hash;
  add_programs(hash, run);
  add_forward_passes(hash, run);
  return hash.hex().substr(0, digits);
}

std::string signature() {
  return signature([](const Program& p, std::span<const std::int32_t> input) { return Runner(p).run(input); });
}

}  // namespace bitstate
