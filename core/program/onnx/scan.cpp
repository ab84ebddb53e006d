#include "core/program/onnx/scan.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

namespace bitstate::program::onnx {
namespace {

/// What both kinds of recurrence have.
struct Recurrence {
  std::size_t states;
  bool backward;
  Residue residue;
  std::int32_t shift, bound;
  std::int64_t limit;
  FixedPoint to_state, to_inner;
  const std::vector<FixedPoint>& from_input;
  std::int64_t product;  ///< the largest of a component of the state times its factors
  std::int64_t carried;  ///< the largest that is added of a residue
  std::int64_t product_of_residue = 0;
};

Recurrence recurrence_of(const Scan& scan) {
  return {scan.lambda.size() / 2,
          scan.backward,
          scan.residue,
          scan.shift,
          scan.bound,
          scan.limit,
          scan.to_state,
          scan.to_inner,
          scan.from_input,
          product_bound(scan, scan.bound),
          carried_bound(scan),
          product_bound(scan, residue_bound(scan))};
}

Recurrence recurrence_of(const ScanShear& scan) {
  std::int64_t largest = 0;
  for (std::size_t p = 0; p < scan.sign.size(); ++p) {
    largest = std::max<std::int64_t>(largest, std::abs(scan.at(p).straight()) + std::abs(scan.at(p).turn()));
  }
  return {scan.sign.size(),
          scan.backward,
          scan.feedback ? Residue::feedback : Residue::none,
          Shear::fraction,
          scan.bound,
          scan.limit,
          {},
          {},
          scan.from_input,
          largest * scan.bound,
          scan.feedback ? std::int64_t{Shear::one} : 0};
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
Plan plan_of(const Recurrence& scan, std::int64_t input) {
  const std::int64_t inner = scan.product + input;
  Plan plan;
  if (scan.shift >= 0 && scan.residue != Residue::decayed) {
    // in units of 2^-s: lambda x + u, and less than one code of residue and half
    const std::int64_t s = std::max(scan.shift, 1);
    const double sum =
        std::ldexp(static_cast<double>(inner), static_cast<int>(s - scan.shift)) + std::ldexp(1.0, static_cast<int>(s));
    plan.shifted = sum < 0x1.0p53;
    plan.type = sum < 0x1.0p24 ? Type::float32 : Type::float64;
    if (plan.shifted) return plan;
  }
  const std::int64_t one = std::int64_t{1} << std::max(scan.shift, 0);  // a code of the state, if s_lambda = 2^-shift
  plan.to_state = scan.shift >= 0 ? FixedPoint{2, scan.shift + 1} : scan.to_state;
  plan.to_inner = scan.shift >= 0 ? FixedPoint{2 * one, 1} : scan.to_inner;
  plan.largest = std::max(inner + scan.carried, scan.product_of_residue);
  const bool reals = fits_double({&plan.to_state, 1}, plan.largest) && fits_double({&plan.to_inner, 1}, scan.bound);
  plan.type = reals ? Type::float64 : Type::int64;
  return plan;
}

/// Writes the body: from the state x, with feedback the residue e, and the input u of a step to the next x and e and to
/// the state before its clamp; all [N, 2, P]. (What leaves the Scan is clamped for all steps at once.)
class Body {
 public:
  /// Names in it begin with `scope`: a graph inside another one must not define a name of the outer one again.
  Body(const Recurrence& scan, const Plan& plan, const std::string& scope)
      : scan_(scan), plan_(plan), x_(scope + "/x"), e_(scope + "/e"), u_(scope + "/u") {
    b_.begin(scope);
  }

  /// With the sums of `scan`.
  template <class S>
  std::shared_ptr<const Graph> graph(const S& scan) {
    const Next of = step(scan);
    Graph& g = b_.graph;
    g.name = "recurrence";
    g.inputs = {port(x_)};
    g.outputs = {port(of.next)};
    if (keeps()) {
      const std::string back =
          plan_.shifted ? of.next : b_.rescale(of.next, {&plan_.to_inner, 1}, plan_.type, scan_.bound);
      const std::string kept = b_.node("Sub", {of.z, back});
      const std::string lost = number(plan_.shifted ? 0.5 : 0.0);
      g.inputs.push_back(port(e_));
      g.outputs.push_back(port(b_.node("Where", {b_.node("Equal", {of.rounded, of.next}), kept, lost})));
    }
    g.inputs.push_back(port(u_));
    g.outputs.push_back(port(of.rounded));
    return std::make_shared<const Graph>(std::move(g));
  }

 private:
  [[nodiscard]] bool keeps() const { return scan_.residue != Residue::none; }

  /// A state before it is rounded, and before and after its clamp.
  struct Next {
    std::string z, rounded, next;
  };

  [[nodiscard]] Port port(const std::string& name) const {
    return {name, plan_.type, {"N", std::int64_t{2}, static_cast<std::int64_t>(scan_.states)}, ""};
  }

  std::string number(double v) { return b_.constant(plan_.type, std::vector{v}); }

  Next rounded(const std::string& z) {
    const std::string before =
        plan_.shifted ? b_.node("Floor", {z}) : b_.rescale(z, {&plan_.to_state, 1}, plan_.type, plan_.largest);
    return {z, before, b_.clamp(before, -scan_.bound, scan_.bound, plan_.type)};
  }

  /// x times the numbers [rows, P], which are codes of lambda.
  std::string times(const std::string& x, std::vector<double> factors, std::int64_t rows) {
    const double scale = plan_.shifted ? std::ldexp(1.0, -scan_.shift) : 1.0;
    for (double& factor : factors) factor *= scale;
    const auto states = static_cast<std::int64_t>(scan_.states);
    return b_.node("Mul", {x, b_.constant(plan_.type, factors, {rows, states})});
  }

  std::string with_input(const std::string& products, const std::string& u, const std::string& e) {
    const std::string sum = b_.node("Add", {products, u});
    return keeps() ? b_.node("Add", {sum, e}) : sum;
  }

  /// x or y of x_, e_ or u_, [N, 1, P]
  std::string part(const std::string& of, std::int64_t index) {
    return b_.node("Gather", {of, b_.constant(Type::int64, std::vector{index}, {1})}, {{"axis", std::int64_t{1}}});
  }

  std::string joined(const std::string& re, const std::string& im) {
    return b_.node("Concat", {re, im}, {{"axis", std::int64_t{1}}});
  }

  /// lambda x + u + e
  Next step(const Scan& scan) {
    const std::size_t states = scan_.states;
    std::vector<double> straight(2 * states), crossed(2 * states);  // [re, re] and [-im, im] of lambda
    for (std::size_t p = 0; p < states; ++p) {
      straight[p] = straight[states + p] = scan.lambda[p];
      crossed[states + p] = scan.lambda[states + p];
      crossed[p] = -crossed[states + p];
    }
    const auto product = [&](const std::string& of) {
      const std::vector<std::int64_t> swap{1, 0};
      const std::string swapped = b_.node("Gather", {of, b_.constant(Type::int64, swap)}, {{"axis", std::int64_t{1}}});
      return b_.node("Add", {times(of, straight, 2), times(swapped, crossed, 2)});
    };
    const std::string carried = scan.residue == Residue::decayed ? b_.rescale(product(e_), {&plan_.to_state, 1},
                                                                              plan_.type, scan_.product_of_residue)
                                                                 : e_;
    return rounded(with_input(product(x_), u_, carried));
  }

  /// x' = g A x - g E y + u + e, then y' = g A y + E x' + u + e
  Next step(const ScanShear& scan) {
    std::vector<double> straight, crossed, turn;
    for (std::size_t p = 0; p < scan_.states; ++p) {
      straight.push_back(scan.at(p).straight());
      crossed.push_back(-scan.at(p).crossed());
      turn.push_back(scan.at(p).turn());
    }
    const std::string x = part(x_, 0), y = part(x_, 1);
    const auto kept = [&](std::int64_t index) { return keeps() ? part(e_, index) : std::string(); };
    const Next re =
        rounded(with_input(b_.node("Add", {times(x, straight, 1), times(y, crossed, 1)}), part(u_, 0), kept(0)));
    const Next im =
        rounded(with_input(b_.node("Add", {times(y, straight, 1), times(re.next, turn, 1)}), part(u_, 1), kept(1)));
    return {joined(re.z, im.z), joined(re.rounded, im.rounded), joined(re.next, im.next)};
  }

  const Recurrence& scan_;
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
std::string inner_input(Builder& b, const Recurrence& scan, const Plan& plan, const std::string& u,
                        std::int64_t magnitude, bool clamped) {
  // a large factor may leave float64 before the clamp brings it back
  const Type type = fits_double(scan.from_input, magnitude) ? Type::float64 : Type::int64;
  std::string v = b.rescale(type == Type::int64 ? b.cast(u, type) : u, scan.from_input, type, magnitude);
  if (clamped) v = b.clamp(v, -scan.limit, scan.limit, type);
  if (plan.shifted) {
    if (type == Type::int64) v = b.cast(v, Type::float64);
    v = b.node("Mul", {v, b.constant(Type::float64, std::vector{std::ldexp(1.0, -scan.shift)})});
    if (scan.residue == Residue::none) v = b.node("Add", {v, b.constant(Type::float64, std::vector{0.5})});
    return plan.type == Type::float64 ? v : b.cast(v, plan.type);
  }
  return type == plan.type ? v : b.cast(v, plan.type);
}

template <class S>
std::string write_steps(Builder& b, const S& of, const std::string& u, std::int64_t magnitude) {
  const Recurrence scan = recurrence_of(of);
  std::int64_t largest = 0;
  for (const FixedPoint& f : scan.from_input) largest = std::max(largest, rescale(magnitude, f));
  const bool clamped = largest > scan.limit;
  const Plan plan = plan_of(scan, std::min(largest, scan.limit));
  const std::size_t states = scan.states;
  const auto reshaped = [&b](const std::string& v, const std::vector<std::int64_t>& shape) {  // 0: as it is
    return b.node("Reshape", {v, b.constant(Type::int64, shape)});
  };
  std::vector<std::string> inputs = {initial(b, u, states, plan.type, 0.0)};
  if (scan.residue != Residue::none) inputs.push_back(initial(b, u, states, plan.type, plan.shifted ? 0.5 : 0.0));
  inputs.push_back(
      reshaped(inner_input(b, scan, plan, u, magnitude, clamped), {0, 0, 2, static_cast<std::int64_t>(states)}));
  const std::vector<std::int64_t> direction{scan.backward ? 1 : 0}, time{1};
  const std::string rounded = b.scan(inputs, 1,
                                     {{"body", Body(scan, plan, b.scope() + "/step").graph(of)},
                                      {"scan_input_axes", time},
                                      {"scan_output_axes", time},
                                      {"scan_input_directions", direction},
                                      {"scan_output_directions", direction}});
  const std::string x =
      b.clamp(reshaped(rounded, {0, 0, static_cast<std::int64_t>(2 * states)}), -scan.bound, scan.bound, plan.type);
  return plan.type == Type::float64 ? x : b.cast(x, Type::float64);
}

}  // namespace

std::string write_scan(Builder& b, const Scan& scan, const std::string& u, std::int64_t magnitude) {
  return write_steps(b, scan, u, magnitude);
}

std::string write_scan(Builder& b, const ScanShear& scan, const std::string& u, std::int64_t magnitude) {
  return write_steps(b, scan, u, magnitude);
}

}  // namespace bitstate::program::onnx
