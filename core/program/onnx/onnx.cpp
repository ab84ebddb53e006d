#include "core/program/onnx/onnx.h"

#include "core/error.h"
#include "core/kernels/hadamard.h"
#include "core/program/onnx/builder.h"
#include "core/program/onnx/scan.h"
#include "core/program/onnx/selective.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace bitstate::program {
namespace {

using onnx::Builder;
using onnx::Dim;
using onnx::Type;

/// What holds codes of so many bits; only a DequantizeLinear reads int4.
Type weight_type(std::uint32_t bits, bool nibbles) {
  if (bits <= 4 && nibbles) return Type::int4;
  return bits <= 8 ? Type::int8 : (bits <= 16 ? Type::int16 : Type::int32);
}

/// Writes one instruction after the other. Values are float64, [N, L, cols], or [N, 1, cols] from a pool on.
class Writer {
 public:
  explicit Writer(const Program& program)
      : program_(program), infos_(analyse(program)), padded_(program.padded_length > 0 && !can_stream(program)) {}

  onnx::Model model() {
    write_input();
    for (std::size_t i = 0; i < program_.instructions.size(); ++i) {
      const Instruction& instruction = program_.instructions[i];
      b_.begin(fmt::format("{}_{}", name_of(instruction), i));
      values_.push_back(std::visit([this](const auto& in) { return write(in); }, instruction));
    }
    write_output();
    b_.graph.name = program_.name.empty() ? "program" : program_.name;
    return {opset_ == 17 ? 8 : 10, opset_, "bitstate", documentation(), std::move(b_.graph)};
  }

 private:
  [[nodiscard]] const std::string& at(Ref ref) const {
    require(ref > 0 || !program_.input.tokens, "onnx", "only an embedding can read token ids");
    return values_[ref];
  }

  std::string real(double v) { return b_.constant(Type::float64, std::vector{v}); }
  std::string integer(std::int64_t v) { return b_.constant(Type::int64, std::vector{v}); }
  std::string integers(const std::vector<std::int64_t>& v) { return b_.constant(Type::int64, v, {std::ssize(v)}); }
  template <class T>
  std::string reals(const std::vector<T>& v) {
    return b_.constant(Type::float64, v);
  }

  [[nodiscard]] std::string documentation() const {
    const std::string input =
        program_.input.tokens ? "int64 token ids [N, L]" : fmt::format("float32 [N, L, {}]", program_.input.cols);
    const auto units = [](const Units& u, std::string_view sentence) {
      if (u.mean.empty()) return std::string();
      return fmt::format(" {}; mean [{}], deviation [{}].", sentence, fmt::join(u.mean, ", "),
                         fmt::join(u.deviation, ", "));
    };
    return fmt::format(
               "An integer program of bitstate. Input x: {}, N sequences of L steps. Outputs: codes, int32; y, "
               "float32, codes times their scale{}.",
               input,
               program_.output.classes
                   ? fmt::format("; class, int64 [{}], the first of the largest", infos_.back().per_step ? "N, L" : "N")
                   : std::string()) +
           units(program_.input.units, program_.input.units.single
                                           ? "x is (value - mean) / deviation in float32"
                                           : "x is (value - mean) / deviation in float64, then rounded to float32") +
           units(program_.output.units, "The target's value is y * deviation + mean");
  }

  /// Codes of the input: section 2, in float32.
  void write_input() {
    const Input& in = program_.input;
    b_.begin("input");
    std::vector<Dim> dims{"N", "L"};
    if (!in.tokens) dims.push_back(std::int64_t{in.cols});
    b_.graph.inputs.push_back({"x", in.tokens ? Type::int64 : Type::float32, dims,
                               in.tokens ? fmt::format("token ids from 0 to {}", in.grid.hi) : "real numbers"});
    std::string codes = "x";
    const auto single = [this](float v) { return b_.constant(Type::float32, std::vector{double{v}}); };
    if (!in.tokens && in.one_bit) {
      codes = b_.node("Where", {b_.node("GreaterOrEqual", {codes, single(0.0F)}), real(1.0), real(-1.0)});
    } else if (!in.tokens) {
      const std::string scaled = b_.node("Mul", {codes, single(1.0F / in.grid.scale)});
      const std::string rounded = b_.node("Floor", {b_.node("Add", {scaled, single(0.5F)})});
      const std::string lo = single(static_cast<float>(in.grid.lo));
      codes = b_.cast(b_.node("Clip", {rounded, lo, single(static_cast<float>(in.grid.hi))}), Type::float64);
    }
    values_.push_back(padded_ ? with_padding(codes) : codes);
  }

  /// The number of true steps, [1].
  std::string length() { return b_.node("Shape", {"x"}, {{"start", std::int64_t{1}}, {"end", std::int64_t{2}}}); }

  /// Steps of the number 0 up to padded_length.
  std::string with_padding(const std::string& x) {
    const std::string missing = b_.node("Sub", {integers({program_.padded_length}), length()});
    const std::string steps = b_.clamp(missing, 0, program_.padded_length, Type::int64);
    const bool tokens = program_.input.tokens;  // [N, L] or [N, L, cols]: all beginnings, then all ends
    const std::string before = integers(std::vector<std::int64_t>(tokens ? 3 : 4, 0));
    const std::string pads =
        b_.node("Concat", tokens ? std::vector{before, steps} : std::vector{before, steps, integers({0})},
                {{"axis", std::int64_t{0}}});
    const std::vector<std::int64_t> code{padding_code(program_.input)};
    return b_.node("Pad", {x, pads, b_.constant(tokens ? Type::int64 : Type::float64, code)});
  }

  std::string true_steps(const std::string& x) {
    return padded_ ? b_.node("Slice", {x, integers({0}), length(), integers({1})}) : x;
  }

  void write_output() {
    b_.begin("output");
    const ValueInfo& info = infos_.back();
    const Output& out = program_.output;
    std::vector<Dim> dims{"N", static_cast<std::int64_t>(info.cols)};
    std::string codes = values_.back();
    if (info.per_step) {
      codes = true_steps(codes);
      dims.insert(dims.begin() + 1, "L");
    } else {
      codes = b_.node("Squeeze", {codes, integers({1})});
    }
    const auto type = [](Type t) { return std::vector<onnx::Attribute>{{"to", static_cast<std::int64_t>(t)}}; };
    b_.output_node("Cast", {codes}, "codes", type(Type::int32));
    const std::string scale = b_.constant(Type::float32, std::vector<double>(out.scale.begin(), out.scale.end()));
    b_.output_node("Mul", {b_.cast(codes, Type::float32), scale}, "y");
    b_.graph.outputs.push_back({"codes", Type::int32, dims, "exact"});
    b_.graph.outputs.push_back({"y", Type::float32, dims, "codes times scale"});
    if (!out.classes) return;
    b_.output_node("ArgMax", {codes}, "class", {{"axis", std::int64_t{-1}}, {"keepdims", std::int64_t{0}}});
    dims.pop_back();
    b_.graph.outputs.push_back({"class", Type::int64, dims, "the first of the largest codes"});
  }

  /// A constant of `type` behind a DequantizeLinear of scale 1: float32.
  std::string dequantized(const std::string& x) {
    return b_.node("DequantizeLinear", {x, b_.constant(Type::float32, std::vector{1.0})});
  }

  /// A product of float64, which is whole anyway. onnxruntime would take a scale behind it into the product, as a
  /// float32 (MatMulScaleFusion).
  std::string whole(const std::string& product) { return b_.node("Floor", {product}); }

  std::string write(const Linear& i) {
    const std::int64_t rows = i.weight.rows;
    const std::int64_t cols = i.weight.cols;
    std::int64_t largest = 0;  // sum_c |W_oc|
    std::vector<std::int32_t> transposed(i.weight.codes.size());
    for (std::int64_t o = 0; o < rows; ++o) {
      std::int64_t sum = 0;
      for (std::int64_t c = 0; c < cols; ++c) {
        const std::int32_t w = i.weight.codes[o * cols + c];
        transposed[c * rows + o] = w;
        sum += std::abs(std::int64_t{w});
      }
      largest = std::max(largest, sum);
    }
    const ValueInfo& x = infos_[i.x];
    const bool narrow = x.lo >= -128 && x.hi <= 127;
    const Type stored = weight_type(i.weight.bits, true);
    // onnxruntime rounds wider operands to 8 bits where they multiply weights of 4 or 8 bits in float32 (MatMulNBits)
    const Type sums = narrow && largest * x.magnitude() < 1 << 24 ? Type::float32 : Type::float64;
    std::string w = b_.constant(stored, transposed, {cols, rows});
    if (stored == Type::int32) {
      w = b_.cast(w, sums);
    } else {
      if (stored != Type::int8) opset_ = 21;
      w = dequantized(w);
      if (sums == Type::float64) w = b_.cast(w, sums);
    }
    std::string y = at(i.x);
    if (sums == Type::float32) y = dequantized(b_.cast(y, Type::int8));
    y = b_.node("MatMul", {y, w});
    y = sums == Type::float32 ? b_.cast(y, Type::float64) : whole(y);
    const bool has_bias = std::any_of(i.bias.begin(), i.bias.end(), [](std::int32_t v) { return v != 0; });
    return has_bias ? b_.node("Add", {y, reals(i.bias)}) : y;
  }

  std::string write(const Rescale& i) {
    return b_.clamp(b_.rescale_codes(at(i.x), i.factor, infos_[i.x].magnitude()), i.lo, i.hi);
  }

  std::string write(const Sign& i) {
    return b_.node("Where", {b_.node("GreaterOrEqual", {at(i.x), real(0.0)}), real(1.0), real(-1.0)});
  }

  std::string write(const Product& i) { return b_.node("Mul", {at(i.a), at(i.b)}); }

  std::string write(const Scale& i) { return b_.node("Mul", {at(i.x), reals(i.row)}); }

  std::string write(const Sum& i) {
    return b_.node("Add", {b_.rescale_codes(at(i.a), i.a_factor, infos_[i.a].magnitude()),
                           b_.rescale_codes(at(i.b), i.b_factor, infos_[i.b].magnitude())});
  }

  std::string write(const AddRow& i) {
    return b_.node("Add", {b_.rescale_codes(at(i.x), i.factor, infos_[i.x].magnitude()), reals(i.row)});
  }

  /// Section 5 in int64.
  std::string write(const LayerNorm& i) {
    const std::string x = b_.cast(at(i.x), Type::int64);
    const std::string d = b_.node("Sub", {b_.node("Mul", {x, integer(std::ssize(i.scale))}), sum(at(i.x))});
    const double largest = std::pow(static_cast<double>(i.scale.size()), 3.0) *
                           std::pow(static_cast<double>(infos_[i.x].magnitude()), 2.0);
    const std::string p = divided_by_root(d, sum_of_squares(d, largest), i.fraction, i.epsilon);
    return b_.node("Add", {b_.node("Mul", {p, reals(i.scale)}), reals(i.bias)});
  }

  /// Section 10, on [N, L, groups, of_group].
  std::string write(const RmsNorm& i) {
    const auto cols = std::ssize(i.scale);
    const std::int64_t of_group = cols / i.groups;
    const auto reshaped = [&](const std::string& v, const std::vector<std::int64_t>& shape) {  // 0: as it is
      return b_.node("Reshape", {v, integers(shape)});
    };
    const std::string x = b_.cast(reshaped(at(i.x), {0, 0, i.groups, of_group}), Type::int64);
    const double largest = static_cast<double>(of_group) * std::pow(static_cast<double>(infos_[i.x].magnitude()), 2.0);
    const std::string p = divided_by_root(x, sum_of_squares(x, largest), i.fraction, i.epsilon);
    return b_.node("Mul", {reshaped(p, {0, 0, cols}), reals(i.scale)});
  }

  /// (d rho + 2^(k-1)) >> k, with rho and k of the sum of the squares of a row; in float64.
  std::string divided_by_root(const std::string& d, const std::string& squares, std::int32_t fraction,
                              std::int64_t epsilon) {
    const std::string w = b_.node("Add", {squares, integer(epsilon)});
    // 4^j for j >= 1; for t >= 0: 4^(30-t), and what shifting by k = 30 + t - F needs
    std::vector<std::int64_t> powers, factors, added, shifts, offsets;
    for (std::int64_t t = 0; t <= 30; ++t) {
      const std::int64_t k = 30 + t - fraction;
      if (t > 0) powers.push_back(std::int64_t{1} << (2 * t));
      factors.push_back(std::int64_t{1} << (2 * (30 - t)));
      added.push_back((std::int64_t{1} << (k - 1)) + onnx::lift);
      shifts.push_back(k);
      offsets.push_back(onnx::lift >> k);
    }
    // t is the number of powers of 4 up to w
    const std::string t = sum(b_.cast(b_.node("GreaterOrEqual", {w, integers(powers)}), Type::float64));
    const auto entry = [&](const std::vector<std::int64_t>& table, Type type = Type::int64) {
      return b_.node("Gather", {b_.constant(type, table), t});
    };
    const std::string root = integer_root(b_.node("Mul", {w, entry(factors)}));
    const std::string inverse = b_.node("Div", {integer(std::int64_t{1} << 60), root});
    const std::string lifted = b_.node("Add", {b_.node("Mul", {d, inverse}), entry(added)});
    return b_.cast(b_.shift_right(lifted, entry(shifts, Type::uint64), entry(offsets)), Type::float64);
  }

  /// Of each row of float64, as int64. (onnxruntime adds int64 in float64, too, without saying so.)
  std::string sum(const std::string& v) { return b_.cast(b_.node("ReduceSum", {v, integers({-1})}), Type::int64); }

  /// Of each row of int64, which is at most `largest`.
  std::string sum_of_squares(const std::string& d, double largest) {
    const std::string squares = b_.node("Mul", {d, d});
    if (largest < 0x1.0p53) return sum(b_.cast(squares, Type::float64));
    // at most 2^60: both sums of the halves fit float64
    const std::string half = b_.constant(Type::int64, std::vector{std::int64_t{1} << 30});
    const std::string high = b_.node("Div", {squares, half});
    const std::string low = b_.node("Sub", {squares, b_.node("Mul", {high, half})});
    return b_.node("Add",
                   {b_.node("Mul", {sum(b_.cast(high, Type::float64)), half}), sum(b_.cast(low, Type::float64))});
  }

  /// floor(sqrt(v)) of int64 v < 2^62: the root in float64 is off by at most one.
  std::string integer_root(const std::string& v) {
    const auto test = [&](const char* op, const std::string& root) {
      return b_.cast(b_.node(op, {b_.node("Mul", {root, root}), v}), Type::int64);
    };
    const std::string root = b_.cast(b_.node("Sqrt", {b_.cast(v, Type::float64)}), Type::int64);
    const std::string next = b_.node("Add", {root, b_.constant(Type::int64, std::vector{std::int64_t{1}})});
    return b_.node("Add", {b_.node("Sub", {root, test("Greater", root)}), test("LessOrEqual", next)});
  }

  /// The sum of the taps times the sequence, which each of them sees shifted; before the first step it is 0.
  std::string write(const Conv& i) {
    const std::int64_t cols = i.weight.rows, taps = i.weight.cols;
    std::vector<std::int64_t> pads(6, 0);
    pads[i.backward ? 4 : 1] = taps - 1;
    const std::string x = b_.node("Pad", {at(i.x), integers(pads), real(0.0)});
    std::string y;
    for (std::int64_t k = 0; k < taps; ++k) {
      std::vector<std::int32_t> weight;
      for (std::int64_t c = 0; c < cols; ++c) weight.push_back(i.weight.codes[c * taps + k]);
      const std::int64_t first = i.backward ? taps - 1 - k : k;
      const std::int64_t left = taps - 1 - first;  // of the steps behind those that are taken
      const std::string end = integers({left == 0 ? std::numeric_limits<std::int64_t>::max() : -left});
      const std::string seen = b_.node("Slice", {x, integers({first}), end, integers({1})});
      const std::string product = b_.node("Mul", {seen, reals(weight)});
      y = b_.node("Add", {k == 0 ? reals(i.bias) : y, product});
    }
    return y;
  }

  std::string write(const SelectiveScan& i) {
    return onnx::write_selective_scan(
        b_, i, {at(i.u), at(i.dt), at(i.b), at(i.c), infos_[i.u].magnitude(), infos_[i.b].magnitude()},
        infos_[i.u].cols);
  }

  std::string write(const Rotate& i) {
    const std::size_t n = infos_[i.x].cols;
    const Hadamard hadamard(n, "onnx");
    std::vector<std::int32_t> transposed;
    for (std::size_t c = 0; c < n; ++c) {
      for (std::size_t r = 0; r < n; ++r) transposed.push_back(hadamard.entry(r, c));
    }
    const auto size = static_cast<std::int64_t>(n);
    const std::string matrix = b_.cast(b_.constant(Type::int8, transposed, {size, size}), Type::float64);
    return whole(b_.node("MatMul", {at(i.x), matrix}));
  }

  std::string write(const Table& i) {
    std::vector<std::int64_t> offset;  // of code 0 in the row of a column
    for (const std::int32_t begin : i.offsets()) offset.push_back(std::int64_t{begin} - i.first);
    if (offset.empty()) offset.push_back(-std::int64_t{i.first});
    const std::string index = b_.cast(b_.node("Add", {at(i.x), reals(offset)}), Type::int64);
    const std::string entries =
        b_.constant(weight_type(i.entries.bits, false), i.entries.codes, {std::ssize(i.entries.codes)});
    return b_.cast(b_.node("Gather", {entries, index}), Type::float64);
  }

  std::string write(const Embedding& i) {
    const std::string table =
        b_.constant(weight_type(i.table.bits, false), i.table.codes, {i.table.rows, i.table.cols});
    return b_.cast(b_.node("Gather", {table, values_[0]}), Type::float64);
  }

  std::string write(const Scan& i) { return onnx::write_scan(b_, i, at(i.x), infos_[i.x].magnitude()); }

  std::string write(const ScanShear& i) { return onnx::write_scan(b_, i, at(i.x), infos_[i.x].magnitude()); }

  std::string write(const MeanPool& i) {
    const std::string x = b_.cast(b_.node("ReduceSum", {true_steps(at(i.x)), integers({1})}), Type::int64);
    const std::string n = length();
    const std::string scaled =
        b_.node("Mul", {x, b_.constant(Type::int64, std::vector{std::int64_t{2} << i.fraction})});
    const std::string twice = b_.node("Add", {n, n});
    return b_.cast(b_.floor_divide(b_.node("Add", {scaled, n}), twice), Type::float64);
  }

  std::string write(const Last& i) {
    return b_.node("Gather", {true_steps(at(i.x)), integers({-1})}, {{"axis", std::int64_t{1}}});
  }

  std::string write(const Concatenate& i) { return b_.node("Concat", {at(i.a), at(i.b)}, {{"axis", std::int64_t{2}}}); }

  const Program& program_;
  std::vector<ValueInfo> infos_;
  bool padded_;
  Builder b_;
  std::vector<std::string> values_;
  std::int64_t opset_ = 17;
};

}  // namespace

std::string onnx_model(const Program& program, std::vector<std::pair<std::string, std::string>> metadata) {
  onnx::Model model = Writer(program).model();
  model.metadata = std::move(metadata);
  return onnx::serialize(model);
}

}  // namespace bitstate::program
