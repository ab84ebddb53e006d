// The recurrence of selective models, h_t = exp(delta_t A) h_{t-1} + delta_t u_t B_t and y_t = C_t . h_t, with a state
// of N numbers for each channel (Gu and Dao 2023, algorithm 2; Dao and Gu 2024, equation 16), and its adjoint.
#pragma once

#include "autograd/kernels/scan.h"

#include <cstddef>
#include <vector>

namespace bitstate::kernels {

/// Which channels share what. Mamba-1: a head is one channel, and there is a decay rate for each of its states.
/// Mamba-2: a head is several channels, and has one decay rate.
struct SelectiveShape {
  std::size_t channels = 0;    ///< E
  std::size_t states = 0;      ///< N of each channel
  std::size_t heads = 0;       ///< H; E / H channels have the same delta and A
  std::size_t groups = 0;      ///< G; E / G channels have the same B and C
  bool rate_per_state = true;  ///< A is [H, N], else [H, 1]
  Direction direction = Direction::forward;

  [[nodiscard]] std::size_t rates() const { return rate_per_state ? states : 1; }
};

/// The arrays of one sequence, row-major, and of the parameters.
struct SelectiveInputs {
  std::size_t length;  ///< steps L
  const float* u;      ///< [L, E]
  const float* delta;  ///< [L, H]
  const float* b;      ///< [L, G N]
  const float* c;      ///< [L, G N]
  const float* a;      ///< [H, rates()], negative
  const float* h0;     ///< [E, N]; null: 0
};

/// What their gradients are added to; h0 may be null.
struct SelectiveGradients {
  float *u, *delta, *b, *c, *a, *h0;
};

/// The largest magnitudes of delta u and of h of each channel [E], updated.
struct SelectiveMaxima {
  float *input, *state;
};

/// Some channels in some steps, in the order of the recurrence: what backward() computes again at once.
struct SelectivePart {
  std::size_t first_channel, channels;  ///< at most 16
  std::size_t first_step, steps;
};

/// What backward() needs of a part, by channel l of it: 16 numbers side by side.
struct SelectiveArrays {
  float* before;        ///< [N][16]: states before the first step
  float* after;         ///< [steps][N][16]: states after each step
  float* decays;        ///< [steps][rates()][16]
  float* passes;        ///< [steps][N][16]: 1 where a gradient flows through the state, 0 where it was clamped
  float* input;         ///< [steps][16]: delta u as it came in
  float* input_passes;  ///< [steps][16]: likewise
};

/// States that were computed otherwise than by forward(), such as on codes.
class SelectiveShadows {
 public:
  virtual ~SelectiveShadows() = default;
  virtual void fill(const SelectivePart& part, const SelectiveArrays& out) = 0;
};

/// Runs sequences of one shape. Not for several threads.
class SelectiveScan {
 public:
  explicit SelectiveScan(const SelectiveShape& shape);

  /// How many numbers forward() keeps of a sequence for backward(): its states at every few steps.
  [[nodiscard]] std::size_t kept(std::size_t length) const;

  /// Writes y [L, E] and the final states h_L [E, N]. `starts` [kept(L)]; null: nothing is kept. Returns whether the
  /// final states are finite.
  bool forward(const SelectiveInputs& in, float* y, float* final, float* starts, const SelectiveMaxima& seen = {});

  /// Adds the gradients, from those of y [L, E] and of h_L [E, N] (null: 0), and what forward() kept. That of A is with
  /// respect to A itself.
  void backward(const SelectiveInputs& in, const float* starts, const float* dy, const float* dfinal,
                const SelectiveGradients& gradients) {
    take_back(in, starts, nullptr, dy, dfinal, gradients);
  }
  /// Likewise of other states.
  void backward(const SelectiveInputs& in, SelectiveShadows& shadows, const float* dy,
                const SelectiveGradients& gradients) {
    take_back(in, nullptr, &shadows, dy, nullptr, gradients);
  }

  /// Steps between two states that are kept.
  [[nodiscard]] std::size_t chunk() const { return chunk_; }

 private:
  struct Block;
  struct Chunk;
  template <class F>
  void for_each_block(F f) const;
  void load_rates(const SelectiveInputs& in);
  template <bool per_state>
  bool run(const SelectiveInputs& in, float* y, float* final, float* starts, const SelectiveMaxima& seen);
  void take_back(const SelectiveInputs& in, const float* starts, SelectiveShadows* shadows, const float* dy,
                 const float* dfinal, const SelectiveGradients& gradients);
  template <bool per_state>
  void run_back(const SelectiveInputs& in, const float* starts, SelectiveShadows* shadows, const float* dy,
                const SelectiveGradients& gradients);
  template <bool per_state>
  void compute_again(const SelectiveInputs& in, const Block& block, const Chunk& chunk);
  template <bool per_state, bool clamped>
  void step_back(const SelectiveInputs& in, const Block& block, const Chunk& chunk, const float* dy,
                 const SelectiveGradients& gradients);
  void add_shared(const Block& block, const Chunk& chunk, const SelectiveGradients& gradients) const;

  SelectiveShape shape_;
  std::size_t blocks_ = 0;
  std::size_t chunk_ = 0;
  std::vector<float> rates_, states_, dstates_, drates_, before_, inside_, decays_, passes_, input_, input_passes_, db_,
      dc_;
};

}  // namespace bitstate::kernels
