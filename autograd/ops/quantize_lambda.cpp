// The forms of the quantized state matrix other than cartesian (docs/numerics.md, section 6). Each yields a pair of
// integers inside the unit disk for every eigenvalue; form=shear gives the first row of a matrix whose eigenvalues are
// inside. Straight-through: dL/dlambda = g.
#include "autograd/kernels/delta.h"
#include "autograd/kernels/shear.h"
#include "autograd/ops.h"

#include "core/error.h"
#include "core/grid.h"
#include "core/ranges.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <vector>

namespace bitstate::ops {
namespace {

using Complex = std::complex<double>;

void quantize_lambda_backward(Tape& tape, const Node& node) { tape.pass_on(node.inputs[0], node); }

constexpr Op quantize_lambda_op{"quantize_lambda", quantize_lambda_backward};

/// The nearest of the four grid points around z that lie in the unit disk.
std::array<std::int32_t, 2> nearest_in_disk(Complex z, double scale, std::int32_t bound) {
  if (std::abs(z) > 1.0) z /= std::abs(z);
  std::array<std::int32_t, 2> best = {0, 0};
  double least = 1e300;
  for (const bool up_re : {false, true}) {
    for (const bool up_im : {false, true}) {
      const double limit = bound;
      const double re = std::clamp(std::floor(z.real() / scale) + (up_re ? 1.0 : 0.0), -limit, limit);
      const double im = std::clamp(std::floor(z.imag() / scale) + (up_im ? 1.0 : 0.0), -limit, limit);
      const double distance = std::norm(Complex(re, im) * scale - z);
      if ((re * re + im * im) * scale * scale > 1.0 || distance >= least) continue;
      least = distance;
      best = {static_cast<std::int32_t>(re), static_cast<std::int32_t>(im)};
    }
  }
  return best;
}

/// Replaces every value by the middle of its bin among 2^bits equal ones between the smallest and the largest value,
/// all moved by `shift` bins.
void to_bin_middles(std::vector<double>& values, int bits, double shift) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const double first = *low;
  const double width = (*high - first) / std::ldexp(1.0, bits);
  if (!(width > 0.0)) return;
  const double last = std::ldexp(1.0, bits) - 1.0;
  for (double& v : values) {
    const double bin = std::clamp(std::floor((v - first) / width - shift), 0.0, last);
    v = first + (bin + shift + 0.5) * width;
  }
}

constexpr double smallest = 0x1.0p-20;  // of decay rates and angles
constexpr double fastest = 0x1.0p7;     // decay: that of every float above 0 is below, that of 0 would be infinite

std::vector<Complex> to_polar_levels(const std::vector<Complex>& lambda, const PoleSpec& spec, bool conj_sym) {
  const bool log_magnitude = spec.form == PoleSpec::Form::log_polar;
  const bool log_phase = spec.spacing == PoleSpec::Spacing::log;
  std::vector<double> magnitude, phase;
  for (const Complex z : lambda) {
    const double modulus = std::min(std::abs(z), 1.0);
    const double angle = std::fabs(std::arg(z));
    magnitude.push_back(log_magnitude ? std::log(std::clamp(-std::log(modulus), smallest, fastest)) : modulus);
    phase.push_back(log_phase ? std::log(std::max(angle, smallest)) : angle);
  }
  to_bin_middles(magnitude, spec.magnitude, 0.0);
  to_bin_middles(phase, conj_sym ? spec.phase : spec.phase - 1, spec.grid_shift);
  std::vector<Complex> levels;
  for (std::size_t p = 0; p < lambda.size(); ++p) {
    const double modulus = log_magnitude ? std::exp(-std::exp(magnitude[p])) : magnitude[p];
    const double angle = log_phase ? std::exp(phase[p]) : phase[p];
    levels.push_back(std::polar(modulus, conj_sym || lambda[p].imag() < 0.0 ? -angle : angle));
  }
  return levels;
}

/// The matrices of form=shear, [g A | g E]; `real` gets their eigenvalues.
void to_shears(const std::vector<Complex>& lambda, const QuantSpec& spec, bool conj_sym, std::int32_t* codes,
               float* real) {
  const std::size_t states = lambda.size();
  for (std::size_t p = 0; p < states; ++p) {
    const Shear shear = kernels::nearest_shear(lambda[p], spec.bits, spec.pole.magnitude, conj_sym);
    const Complex shadow = kernels::eigenvalue_of(shear);
    codes[p] = shear.straight();
    codes[states + p] = shear.crossed();
    real[p] = static_cast<float>(shadow.real());
    real[states + p] = static_cast<float>(shadow.imag());
  }
}

}  // namespace

Value quantize_lambda(Tape& tape, Value lambda_bar, const Quantizer& site, bool conj_sym) {
  const QuantSpec& spec = site.spec;
  if (!spec.active() || spec.pole.form == PoleSpec::Form::cartesian) return quantize(tape, lambda_bar, site);
  const std::size_t states = tape[lambda_bar].size() / 2;
  require<UsageError>(!spec.pole.is_lookup() || conj_sym || spec.pole.phase >= 2, "quantize",
                      "{} has {} phase bits; without conj_sym one of them is the sign, so at least 2 are needed",
                      site.site, spec.pole.phase);
  Node& y = tape.push_bare(quantize_lambda_op, {lambda_bar}, 1, 2 * states);
  const float* const x = tape.value(lambda_bar);
  std::vector<Complex> lambda;
  for (std::size_t p = 0; p < states; ++p) lambda.emplace_back(x[p], x[states + p]);
  for (const Complex z : lambda) {
    require<DivergedError>(std::isfinite(std::norm(z)), "quantize", "{} holds a NaN or an infinity", site.site);
  }
  Grid grid;
  const bool delta = spec.pole.form == PoleSpec::Form::delta;
  const bool shear = spec.pole.form == PoleSpec::Form::shear;
  if (delta || shear) {
    const std::int32_t bound = delta ? 0x7FFF : 0xFFFF;
    grid = {0x1.0p-15F, -bound, bound};
  } else if (spec.pole.is_lookup()) {
    lambda = to_polar_levels(lambda, spec.pole, conj_sym);
    const std::int32_t bound = (1 << (spec.pole.width - 1)) - 1;
    grid = {std::ldexp(1.0F, 1 - spec.pole.width), -bound, bound};
  } else {
    grid = make_grid(spec, range_of_values(spec, {x, 2 * states}));
  }
  float* const scale = tape.arena().array<float>(1);
  *scale = grid.scale;
  y.site = &site;
  y.scale = scale;
  y.bound = grid.hi;
  std::int32_t* const codes = tape.new_codes32(y);
  if (shear) {
    y.real = tape.arena().array<float>(2 * states);
    to_shears(lambda, spec, conj_sym, codes, y.real);
  }
  for (std::size_t p = 0; p < states && !shear; ++p) {
    const auto pair = delta ? kernels::delta_points(spec.bits).nearest(lambda[p])
                            : nearest_in_disk(lambda[p], double{grid.scale}, grid.hi);
    codes[p] = pair[0];
    codes[states + p] = pair[1];
  }
  tape.visit(site, lambda_bar, tape.last());
  return tape.last();
}

}  // namespace bitstate::ops
