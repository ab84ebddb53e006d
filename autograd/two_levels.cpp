#include "autograd/two_levels.h"

#include "core/error.h"
#include "core/program/run/operands.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

namespace bitstate {
namespace {

constexpr std::uint32_t step_shift = 8;
constexpr std::int32_t largest_code = 127;

/// 0 for a range of 0, or one too small for a grid.
float scale_of(const QuantSpec& spec, float range) {
  const float scale = make_grid(spec, range).scale;
  return scale <= range ? scale : 0.0F;
}

}  // namespace

std::vector<float> group_maxima(const Quantizer& site, std::span<const float> weight) {
  const std::size_t cols = weight.size() / site.channels;
  const auto group = static_cast<std::size_t>(site.spec.group);
  std::vector<float> maxima(site.channels * site.column_groups(), 0.0F);
  for (std::size_t i = 0; i < weight.size(); ++i) {
    float& most = maxima[i / cols * site.column_groups() + i % cols / group];
    const float magnitude = std::fabs(weight[i]);
    most = magnitude > most || std::isnan(magnitude) ? magnitude : most;
  }
  return maxima;
}

TwoLevels::TwoLevels(const Quantizer& site, std::span<const float> ranges)
    : row_scales(site.channels),
      levels{static_cast<std::uint32_t>(site.spec.bits),
             static_cast<std::uint32_t>(site.spec.group),
             step_shift,
             largest_code,
             {}} {
  const std::size_t groups = site.column_groups();
  require(ranges.size() == site.channels * groups, "quantize", "{} has {} ranges, expected {} x {}", site.site,
          ranges.size(), site.channels, groups);
  const auto bound = static_cast<float>(site.spec.bound());
  for (std::size_t row = 0; row < site.channels; ++row) {
    float most = 0.0F;
    for (const float range : ranges.subspan(row * groups, groups)) most = std::max(most, scale_of(site.spec, range));
    row_scales[row] = most > 0.0F ? most * bound / static_cast<float>(largest_code) : 1.0F;
    for (const float range : ranges.subspan(row * groups, groups)) {
      const double ratio = double{scale_of(site.spec, range)} / double{row_scales[row]};
      const double step = std::floor(std::ldexp(ratio, step_shift) + 0.5);
      levels.steps.push_back(std::max(1, static_cast<std::int32_t>(step)));
    }
  }
}

Grid TwoLevels::grid(std::size_t row, std::size_t group) const {
  const std::size_t groups = levels.steps.size() / row_scales.size();
  const std::int32_t bound = (1 << (levels.bits - 1)) - 1;
  const auto step = static_cast<float>(levels.steps[row * groups + group]);
  return {std::ldexp(step, -static_cast<int>(levels.shift)) * row_scales[row], -bound, bound};
}

void quantize(const TwoLevels& scales, std::size_t cols, std::span<const float> weight,
              const kernels::QuantizedOutput& out) {
  const program::Levels& levels = scales.levels;
  const std::size_t stride = out.codes.stride;
  if (out.unclamped != nullptr) std::fill_n(out.unclamped, weight.size() / cols * stride / 8, std::uint8_t{0});
  const std::size_t width = program::rounded_up(std::min<std::size_t>(levels.group, cols), 8);
  std::vector<std::int32_t> codes(width);
  std::vector<std::uint8_t> unclamped(width / 8);
  for (std::size_t first = 0; first < weight.size();) {
    const std::size_t row = first / cols;
    const std::size_t col = first % cols;
    const std::size_t count = std::min<std::size_t>(levels.group, cols - col);
    const Grid grid = scales.grid(row, col / levels.group);
    kernels::quantize(1, count, weight.data() + first, {kernels::ScaleLayout::per_tensor, {&grid, 1}},
                      {{codes.data(), program::Width::four, width}, unclamped.data()});
    program::with_type(out.codes, [&](auto* to) {
      for (std::size_t c = 0; c < count; ++c) {
        const std::size_t at = row * stride + col + c;
        const std::int32_t code = levels.code_of(codes[c], levels.step(cols, row, col));
        to[at] = static_cast<std::remove_pointer_t<decltype(to)>>(code);
        if (out.unclamped != nullptr && (unclamped[c / 8] >> c % 8 & 1U) != 0) {
          out.unclamped[at / 8] = static_cast<std::uint8_t>(out.unclamped[at / 8] | 1U << at % 8);
        }
      }
    });
    first += count;
  }
}

TwoLevels two_levels_of(const Quantizer& site, std::span<const float> weight) {
  return {site, site.needs_range() ? site.range : group_maxima(site, weight)};
}

}  // namespace bitstate
