#include "core/program/onnx/selective.h"

#include "core/exp2.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace bitstate::program::onnx {
namespace {

/// Constants of a scan over `channels`, of which each has its column in all arrays.
struct Selective {
  const SelectiveScan& scan;
  std::int64_t channels;

  [[nodiscard]] std::int64_t states() const { return scan.states; }
  [[nodiscard]] std::int64_t head(std::int64_t channel) const { return channel * scan.rate.rows / channels; }
  [[nodiscard]] std::int64_t group(std::int64_t channel) const { return channel * scan.groups / channels; }
};

/// Writes the body: from h, with a residue e, and Delta, v [N, 1, channels], B and C [N, columns] of a step to the next
/// h and e, both [N, states, channels], and y [N, channels].
class SelectiveBody {
 public:
  SelectiveBody(const Selective& of, std::int64_t largest_w, const std::string& scope)
      : of_(of), scan_(of.scan), largest_w_(largest_w), scope_(scope) {
    b_.begin(scope);
  }

  std::shared_ptr<const Graph> graph() {
    const bool keeps = scan_.residue != Residue::none;
    const std::string decay = decays();
    const std::string kept = b_.node("Mul", {decay, input("h")});
    std::string z = b_.node("Add", {kept, input_products()});
    if (keeps) z = b_.node("Add", {z, carried(decay)});
    const std::string rounded = rounded_shift(z);
    const std::string next = b_.clamp(rounded, -scan_.bound, scan_.bound, Type::float64);
    const std::string products = b_.node("Mul", {of_states("C"), next});
    const std::string y = b_.node("ReduceSum", {products, b_.constant(Type::int64, std::vector<std::int64_t>{1}, {1})},
                                  {{"keepdims", std::int64_t{0}}});
    Graph& g = b_.graph;
    g.name = "selective";
    const std::int64_t shared = scan_.groups * of_.states();
    const std::vector<Dim> state{"N", of_.states(), of_.channels}, step{"N", std::int64_t{1}, of_.channels};
    g.inputs = {{input("h"), Type::float64, state, ""}};
    g.outputs = {{next, Type::float64, state, ""}};
    if (keeps) {
      const std::string left = b_.node("Sub", {z, b_.node("Mul", {next, real(32768.0)})});
      const std::string e = b_.node("Where", {b_.node("Equal", {rounded, next}), left, real(0.0)});
      g.inputs.push_back({input("e"), Type::float64, state, ""});
      g.outputs.push_back({e, Type::float64, state, ""});
    }
    g.inputs.push_back({input("delta"), Type::int64, step, ""});
    g.inputs.push_back({input("v"), Type::float64, step, ""});
    for (const char* const name : {"B", "C"}) g.inputs.push_back({input(name), Type::float64, {"N", shared}, ""});
    g.outputs.push_back({y, Type::float64, {"N", of_.channels}, ""});
    return std::make_shared<const Graph>(std::move(g));
  }

 private:
  [[nodiscard]] std::string input(const char* name) const { return scope_ + "/" + name; }
  std::string real(double v) { return b_.constant(Type::float64, std::vector{v}); }
  std::string integer(std::int64_t v) { return b_.constant(Type::int64, std::vector{v}); }

  /// floor((v + 2^14) / 2^15)
  std::string rounded_shift(const std::string& v) {
    return b_.node("Floor", {b_.node("Mul", {b_.node("Add", {v, real(16384.0)}), real(0x1.0p-15)})});
  }

  /// B or C of the states and channels, [N, states, channels].
  std::string of_states(const char* name) {
    std::vector<std::int64_t> columns;
    for (std::int64_t n = 0; n < of_.states(); ++n) {
      for (std::int64_t e = 0; e < of_.channels; ++e) columns.push_back(of_.group(e) * of_.states() + n);
    }
    return b_.node("Gather", {input(name), b_.constant(Type::int64, columns, {of_.states(), of_.channels})},
                   {{"axis", std::int64_t{1}}});
  }

  /// w [N, states, channels]
  std::string input_products() {
    const std::string w = b_.rescale_codes(b_.node("Mul", {input("v"), of_states("B")}), scan_.to_inner, largest_w_);
    return b_.clamp(w, -scan_.limit, scan_.limit, Type::float64);
  }

  std::string carried(const std::string& decay) {
    if (scan_.residue == Residue::feedback) return input("e");
    return rounded_shift(b_.node("Mul", {decay, input("e")}));
  }

  /// The decays [N, states or 1, channels]. All that is divided here is positive, so Div is floor.
  std::string decays() {
    std::vector<std::int64_t> rates;
    for (std::int64_t n = 0; n < scan_.rate.cols; ++n) {
      for (std::int64_t e = 0; e < of_.channels; ++e) {
        rates.push_back(scan_.rate.codes[static_cast<std::size_t>(of_.head(e) * scan_.rate.cols + n)]);
      }
    }
    const std::string rate = b_.constant(Type::int64, rates, {scan_.rate.cols, of_.channels});
    const std::string product = b_.node("Mul", {input("delta"), rate});
    const std::string half = integer(std::int64_t{1} << (scan_.fraction - 1));
    const std::string whole =
        b_.node("Div", {b_.node("Add", {product, half}), integer(std::int64_t{1} << scan_.fraction)});
    // from this exponent on the decay is 0
    const std::string q = b_.clamp(whole, 0, most_exponent << 16, Type::int64);
    const std::string fine = b_.node("Mod", {q, integer(1 << 16)});
    const std::string high = entry(exp2_tables.high, b_.node("Div", {fine, integer(256)}));
    const std::string low = entry(exp2_tables.low, b_.node("Mod", {fine, integer(256)}));
    const std::string mantissa = b_.node(
        "Div", {b_.node("Add", {b_.node("Mul", {high, low}), integer(1 << 30)}), integer(std::int64_t{1} << 31)});
    std::vector<std::int64_t> halves, powers;
    for (std::int64_t i = 0; i <= most_exponent; ++i) {
      halves.push_back(std::int64_t{1} << (15 + i));
      powers.push_back(std::int64_t{1} << (16 + i));
    }
    const std::string exponent = b_.node("Div", {q, integer(1 << 16)});
    const auto power = [&](const std::vector<std::int64_t>& of) {
      return b_.node("Gather", {b_.constant(Type::int64, of), exponent});
    };
    const std::string decay = b_.node("Div", {b_.node("Add", {mantissa, power(halves)}), power(powers)});
    return b_.clamp(b_.cast(decay, Type::float64), 0, (1 << 15) - 1, Type::float64);
  }

  std::string entry(const std::array<std::uint32_t, 256>& table, const std::string& index) {
    const std::vector<std::int64_t> entries(table.begin(), table.end());
    return b_.node("Gather", {b_.constant(Type::int64, entries), index});
  }

  const Selective& of_;
  const SelectiveScan& scan_;
  std::int64_t largest_w_;
  std::string scope_;
  Builder b_;
};

/// [N, states, channels] zeros, where N is that of u.
std::string zeros(Builder& b, const std::string& u, const Selective& of) {
  const std::string batch = b.node("Shape", {u}, {{"start", std::int64_t{0}}, {"end", std::int64_t{1}}});
  const std::string rest = b.constant(Type::int64, std::vector{of.states(), of.channels}, {2});
  const std::string shape = b.node("Concat", {batch, rest}, {{"axis", std::int64_t{0}}});
  return b.node("Expand", {b.constant(Type::float64, std::vector{0.0}), shape});
}

}  // namespace

std::string write_selective_scan(Builder& b, const SelectiveScan& scan, const SelectiveInputs& in,
                                 std::size_t channels) {
  const Selective of{scan, static_cast<std::int64_t>(channels)};
  const std::vector<std::int64_t> delta(scan.delta.begin(), scan.delta.end());
  const auto largest = *std::max_element(delta.begin(), delta.end());
  // Delta of the head of each channel
  const std::string first = b.constant(Type::float64, std::vector<double>{static_cast<double>(scan.first)});
  const std::string entry = b.cast(b.node("Sub", {in.dt, first}), Type::int64);
  const std::string of_heads = b.node("Gather", {b.constant(Type::int64, delta, {std::ssize(delta)}), entry});
  std::vector<std::int64_t> heads;
  for (std::int64_t e = 0; e < of.channels; ++e) heads.push_back(of.head(e));
  const std::string step =
      b.node("Gather", {of_heads, b.constant(Type::int64, heads, {of.channels})}, {{"axis", std::int64_t{2}}});
  const std::string product = b.node("Mul", {b.cast(step, Type::float64), in.u});
  const std::string v = b.clamp(b.rescale_codes(product, scan.to_input, largest * in.largest_u), -scan.input_bound,
                                scan.input_bound, Type::float64);
  const std::vector<std::int64_t> row{0, 0, 1, of.channels};
  const auto rows = [&](const std::string& x) { return b.node("Reshape", {x, b.constant(Type::int64, row, {4})}); };
  std::vector<std::string> inputs{zeros(b, in.u, of)};
  if (scan.residue != Residue::none) inputs.push_back(zeros(b, in.u, of));
  inputs.insert(inputs.end(), {rows(step), rows(v), in.b, in.c});
  const std::int64_t direction = scan.backward ? 1 : 0;
  const std::int64_t largest_w = scan.input_bound * in.largest_b;
  return b.scan(inputs, 4,
                {{"body", SelectiveBody(of, largest_w, b.scope() + "/step").graph()},
                 {"scan_input_axes", std::vector<std::int64_t>(4, 1)},
                 {"scan_output_axes", std::vector<std::int64_t>{1}},
                 {"scan_input_directions", std::vector<std::int64_t>(4, direction)},
                 {"scan_output_directions", std::vector<std::int64_t>{direction}}});
}

}  // namespace bitstate::program::onnx
