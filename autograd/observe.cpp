#include "autograd/observe.h"

#include "autograd/two_levels.h"
#include "core/error.h"
#include "core/ranges.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace bitstate::ops {

using kernels::ScaleLayout;

void check_finite(bool finite, const Quantizer& site) {
  require<DivergedError>(finite, "quantize", "{} holds a NaN or an infinity", site.site);
}

ScaleLayout layout_of(const Quantizer& site, const Node& x) {
  if (site.is_constant() && site.spec.parts == QuantSpec::Parts::separate) {
    return site.planes.rows > 0 ? ScaleLayout::per_row : ScaleLayout::per_column;
  }
  if (!site.is_by_channel()) return ScaleLayout::per_tensor;
  if (!site.is_constant()) return ScaleLayout::per_column;
  return x.rows > 1 ? ScaleLayout::per_row : ScaleLayout::per_tensor;
}

void join_parts(const Planes& planes, std::span<float> high) {
  const std::size_t plane = planes.rows + planes.cols;
  std::array<float, 2> largest = {0.0F, 0.0F};
  for (std::size_t c = 0; c < high.size(); ++c) {
    float& part = largest[c / plane % 2];
    part = std::max(part, high[c]);
  }
  for (std::size_t c = 0; c < high.size(); ++c) high[c] = largest[c / plane % 2];
}

void check_channels(const Quantizer& site, ScaleLayout layout, const Node& x) {
  const std::size_t count = kernels::scale_count(layout, x.rows, x.cols);
  require(site.range_channels() == count, "quantize", "{} has {} channels, but its input has {}", site.site,
          site.range_channels(), count);
}

Extremes extremes_of(const Tape& tape, const Quantizer& site) {
  return {tape.observed(site), site.range_channels(), site.spec.symmetry == QuantSpec::Symmetry::asymmetric};
}

void note_extremes(const Extremes& to, std::span<const float> high, std::span<const float> low) {
  const auto& [seen, channels, asymmetric] = to;
  for (std::size_t c = 0; c < high.size(); ++c) {
    const std::size_t k = channels == 1 ? 0 : c;
    const float largest = asymmetric ? high[c] : std::max(high[c], -low[c]);
    seen[k] = std::max(seen[k], largest);
    if (asymmetric) seen[channels + k] = std::max(seen[channels + k], -low[c]);
  }
}

void observe(Tape& tape, Value value, const Quantizer& site) {
  const Node& x = tape[value];
  const float* const numbers = tape.value(value);
  if (site.has_two_levels()) {
    const std::vector<float> maxima = group_maxima(site, {numbers, x.size()});
    check_finite(std::all_of(maxima.begin(), maxima.end(), [](float r) { return std::isfinite(r); }), site);
    note_extremes(extremes_of(tape, site), maxima, maxima);
    return;
  }
  const ScaleLayout layout = layout_of(site, x);
  const std::size_t channels = site.range_channels();
  check_channels(site, layout, x);
  std::vector<float> high(channels);
  check_finite(kernels::absolute_maximum(x.rows, x.cols, layout, numbers, high), site);
  const bool asymmetric = site.spec.symmetry == QuantSpec::Symmetry::asymmetric;
  std::vector<float> low(asymmetric ? channels : 0);
  if (asymmetric) kernels::extremes(x.rows, x.cols, layout, numbers, high, low);
  if (site.is_constant() && site.range.empty()) {  // the beginning of a learned range
    const std::size_t each = x.size() / channels;
    for (std::size_t c = 0; c < channels; ++c) high[c] = range_of_values(site.spec, {numbers + c * each, each});
  }
  const std::span seen = tape.observed(site);
  for (std::size_t c = 0; c < channels; ++c) {
    seen[c] = std::max(seen[c], high[c]);
    if (asymmetric) seen[channels + c] = std::max(seen[channels + c], low[c]);
    if (!site.has_counts() || tape.repeats()) continue;
    const std::size_t stride = channels == 1 ? 1 : x.cols;
    count_magnitudes(numbers + c, x.size() / channels, stride, tape.counts(site, c));
  }
}

}  // namespace bitstate::ops
