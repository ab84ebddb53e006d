// How the parameters of an S5 layer begin: HiPPO-LegS/N in blocks, and S5's random initialisers. Double precision
// throughout, rounded once to float. (Smith, Warrington, Linderman 2023, section 3.4 and appendix B.1; S5's
// ssm_init.py)
#pragma once

#include "core/tensor.h"

#include <complex>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace bitstate {

/// HiPPO-LegS of order n in its normal-plus-low-rank form. All matrices are row-major.
struct Hippo {
  std::size_t n = 0;
  std::vector<double> A;                     ///< [n, n], HiPPO-LegS: A = S - p pᵀ
  std::vector<double> p;                     ///< [n], √(k + ½)
  std::vector<double> b;                     ///< [n], √(2k + 1)
  std::vector<double> S;                     ///< [n, n], -½ I + K with K skew: the normal part, HiPPO-N
  std::vector<std::complex<double>> Lambda;  ///< [n], eigenvalues of S by ascending imaginary part
  std::vector<std::complex<double>> V;       ///< [n, n], S = V diag(Lambda) Vᴴ; the phase makes V[0, j] > 0
};

/// HiPPO-LegS/N of order n. Throws UsageError for n = 0.
Hippo hippo(std::size_t n);

/// `blocks` copies of a HiPPO-N of order P_full / blocks, diagonalised.
struct BlockHippo {
  std::size_t P_full = 0;                    ///< order before conjugate halving
  std::size_t P = 0;                         ///< states kept: P_full / 2 with conj_sym, else P_full
  std::vector<std::complex<double>> Lambda;  ///< [P]
  std::vector<std::complex<double>> V;       ///< [P_full, P], block diagonal
  std::vector<std::complex<double>> Vinv;    ///< [P, P_full] = Vᴴ
};

/// With conj_sym each block keeps the half of its eigenvalues with negative imaginary part, most negative first.
/// Throws UsageError where P_full is not a multiple of blocks, or the block size is odd under conj_sym.
BlockHippo block_hippo(std::size_t P_full, std::size_t blocks, bool conj_sym);

/// S5's three ways to draw C. All but complex_normal draw in the basis before diagonalisation and multiply by V.
enum class CInit {
  trunc_standard_normal,  ///< re and im truncated normal of variance 1 / P_full
  lecun_normal,           ///< re and im truncated normal of variance 1 / (H P_full)
  complex_normal          ///< re and im normal of variance ½, directly in the diagonal basis
};

/// The CInit that S5's flag `C_init` names. Throws UsageError for any other name.
CInit c_init_of(std::string_view name);

/// Sizes and initialisation of one S5 SSM, under S5's defaults.
struct S5Sizes {
  std::size_t H = 128;       ///< features (d_model)
  std::size_t P_full = 256;  ///< states before conjugate halving (ssm_size_base)
  std::size_t blocks = 8;    ///< HiPPO blocks on the diagonal
  bool conj_sym = true;
  bool bidirectional = false;
  CInit C_init = CInit::trunc_standard_normal;
  double dt_min = 0.001;
  double dt_max = 0.1;

  /// Stored complex states.
  [[nodiscard]] std::size_t P() const { return conj_sym ? P_full / 2 : P_full; }
};

/// Throws UsageError, naming the value and what is allowed, where the sizes make no SSM.
void check(const S5Sizes& sizes);

/// Initial parameters of one S5 SSM. Complex arrays are planar.
struct S5Init {
  Tensor Lambda_re;       ///< [1, P]
  Tensor Lambda_im;       ///< [1, P]
  Tensor log_step;        ///< [1, P], uniform in [log dt_min, log dt_max]
  Tensor B;               ///< [2P, H]: P rows re, then P rows im
  std::vector<Tensor> C;  ///< one, or two when bidirectional: [H, 2P], P columns re, then P columns im
  Tensor D;               ///< [1, H], normal
};

/// Draws an SSM. Each parameter has its own stream, that of `path` + "." + its leaf name (such as "layers.0.ssm.B"),
/// and each element its own index, so no parameter depends on any other's size. Throws UsageError as check() does.
S5Init s5_init(const S5Sizes& sizes, std::uint64_t seed, std::string_view path);

}  // namespace bitstate
