// What a quantizer sees before it rounds: maxima and histograms, from which its range is kept.
#pragma once

#include "autograd/quantizer.h"
#include "autograd/tape.h"

#include <span>

namespace bitstate::ops {

/// Throws DivergedError in the name of the site unless `finite`.
void check_finite(bool finite, const Quantizer& site);

/// Layout of a kept range, or of a constant's: a vector is one channel.
[[nodiscard]] kernels::ScaleLayout layout_of(const Quantizer& site, const Node& x);

/// Of the largest magnitudes of rows or columns of complex numbers: those of all real, and of all imaginary parts.
void join_parts(const Planes& planes, std::span<float> high);

/// Throws Error unless the site has as many channels as the layout of x.
void check_channels(const Quantizer& site, kernels::ScaleLayout layout, const Node& x);

/// Where what a site sees is noted: the lane's maxima of its channels.
struct Extremes {
  std::span<float> seen;
  std::size_t channels = 0;
  bool asymmetric = false;
};
[[nodiscard]] Extremes extremes_of(const Tape& tape, const Quantizer& site);

/// The largest and the smallest value of each channel; 0 lies between them.
void note_extremes(const Extremes& to, std::span<const float> high, std::span<const float> low);

/// What a site that keeps its range sees of x, into the lane's maxima and histograms.
void observe(Tape& tape, Value x, const Quantizer& site);

}  // namespace bitstate::ops
