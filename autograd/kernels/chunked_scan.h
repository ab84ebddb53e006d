// The recurrence of Mamba-2 by products of matrices, a chunk of steps at a time (Dao and Gu 2024, section 6), and its
// adjoint. Within a chunk, y_i = sum over j <= i of (C_i . B_j) L_ij delta_j u_j + e_i C_i h with the state h before
// it, L_ij = the product of the decays of steps j + 1 to i, and e_i that of steps up to i.
#pragma once

#include "autograd/kernels/selective_scan.h"

#include <cstddef>
#include <vector>

namespace bitstate::kernels {

/// Computes what SelectiveScan does of a shape with one decay rate for each head, with other roundings. Not for several
/// threads.
class ChunkedScan {
 public:
  /// Whether that is faster than the recurrence.
  [[nodiscard]] static bool suits(const SelectiveShape& shape, std::size_t length);

  explicit ChunkedScan(const SelectiveShape& shape, std::size_t chunk = 64);

  /// How many numbers forward() keeps of a sequence for backward(): its states before every chunk.
  [[nodiscard]] std::size_t kept(std::size_t length) const;

  /// As those of SelectiveScan.
  bool forward(const SelectiveInputs& in, float* y, float* final, float* starts);
  void backward(const SelectiveInputs& in, const float* starts, const float* dy, const float* dfinal,
                const SelectiveGradients& gradients);

 private:
  struct Chunk;
  struct Head;
  template <class F>
  void for_each_head(const SelectiveInputs& in, const Chunk& chunk, F f);
  void load(const Chunk& chunk, const float* from, std::size_t first, std::size_t width, std::size_t cols,
            std::vector<float>& to) const;
  void load_group(const SelectiveInputs& in, const Chunk& chunk, std::size_t group);
  void load_head(const SelectiveInputs& in, const Chunk& chunk, const Head& head);
  void advance(const Chunk& chunk, const Head& head, float* y);
  void take_back(const Chunk& chunk, const Head& head, const float* before, const float* dy,
                 const SelectiveGradients& gradients);
  void add_decays(const Chunk& chunk, const Head& head, const float* before);
  void add_shared(const Chunk& chunk, std::size_t group, const SelectiveGradients& gradients);

  SelectiveShape shape_;
  std::size_t chunk_;
  std::size_t width_;           // channels P of a head
  std::vector<float> states_;   // [E, N]
  std::vector<float> dstates_;  // likewise
  // Of a group and a chunk of Q steps.
  std::vector<float> b_, c_, db_, dc_;  // [Q, N]
  std::vector<float> scores_;           // C B^T [Q, Q]
  std::vector<float> dscores_;          // likewise
  // Of a head and a chunk.
  std::vector<float> u_, input_, dy_, y_, dinput_;  // [Q, P]; input: delta u
  std::vector<float> delta_, decay_, from_start_;   // [Q]; from_start: e
  std::vector<float> decays_;                       // L [Q, Q]
  std::vector<float> mixed_, dmixed_;               // scores L [Q, Q]
  std::vector<float> ddecay_;                       // of delta A [Q]
};

}  // namespace bitstate::kernels
