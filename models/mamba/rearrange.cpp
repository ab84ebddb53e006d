#include "models/mamba/rearrange.h"

#include "core/error.h"
#include "core/kernels/hadamard.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace bitstate {
namespace {

using Order = std::span<const std::size_t>;

void check_order(Order order, std::size_t count, std::string_view what) {
  require(order.size() == count, "rearrange", "got an order of {} {}, but there are {}", order.size(), what, count);
  std::vector<bool> seen(count, false);
  for (const std::size_t i : order) {
    require(i < count && !seen[i], "rearrange", "{} is out of range or comes twice in the order of {} {}", i, count,
            what);
    seen[i] = true;
  }
}

/// Rows [first, first + order) of a matrix.
void reorder_rows(Tensor& t, std::size_t first, Order order) {
  const Tensor from = t;
  for (std::size_t i = 0; i < order.size(); ++i) {
    std::copy_n(from.data.data() + (first + order[i]) * t.cols, t.cols, t.data.data() + (first + i) * t.cols);
  }
}

/// The first columns of a matrix.
void reorder_columns(Tensor& t, Order order) {
  const Tensor from = t;
  for (std::size_t r = 0; r < t.rows; ++r) {
    for (std::size_t i = 0; i < order.size(); ++i) t(r, i) = from(r, order[i]);
  }
}

/// The columns of an output projection, also where it reads rotated features: W H^T / sqrt(n).
void reorder_inputs(Tensor& weight, bool rotated, Order order) {
  const auto turn = [&](bool back) {
    const Hadamard hadamard(weight.cols, "rearrange");
    const float scale = 1.0F / std::sqrt(static_cast<float>(weight.cols));
    std::vector<float> scratch(weight.cols);
    for (std::size_t r = 0; r < weight.rows; ++r) {
      const std::span<float> row = std::span(weight.data).subspan(r * weight.cols, weight.cols);
      back ? hadamard.apply_transposed(row, scratch) : hadamard.apply(row, scratch);
      for (float& v : row) v *= scale;
    }
  };
  if (rotated) turn(true);
  reorder_columns(weight, order);
  if (rotated) turn(false);
}

void reorder_convolution(Conv1d& conv, Order order) {
  reorder_rows(conv.weight.value, 0, order);
  reorder_columns(conv.bias.value, order);
}

}  // namespace

void rearrange(MambaMixer& mixer, std::span<const std::size_t> perm) {
  const std::size_t inner = mixer.D.value.size();
  check_order(perm, inner, "channels");
  reorder_rows(mixer.in_proj.weight.value, 0, perm);
  reorder_rows(mixer.in_proj.weight.value, inner, perm);
  reorder_convolution(mixer.conv1d, perm);
  reorder_columns(mixer.x_proj.weight.value, perm);
  reorder_rows(mixer.dt_proj.weight.value, 0, perm);
  reorder_columns(mixer.dt_bias.value, perm);
  reorder_rows(mixer.A_log.value, 0, perm);
  reorder_columns(mixer.D.value, perm);
  reorder_inputs(mixer.out_proj.weight.value, mixer.rotated, perm);
}

void rearrange(Mamba2Mixer& mixer, std::span<const std::size_t> head_perm, std::span<const std::size_t> perm) {
  const std::size_t inner = mixer.norm.weight.value.size();
  const std::size_t heads = mixer.D.value.size();
  const std::size_t width = inner / heads;
  const std::size_t heads_of_group = heads / mixer.groups;
  check_order(head_perm, heads, "heads");
  check_order(perm, inner, "channels");
  for (std::size_t i = 0; i < heads; ++i) {
    require(head_perm[i] / heads_of_group == i / heads_of_group, "rearrange",
            "head {} would leave its group of {} heads", head_perm[i], heads_of_group);
  }
  for (std::size_t i = 0; i < inner; ++i) {
    require(perm[i] / width == head_perm[i / width], "rearrange", "channel {} would leave its head", perm[i]);
  }
  Tensor& in = mixer.in_proj.weight.value;
  reorder_rows(in, 0, perm);
  reorder_rows(in, inner, perm);
  reorder_rows(in, in.rows - heads, head_perm);
  reorder_convolution(mixer.conv1d, perm);
  for (Parameter* p : {&mixer.dt_bias, &mixer.A_log, &mixer.D}) reorder_columns(p->value, head_perm);
  reorder_columns(mixer.norm.weight.value, perm);
  reorder_inputs(mixer.out_proj.weight.value, mixer.rotated, perm);
}

}  // namespace bitstate
