// What all instruction sets share: single numbers, and the loops that need no vectors.
#pragma once

#include "core/program/run/kernels.h"

namespace bitstate::program {

/// (d rho + 2^(k-1)) >> k of docs/numerics.md, section 5.
struct NormFactor {
  std::int32_t multiplier;  ///< rho
  std::int32_t shift;       ///< k
};

/// Of a row with W = `w`, 1 <= w < 2^62, and F = `fraction`.
[[nodiscard]] NormFactor norm_factor(std::int64_t w, std::int32_t fraction);

/// Of group `group` of a row (docs/numerics.md, section 10).
[[nodiscard]] NormFactor group_factor(const GroupNorm& norm, const Codes& x, std::size_t row, std::size_t group);

/// Kernels::lookup
void lookup_scalar(const Lookup& table, std::size_t cols, std::size_t rows, Codes x, MutableCodes y);

/// Kernels::scan
void scan_scalar(const Recurrence& s, std::size_t rows, Codes b, const States& states, MutableCodes y);

/// What 32 bits leave of a sum beside a residue and its rounding: w is cut so that Ah + w does not exceed it.
inline constexpr float decay_scale = 0x1.0p-15F;
inline constexpr std::int32_t selective_most = 0x7fffffff - (1 << 15);

/// Kernels::selective_replay
void selective_replay_scalar(const Selective& s, const SelectiveReplay& of);

/// Kernels::selective_scan
void selective_scan_scalar(const Selective& s, std::size_t rows, const SelectiveCodes& in,
                           const SelectiveStates& states, MutableCodes y);

const Kernels& plain_kernels();
const Kernels* avx2_kernels();    ///< null where the compiler makes none
const Kernels* avx512_kernels();  ///< null where the compiler makes none
const Kernels* neon_kernels();    ///< null where the machine is no AArch64

}  // namespace bitstate::program
