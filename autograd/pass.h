// What a pass of a tape is told.
#pragma once

#include "autograd/backward_forms.h"
#include "core/parallel.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace bitstate {

/// What a pass may read and write outside of its tape. The spans of a model are as long as its Inventory says; what is
/// too short is an Error of the op that needs more.
struct Pass {
  bool training = false;            ///< batch statistics and dropout; ranges are observed
  bool gradients = false;           ///< backward() will be called
  bool running_statistics = false;  ///< batch normalization reads the running ones although it is training
  bool calibrating = false;         ///< quantizers without a range observe and let values through
  bool results_only = false;        ///< of layers, nothing else is kept; backward() computes them again
  /// Of the rounded states of a scan, those before every block of steps are kept; backward() computes the others again.
  bool replay_states = false;
  bool gives_back = false;  ///< after each layer, what backward() does not read is given back, for the next one
  NormBackward norm_backward = NormBackward::exact;
  ActBackward act_backward = ActBackward::exact;
  std::span<float> gradient = {};        ///< flat gradient of the parameters of this lane, added to
  std::span<float> observed = {};        ///< what the quantizers that keep a range saw in this lane, updated
  std::span<std::uint32_t> counts = {};  ///< histograms of the quantizers that have one, added to
  std::size_t lane = 0;
  Meeting* meeting = nullptr;  ///< of the lanes; needed by batch normalization in training
  std::span<double> statistics =
      {};                  ///< gets the batch statistics, for the running averages; empty in all lanes but one
  std::uint64_t seed = 0;  ///< of dropout and stochastic rounding
  std::uint64_t step = 0;
};

}  // namespace bitstate
