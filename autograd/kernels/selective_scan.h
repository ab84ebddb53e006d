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

/// Channels that are computed side by side.
inline constexpr std::size_t selective_lanes = 16;

/// Some channels in some steps, in the order of the recurrence: what backward() computes again at once.
struct SelectivePart {
  std::size_t first_channel, channels;  ///< at most selective_lanes
  std::size_t first_step, steps;
};

/// What backward() needs of one state of each channel of a part; channel l of it is number l of selective_lanes.
struct SelectiveArrays {
  float* states;  ///< [1 + steps][lanes]: before the first step, and after each
  float* decays;  ///< [steps][lanes]
  float* passes;  ///< [steps][lanes]: 1 where a gradient flows through the state, 0 where it was clamped
};

/// States that were computed otherwise than by forward(), such as on codes.
class SelectiveShadows {
 public:
  virtual ~SelectiveShadows() = default;
  /// Begins with a part. Writes delta u as it came in and, as above, what passes through it: [steps][lanes].
  virtual void begin(const SelectivePart& part, float* input, float* passes) = 0;
  /// Writes state `n` of the part; calls are in the order of n.
  virtual void fill(std::size_t n, const SelectiveArrays& out) = 0;
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
  void load_rows(const SelectiveInputs& in, const Block& block, const Chunk& chunk);
  template <bool per_state>
  void advance(const SelectiveInputs& in, const Block& block, const Chunk& chunk, std::size_t n);
  template <bool per_state, bool clamped>
  void step_back(const SelectiveInputs& in, const Block& block, const Chunk& chunk, std::size_t n);
  template <bool per_state>
  void add_own(const Block& block, const Chunk& chunk, const SelectiveGradients& gradients);
  void add_shared(const Block& block, const Chunk& chunk, const SelectiveGradients& gradients) const;

  SelectiveShape shape_;
  std::size_t blocks_ = 0;
  std::size_t chunk_ = 0;
  std::vector<float> rates_, states_, dstates_, drates_;  // [blocks][states or rates][lanes]
  std::vector<float> u_, delta_, input_, input_passes_, dy_, into_input_, into_rates_, sums_;  // [chunk][lanes]
  std::vector<float> decays_, passes_;                                                         // of one state
  std::vector<float> inside_;   // likewise, before the first step and after each
  std::vector<float> db_, dc_;  // [states][chunk][lanes]
};

}  // namespace bitstate::kernels
