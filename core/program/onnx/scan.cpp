#include "core/program/onnx/scan.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

namespace bitstate::program::onnx {
namespace {

std::int64_t largest_lambda(const Scan& scan) {
  std::int64_t largest = 0;
  for (const std::int32_t l : scan.lambda) largest = std::max(largest, std::abs(std::int64_t{l}));
  return largest;
}

/// What the body of a Scan computes in.
struct Plan {
  /// s_lambda = 2^-shift: sums are in units of the state, and the residue holds the half that rounds.
  bool shifted = false;
  Type type = Type::float64;
  FixedPoint to_state, to_inner;  ///< else: sums are in units of s_lambda times the state's
  std::int64_t largest = 0;       ///< of them
};

/// For rescaled inputs up to `input`.
Plan plan_of(const Scan& scan, std::int64_t input) {
  const std::int64_t inner = 2 * largest_lambda(scan) * scan.bound + input;
  Plan plan;
  if (scan.shift >= 0) {
    // in units of 2^-s: lambda x + u, and less than one code of residue and half
    const std::int64_t s = std::max(scan.shift, 1);
    const double sum =
        std::ldexp(static_cast<double>(inner), static_cast<int>(s - scan.shift)) + std::ldexp(1.0, static_cast<int>(s));
    plan.shifted = sum < 0x1.0p53;
    plan.type = sum < 0x1.0p24 ? Type::float32 : Type::float64;
    if (plan.shifted) return plan;
  }
  const std::int64_t one = std::int64_t{1} << std::max(scan.shift, 0);  // a code of the state, if s_lambda = 2^-shift
  plan.to_state = scan.shift >= 0 ? FixedPoint{1, scan.shift} : scan.to_state;
  plan.to_inner = scan.shift >= 0 ? FixedPoint{2 * one, 1} : scan.to_inner;
  const std::int64_t residue = residue_bound(scan);
  plan.largest = inner + (scan.feedback ? residue : 0);
  const bool reals = fits_double({&plan.to_state, 1}, plan.largest) && fits_double({&plan.to_inner, 1}, scan.bound);
  plan.type = reals ? Type::float64 : Type::int64;
  return plan;
}

/// Writes the body: from the state x, with feedback the residue e, and the input u of a step to the next x and e and to
/// the state before its clamp; all [N, 2, P]. (What leaves the Scan is clamped for all steps at once.)
class Body {
 public:
  /// Names in it begin with `scope`: a graph inside another one must not define a name of the outer one again.
  Body(const Scan& scan, const Plan& plan, const std::string& scope)
      : scan_(scan), plan_(plan), x_(scope + "/x"), e_(scope + "/e"), u_(scope + "/u") {
    b_.begin(scope);
  }

  std::shared_ptr<const Graph> graph() {
    const std::string z = sum();
    const std::string rounded =
        plan_.shifted ? b_.node("Floor", {z}) : b_.rescale(z, {&plan_.to_state, 1}, plan_.type, plan_.largest);
    const std::string next = b_.clamp(rounded, -scan_.bound, scan_.bound, plan_.type);
    Graph& g = b_.graph;
    g.name = "recurrence";
    g.inputs = {port(x_)};
    g.outputs = {port(next)};
    if (scan_.feedback) {
      const std::string back = plan_.shifted ? next : b_.rescale(next, {&plan_.to_inner, 1}, plan_.type, scan_.bound);
      const std::string kept = b_.node("Sub", {z, back});
      const std::string lost = number(plan_.shifted ? 0.5 : 0.0);
      g.inputs.push_back(port(e_));
      g.outputs.push_back(port(b_.node("Where", {b_.node("Equal", {rounded, next}), kept, lost})));
    }
    g.inputs.push_back(port(u_));
    g.outputs.push_back(port(rounded));
    return std::make_shared<const Graph>(std::move(g));
  }

 private:
  [[nodiscard]] Port port(const std::string& name) const {
    return {name, plan_.type, {"N", std::int64_t{2}, static_cast<std::int64_t>(scan_.lambda.size() / 2)}, ""};
  }

  std::string number(double v) { return b_.constant(plan_.type, std::vector{v}); }

  /// lambda x + u + e
  std::string sum() {
    const std::size_t cols = scan_.lambda.size();
    const std::size_t states = cols / 2;
    const double scale = plan_.shifted ? std::ldexp(1.0, -scan_.shift) : 1.0;
    std::vector<double> straight(cols), crossed(cols);  // [re, re] and [-im, im] of lambda
    for (std::size_t p = 0; p < states; ++p) {
      straight[p] = straight[states + p] = scale * scan_.lambda[p];
      crossed[states + p] = scale * scan_.lambda[states + p];
      crossed[p] = -crossed[states + p];
    }
    const std::vector<std::int64_t> pair{2, static_cast<std::int64_t>(states)}, swap{1, 0};
    const std::string swapped = b_.node("Gather", {x_, b_.constant(Type::int64, swap)}, {{"axis", std::int64_t{1}}});
    const std::string z = b_.node("Add", {b_.node("Mul", {x_, b_.constant(plan_.type, straight, pair)}),
                                          b_.node("Mul", {swapped, b_.constant(plan_.type, crossed, pair)})});
    const std::string with_input = b_.node("Add", {z, u_});
    return scan_.feedback ? b_.node("Add", {with_input, e_}) : with_input;
  }

  const Scan& scan_;
  const Plan& plan_;
  std::string x_, e_, u_;
  Builder b_;
};

/// [N, 2, P] times `value`, where N is that of u.
std::string initial(Builder& b, const std::string& u, std::size_t states, Type type, double value) {
  const std::string batch = b.node("Shape", {u}, {{"start", std::int64_t{0}}, {"end", std::int64_t{1}}});
  const std::string pair = b.constant(Type::int64, std::vector<std::int64_t>{2, static_cast<std::int64_t>(states)});
  const std::string shape = b.node("Concat", {batch, pair}, {{"axis", std::int64_t{0}}});
  return b.node("Expand", {b.constant(type, std::vector{value}), shape});
}

/// u' of section 6, ready for the body.
std::string inner_input(Builder& b, const Scan& scan, const Plan& plan, const std::string& u, std::int64_t magnitude,
                        bool clamped) {
  // a large factor may leave float64 before the clamp brings it back
  const Type type = fits_double(scan.from_input, magnitude) ? Type::float64 : Type::int64;
  std::string v = b.rescale(type == Type::int64 ? b.cast(u, type) : u, scan.from_input, type, magnitude);
  if (clamped) v = b.clamp(v, -scan.limit, scan.limit, type);
  if (plan.shifted) {
    if (type == Type::int64) v = b.cast(v, Type::float64);
    v = b.node("Mul", {v, b.constant(Type::float64, std::vector{std::ldexp(1.0, -scan.shift)})});
    if (!scan.feedback) v = b.node("Add", {v, b.constant(Type::float64, std::vector{0.5})});
    return plan.type == Type::float64 ? v : b.cast(v, plan.type);
  }
  return type == plan.type ? v : b.cast(v, plan.type);
}

}  // namespace

std::string write_scan(Builder& b, const Scan& scan, const std::string& u, std::int64_t magnitude) {
  std::int64_t largest = 0;
  for (const FixedPoint& f : scan.from_input) largest = std::max(largest, rescale(magnitude, f));
  const bool clamped = largest > scan.limit;
  const Plan plan = plan_of(scan, std::min(largest, scan.limit));
  const std::size_t states = scan.lambda.size() / 2;
  const auto reshaped = [&b](const std::string& v, const std::vector<std::int64_t>& shape) {  // 0: as it is
    return b.node("Reshape", {v, b.constant(Type::int64, shape)});
  };
  std::vector<std::string> inputs = {initial(b, u, states, plan.type, 0.0)};
  if (scan.feedback) inputs.push_back(initial(b, u, states, plan.type, plan.shifted ? 0.5 : 0.0));
  inputs.push_back(
      reshaped(inner_input(b, scan, plan, u, magnitude, clamped), {0, 0, 2, static_cast<std::int64_t>(states)}));
  const std::vector<std::int64_t> direction{scan.backward ? 1 : 0}, time{1};
  const std::string rounded = b.scan(inputs, {{"body", Body(scan, plan, b.scope() + "/step").graph()},
                                              {"num_scan_inputs", std::int64_t{1}},
                                              {"scan_input_axes", time},
                                              {"scan_output_axes", time},
                                              {"scan_input_directions", direction},
                                              {"scan_output_directions", direction}});
  const std::string x =
      b.clamp(reshaped(rounded, {0, 0, static_cast<std::int64_t>(2 * states)}), -scan.bound, scan.bound, plan.type);
  return plan.type == Type::float64 ? x : b.cast(x, Type::float64);
}

}  // namespace bitstate::program::onnx
