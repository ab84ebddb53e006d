#include "core/program/run/kernels_scalar.h"

#include "core/error.h"
#include "core/fixed_point.h"
#include "core/program/run/codes.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <type_traits>

namespace bitstate::program {
namespace {

/// A component's code and residue from z, and whether the clamp did nothing.
struct Rounded {
  std::int32_t code;
  bool unclamped;
};
std::int64_t times_lambda_scale(const Recurrence& s, std::int64_t z) {
  return s.shift >= 0 ? (z + ((std::int64_t{1} << s.shift) >> 1)) >> s.shift
                      : rescale(z, {s.to_state_multiplier, s.to_state_shift});
}

Rounded round_state(const Recurrence& s, std::int64_t z, std::int64_t& residue) {
  const std::int64_t rounded = times_lambda_scale(s, z);
  const std::int64_t bound = s.bound;
  const std::int64_t code = std::clamp(rounded, -bound, bound);
  if (s.residue != Residue::none) {
    const std::int64_t back =
        s.shift >= 0 ? code * (std::int64_t{1} << s.shift) : rescale(code, {s.to_inner_multiplier, s.to_inner_shift});
    residue = code == rounded ? z - back : 0;
  }
  return {static_cast<std::int32_t>(code), code == rounded};
}

/// Notes what training wants to know of component `c` of `row`.
void watch(const Recurrence& s, const States& states, std::size_t row, std::size_t c, std::int64_t z, bool unclamped) {
  if (states.largest == nullptr) return;
  states.largest[c] = std::max(states.largest[c], z < 0 ? -z : z);
  if (states.unclamped == nullptr) return;
  const std::size_t plane = (s.states + 7) / 8;
  const std::size_t p = c % s.states;
  std::uint8_t& bits = states.unclamped[(2 * row + c / s.states) * plane + p / 8];
  const auto bit = static_cast<std::uint8_t>(1U << (p % 8));
  bits = static_cast<std::uint8_t>(unclamped ? bits | bit : bits & ~bit);
}

/// floor(sqrt(v)) for v < 2^62: the double's root, corrected.
std::int64_t integer_root(std::int64_t v) {
  auto root = static_cast<std::int64_t>(std::sqrt(static_cast<double>(v)));
  while (root * root > v) --root;
  while ((root + 1) * (root + 1) <= v) ++root;
  return root;
}

/// Rows of codes of one type.
template <class T>
struct Rows {
  T* data;
  std::size_t stride;
  T& operator()(std::size_t row, std::size_t column) const { return data[row * stride + column]; }
};
template <class T>
Rows(T*, std::size_t) -> Rows<T>;  // clang 14 deduces none for an aggregate

template <class In, class Out>
void scan_states(const Recurrence& s, std::size_t rows, Rows<In> b, const States& states, Rows<Out> y) {
  std::int32_t* const x = states.x;
  std::int64_t* const residue = states.residue;
  for (std::size_t i = 0; i < rows; ++i) {
    const std::size_t row = s.backward ? rows - 1 - i : i;
    const auto input = [&](std::size_t c) {
      const std::int64_t u = rescale(b(row, c), {s.from_input.multiplier[c], s.from_input.shift[c]});
      return std::clamp(u, -s.limit, s.limit);
    };
    for (std::size_t p = 0; p < s.states; ++p) {
      const std::size_t q = s.states + p;
      const std::int64_t re = x[p];
      const std::int64_t im = x[q];
      std::int64_t e_re = residue[p];
      std::int64_t e_im = residue[q];
      if (s.residue == Residue::decayed) {
        e_re = times_lambda_scale(s, s.lambda[p] * residue[p] - s.lambda[q] * residue[q]);
        e_im = times_lambda_scale(s, s.lambda[p] * residue[q] + s.lambda[q] * residue[p]);
      }
      const std::int64_t z_re = input(p) + s.lambda[p] * re - s.lambda[q] * im + e_re;
      const Rounded rounded_re = round_state(s, z_re, residue[p]);
      const std::int64_t crossed = s.shear == nullptr ? s.lambda[q] * re : std::int64_t{s.shear[p]} * rounded_re.code;
      const std::int64_t z_im = input(q) + s.lambda[p] * im + crossed + e_im;
      const Rounded rounded_im = round_state(s, z_im, residue[q]);
      x[p] = rounded_re.code;
      x[q] = rounded_im.code;
      watch(s, states, row, p, z_re, rounded_re.unclamped);
      watch(s, states, row, q, z_im, rounded_im.unclamped);
      y(row, p) = static_cast<Out>(x[p]);
      y(row, q) = static_cast<Out>(x[q]);
    }
  }
}

}  // namespace

NormFactor norm_factor(std::int64_t w, std::int32_t fraction) {
  const int half_log = (static_cast<int>(std::bit_width(static_cast<std::uint64_t>(w))) - 1) / 2;
  const std::int64_t inverse = (std::int64_t{1} << 60) / integer_root(w << (2 * (30 - half_log)));
  return {static_cast<std::int32_t>(inverse), 30 + half_log - fraction};
}

NormFactor group_factor(const GroupNorm& norm, const Codes& x, std::size_t row, std::size_t group) {
  const std::size_t width = norm.cols / norm.groups;
  std::int64_t squares = norm.epsilon;
  with_type(x, [&](const auto* all) {
    const auto* const in = all + row * x.stride + group * width;
    for (std::size_t c = 0; c < width; ++c) squares += std::int64_t{in[c]} * in[c];
  });
  return norm_factor(squares, norm.fraction);
}

void lookup_scalar(const Lookup& table, std::size_t cols, std::size_t rows, Codes x, MutableCodes y) {
  if (table.bytes != nullptr && x.width == Width::one && y.width == Width::one) {
    const auto* const in = static_cast<const std::uint8_t*>(x.data);
    auto* const out = static_cast<std::int8_t*>(y.data);
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < cols; ++c) out[r * y.stride + c] = table.bytes[in[r * x.stride + c]];
    }
    return;
  }
  with_type(x, [&](const auto* in) {
    with_type(y, [&](auto* out) {
      for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < cols; ++c) {
          const std::int32_t* const entries = table.entries + (table.offsets == nullptr ? 0 : table.offsets[c]);
          const std::int32_t entry = entries[in[r * x.stride + c] - table.first];
          out[r * y.stride + c] = static_cast<std::remove_pointer_t<decltype(out)>>(entry);
        }
      }
    });
  });
}

void scan_scalar(const Recurrence& s, std::size_t rows, Codes b, const States& states, MutableCodes y) {
  with_type(b, [&](const auto* in) {
    with_type(y, [&](auto* out) { scan_states(s, rows, Rows{in, b.stride}, states, Rows{out, y.stride}); });
  });
}

bool is_available(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx2) return avx2_kernels() != nullptr && __builtin_cpu_supports("avx2") != 0;
  if (isa == Isa::avx512) {
    return avx512_kernels() != nullptr && __builtin_cpu_supports("avx512f") != 0 &&
           __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
           __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512vnni") != 0 &&
           __builtin_cpu_supports("avx512vbmi") != 0;
  }
#endif
  if (isa == Isa::neon) return neon_kernels() != nullptr;
  return isa == Isa::plain;
}

Isa best_isa() {
  for (const Isa isa : {Isa::avx512, Isa::avx2, Isa::neon}) {
    if (is_available(isa)) return isa;
  }
  return Isa::plain;
}

const Kernels& kernels_of(Isa isa) {
  require<UsageError>(is_available(isa), "program", "this machine has no {} instructions", name_of(isa));
  if (isa == Isa::avx512) return *avx512_kernels();
  if (isa == Isa::neon) return *neon_kernels();
  return isa == Isa::avx2 ? *avx2_kernels() : plain_kernels();
}

const char* name_of(Isa isa) {
  if (isa == Isa::avx512) return "avx512";
  if (isa == Isa::neon) return "neon";
  return isa == Isa::avx2 ? "avx2" : "plain";
}

}  // namespace bitstate::program
