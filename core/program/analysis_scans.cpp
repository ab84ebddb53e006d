// The static proof of scans: their sums fit, and their eigenvalues are inside the unit circle.
#include "core/program/analyst.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace bitstate::program {

ValueInfo Analyst::result_of(const Scan& i) const {
  const ValueInfo& x = at(i.x);
  check(x.cols % 2 == 0, "{} columns do not form pairs", x.cols);
  check_sizes(i.lambda.size(), x.cols, false, "eigenvalues");
  check_sizes(i.from_input.size(), x.cols, false, "factors");
  check_factors(i.from_input, x.cols, false);
  check_factors({&i.to_state, 1}, 1, false);
  check_factors({&i.to_inner, 1}, 1, false);
  check_bits(i.lambda, i.lambda_bits);
  check(i.lambda_bits <= 17 && i.bound >= 1 && i.bound < 1 << 15,
        "lambda has {} bits and the state has codes up to {}, which is out of range", i.lambda_bits, i.bound);
  check(i.shift >= -1 && i.shift <= 40 && i.limit >= 0 && i.limit <= std::int64_t{1} << 58,
        "its shift is {} and its limit {}, which is out of range", i.shift, i.limit);
  // lambda x, the input, and a residue of at most half a code of the state, or lambda times it
  check(i.residue <= Residue::decayed, "its residue is {}, which is out of range", static_cast<int>(i.residue));
  if (i.shift < 0 && i.residue != Residue::none) {
    const double both =
        std::ldexp(static_cast<double>(i.to_state.multiplier) * static_cast<double>(i.to_inner.multiplier),
                   -static_cast<int>(i.to_state.shift + i.to_inner.shift));
    check(std::fabs(both - 1.0) <= 0x1.0p-29, "the factors from and to the scale of the state multiply to {}", both);
  }
  const std::int64_t of_residue = i.residue == Residue::decayed ? product_bound(i, residue_bound(i)) : 0;
  check(i.shift >= 0 || of_residue <= std::int64_t{3} << 30, "lambda times its residue can reach {}", of_residue);
  const std::int64_t inner = product_bound(i, i.bound) + i.limit + carried_bound(i);
  check(i.shift >= 0 || inner <= std::int64_t{3} << 30, "its sums can reach {}", inner);
  return {x.cols, -std::int64_t{i.bound}, i.bound};
}

ValueInfo Analyst::result_of(const SelectiveScan& i) const {
  const ValueInfo& u = at(i.u);
  const ValueInfo& dt = at(i.dt);
  check_selective_shape(i);
  check(i.bound >= 1 && i.bound < 1 << 15 && i.input_bound >= 1 && i.input_bound < 1 << 15,
        "its state has codes up to {} and its input up to {}, which is out of range", i.bound, i.input_bound);
  check(i.limit >= 0 && i.limit <= std::int64_t{1} << 40 && i.fraction >= 1 && i.fraction <= 20 &&
            i.residue <= Residue::decayed,
        "its limit is {}, its fraction {} and its residue {}, which is out of range", i.limit, i.fraction,
        static_cast<int>(i.residue));
  check_factors(i.to_input, u.cols, false);
  check_factors(i.to_inner, u.cols, false);
  check(i.first <= dt.lo && i.first + static_cast<std::int64_t>(i.delta.size()) > dt.hi,
        "there are {} steps from {} on for codes from {} to {}", i.delta.size(), i.first, dt.lo, dt.hi);
  const auto [shortest, longest] = std::minmax_element(i.delta.begin(), i.delta.end());
  const auto lowest_rate = *std::min_element(i.rate.codes.begin(), i.rate.codes.end());
  check(*shortest >= 0 && lowest_rate >= 0, "it has a step or a rate below 0: {}, {}", *shortest, lowest_rate);
  check(*longest * u.magnitude() <= std::int64_t{3} << 30, "its steps times its input can reach {}",
        *longest * u.magnitude());
  check(at(i.b).magnitude() <= 1 << 15, "B has codes up to {}, not 2^15", at(i.b).magnitude());
  const std::int64_t largest = at(i.c).magnitude() * i.states * i.bound;
  check(at(i.c).magnitude() <= 1 << 15 && largest < int32_end, "its sums can reach {}", largest);
  return {u.cols, -largest, largest};
}

void Analyst::check_selective_shape(const SelectiveScan& i) const {
  const std::size_t cols = at(i.u).cols;
  check_matrix(i.rate);
  const std::size_t heads = i.rate.rows;
  check(cols % heads == 0 && at(i.dt).cols == heads, "{} columns and {} of dt do not form {} heads", cols,
        at(i.dt).cols, heads);
  check(i.groups >= 1 && heads % i.groups == 0, "{} heads cannot be parted into {} equal groups", heads, i.groups);
  check(i.states >= 1 && i.states <= max_cols && (i.rate.cols == i.states || i.rate.cols == 1),
        "it has {} states and {} rates for a head", i.states, i.rate.cols);
  const std::uint64_t shared = std::uint64_t{i.groups} * i.states;
  check(at(i.b).cols == shared && at(i.c).cols == shared, "B has {} columns and C {}, for {} groups of {} states",
        at(i.b).cols, at(i.c).cols, i.groups, i.states);
  check(cols * i.states <= std::size_t{1} << 28, "it has {} columns of {} states", cols, i.states);
}

void Analyst::check_parts(const std::vector<std::int32_t>& numbers, std::size_t states, std::int32_t lo,
                          std::int32_t hi, std::string_view what) const {
  check(numbers.size() == states, "there are {} {} for {} states", numbers.size(), what, states);
  const auto inside = [=](std::int32_t v) { return v >= lo && v <= hi; };
  check(std::all_of(numbers.begin(), numbers.end(), inside), "one of the {} is not from {} to {}", what, lo, hi);
}

ValueInfo Analyst::result_of(const ScanShear& i) const {
  const ValueInfo& x = at(i.x);
  check(x.cols % 2 == 0, "{} columns do not form pairs", x.cols);
  check_sizes(i.from_input.size(), x.cols, false, "factors");
  check_factors(i.from_input, x.cols, false);
  check(i.step_bits >= 2 && i.step_bits <= 16 && i.decay_bits >= 1 && i.decay_bits <= 15,
        "its steps have {} bits and its decays {}, which is out of range", i.step_bits, i.decay_bits);
  check(i.bound >= 1 && i.bound < 1 << 15 && i.limit >= 0 && i.limit <= std::int64_t{1} << 58,
        "its state has codes up to {} and its input sums up to {}, which is out of range", i.bound, i.limit);
  const std::size_t states = x.cols / 2;
  const std::int32_t steps = (1 << (i.step_bits - 1)) - 1;
  check_parts(i.sign, states, -1, 1, "signs");
  check_parts(i.decay, states, 1, (1 << i.decay_bits) - 1, "decays");
  check_parts(i.decay_shift, states, 0, Shear::fraction, "shifts of decays");
  check_parts(i.step, states, -steps, steps, "steps");
  check_parts(i.step_shift, states, 0, Shear::fraction, "shifts of steps");
  for (std::size_t p = 0; p < states; ++p) check_shear(i.at(p));
  return {x.cols, -std::int64_t{i.bound}, i.bound};
}

/// Its eigenvalues are a pair inside the unit circle. So A < 2^15 and |E| < 2^16: with a state of 15 bits, an input
/// of 58 and a residue, sums fit 60 bits.
void Analyst::check_shear(const Shear& shear) const {
  const std::int64_t decay = std::int64_t{shear.decay} << (Shear::fraction - shear.decay_shift);
  const std::int64_t turn = std::int64_t{shear.step} * (std::int64_t{1} << (Shear::fraction - shear.step_shift));
  check(shear.sign != 0 && decay <= Shear::most_decay && Shear::turns(Shear::one - decay, turn),
        "a state with the sign {}, the decay {} * 2^-{} and the step {} * 2^-{} has no eigenvalues inside the circle",
        shear.sign, shear.decay, shear.decay_shift, shear.step, shear.step_shift);
}

std::int64_t carried_bound(const Scan& scan) {
  if (scan.residue == Residue::none) return 0;
  const std::int64_t residue = residue_bound(scan);
  if (scan.residue == Residue::feedback) return residue;
  return rescale(product_bound(scan, residue), scan.shift >= 0 ? FixedPoint{2, scan.shift + 1} : scan.to_state) + 1;
}

std::int64_t product_bound(const Scan& scan, std::int64_t bound) {
  std::int64_t largest = 0;
  for (const std::int32_t l : scan.lambda) largest = std::max(largest, std::abs(std::int64_t{l}));
  return 2 * largest * bound;
}

std::int64_t residue_bound(const Scan& scan) {
  // half a code of the state, two roundings, and what the two factors are not inverse of sums below 3 * 2^30
  return scan.shift >= 0 ? std::int64_t{1} << scan.shift : rescale(1, scan.to_inner) + 8;
}

}  // namespace bitstate::program
