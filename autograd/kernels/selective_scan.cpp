#include "autograd/kernels/selective_scan.h"

#include "autograd/kernels/math.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace bitstate::kernels {
namespace {

/// Channels that are computed side by side; the last block of a group may have fewer.
constexpr std::size_t lanes = 16;
using Lanes = std::array<float, lanes>;

Lanes load(const float* from) {
  Lanes x;
  std::copy_n(from, lanes, x.data());
  return x;
}

/// f(l) for each lane.
template <class F>
Lanes each(F f) {
  Lanes x;
  for (std::size_t l = 0; l < lanes; ++l) x[l] = f(l);
  return x;
}

float total(const float* of_lanes) {
  float sum = 0.0F;
#pragma omp simd reduction(+ : sum)
  for (std::size_t l = 0; l < lanes; ++l) sum += of_lanes[l];
  return sum;
}

}  // namespace

/// Up to 16 channels of one group.
struct SelectiveScan::Block {
  std::size_t index;  // among all
  std::size_t group;
  std::size_t channel;  // the first
  std::size_t count;
  std::size_t width;  // channels of a head

  /// Of a row [E]; 0 in lanes without a channel.
  [[nodiscard]] Lanes channels(const float* row) const {
    if (count == lanes) return load(row + channel);
    Lanes x{};
    std::copy_n(row + channel, count, x.data());
    return x;
  }
  /// Of a row [H], for each channel.
  [[nodiscard]] Lanes heads(const float* row) const {
    if (width == 1) return channels(row);
    Lanes x{};
    if (width % lanes == 0 && count == lanes) {
      x.fill(row[channel / width]);
    } else {
      for (std::size_t l = 0; l < count; ++l) x[l] = row[(channel + l) / width];
    }
    return x;
  }
  void put_channels(const Lanes& x, float* row) const { std::copy_n(x.data(), count, row + channel); }
  /// `h` [N][lanes]
  void note(const Lanes& input, const float* h, std::size_t states, const SelectiveMaxima& seen) const {
    for (std::size_t l = 0; l < count; ++l) {
      float& largest = seen.state[channel + l];
      for (std::size_t n = 0; n < states; ++n) largest = std::max(largest, std::fabs(h[n * lanes + l]));
      seen.input[channel + l] = std::max(seen.input[channel + l], std::fabs(input[l]));
    }
  }
  void add_channels(const Lanes& x, float* row) const {
    if (count == lanes) {
      for (std::size_t l = 0; l < lanes; ++l) row[channel + l] += x[l];
    } else {
      for (std::size_t l = 0; l < count; ++l) row[channel + l] += x[l];
    }
  }
  void add_heads(const Lanes& x, float* row) const {
    if (width == 1) return add_channels(x, row);
    for (std::size_t l = 0; l < count; ++l) row[(channel + l) / width] += x[l];
  }
};

/// Steps in the order of the recurrence, from one state that is kept to the next.
struct SelectiveScan::Chunk {
  ScanShape order;
  std::size_t first;
  std::size_t steps;

  /// Of its step i in the arrays.
  [[nodiscard]] std::size_t row(std::size_t i) const { return order.row_of(first + i); }
};

template <class F>
void SelectiveScan::for_each_block(F f) const {
  const std::size_t of_group = shape_.channels / shape_.groups;
  std::size_t index = 0;
  for (std::size_t g = 0; g < shape_.groups; ++g) {
    for (std::size_t first = 0; first < of_group; first += lanes) {
      f(Block{index++, g, g * of_group + first, std::min(lanes, of_group - first), shape_.channels / shape_.heads});
    }
  }
}

SelectiveScan::SelectiveScan(const SelectiveShape& shape) : shape_(shape) {
  const std::size_t of_group = shape.channels / shape.groups;
  blocks_ = shape.groups * ((of_group + lanes - 1) / lanes);
  chunk_ = shape.states <= 32 ? 32 : 16;  // its states and decays stay in the second cache
  rates_.resize(blocks_ * shape.rates() * lanes);
  states_.resize(blocks_ * shape.states * lanes);
}

std::size_t SelectiveScan::kept(std::size_t length) const { return (length + chunk_ - 1) / chunk_ * states_.size(); }

bool SelectiveScan::forward(const SelectiveInputs& in, float* y, float* final, float* starts,
                            const SelectiveMaxima& seen) {
  return shape_.rate_per_state ? run<true>(in, y, final, starts, seen) : run<false>(in, y, final, starts, seen);
}

void SelectiveScan::load_rates(const SelectiveInputs& in) {
  const std::size_t n_rates = shape_.rates();
  for_each_block([&](const Block& block) {
    for (std::size_t l = 0; l < block.count; ++l) {
      const std::size_t head = (block.channel + l) / block.width;
      for (std::size_t n = 0; n < n_rates; ++n) {
        rates_[(block.index * n_rates + n) * lanes + l] = in.a[head * n_rates + n];
      }
    }
  });
}

/// Steps [first, end) in the order of the recurrence are rows of the arrays.
template <bool per_state>
bool SelectiveScan::run(const SelectiveInputs& in, float* y, float* final, float* starts, const SelectiveMaxima& seen) {
  const std::size_t n_states = shape_.states;
  const std::size_t n_rates = shape_.rates();
  const std::size_t bc_cols = shape_.groups * n_states;
  const ScanShape order{in.length, 0, shape_.direction};
  load_rates(in);
  std::fill(states_.begin(), states_.end(), 0.0F);
  for_each_block([&](const Block& block) {
    for (std::size_t i = 0; in.h0 != nullptr && i < block.count * n_states; ++i) {
      const std::size_t l = i / n_states;
      const std::size_t n = i % n_states;
      states_[(block.index * n_states + n) * lanes + l] = in.h0[(block.channel + l) * n_states + n];
    }
  });
  for (std::size_t first = 0; first < in.length; first += chunk_) {
    if (starts != nullptr) std::copy(states_.begin(), states_.end(), starts + first / chunk_ * states_.size());
    const std::size_t end = std::min(first + chunk_, in.length);
    for_each_block([&](const Block& block) {
      float* const h = states_.data() + block.index * n_states * lanes;
      const float* const a = rates_.data() + block.index * n_rates * lanes;
      for (std::size_t i = first; i < end; ++i) {
        const std::size_t t = order.row_of(i);
        const Lanes u = block.channels(in.u + t * shape_.channels);
        const Lanes delta = block.heads(in.delta + t * shape_.heads);
        const Lanes input = each([&](std::size_t l) { return delta[l] * u[l]; });
        const float* const b = in.b + t * bc_cols + block.group * n_states;
        const float* const c = in.c + t * bc_cols + block.group * n_states;
        Lanes sum{};
        Lanes decay{};
        if constexpr (!per_state) decay = each([&](std::size_t l) { return exp(delta[l] * a[l]); });
        for (std::size_t n = 0; n < n_states; ++n) {
          float* const state = h + n * lanes;
          for (std::size_t l = 0; l < lanes; ++l) {
            const float factor = per_state ? exp(delta[l] * a[n * lanes + l]) : decay[l];
            state[l] = std::fma(factor, state[l], input[l] * b[n]);
            sum[l] = std::fma(state[l], c[n], sum[l]);
          }
        }
        block.put_channels(sum, y + t * shape_.channels);
        if (seen.state != nullptr) block.note(input, h, n_states, seen);
      }
    });
  }
  bool finite = true;
  for_each_block([&](const Block& block) {
    for (std::size_t l = 0; l < block.count; ++l) {
      for (std::size_t n = 0; n < n_states; ++n) {
        const float h = states_[(block.index * n_states + n) * lanes + l];
        finite = finite && std::isfinite(h);
        final[(block.channel + l) * n_states + n] = h;
      }
    }
  });
  return finite;
}

void SelectiveScan::take_back(const SelectiveInputs& in, const float* starts, SelectiveShadows* shadows,
                              const float* dy, const float* dfinal, const SelectiveGradients& gradients) {
  const std::size_t n_states = shape_.states;
  load_rates(in);
  dstates_.assign(states_.size(), 0.0F);
  drates_.assign(rates_.size(), 0.0F);
  before_.resize(n_states * lanes);
  if (shadows != nullptr) {
    passes_.resize(chunk_ * n_states * lanes);
    input_.resize(chunk_ * lanes);
    input_passes_.resize(chunk_ * lanes);
  }
  inside_.resize(chunk_ * n_states * lanes);
  decays_.resize(chunk_ * shape_.rates() * lanes);
  db_.resize(chunk_ * n_states * lanes);
  dc_.resize(chunk_ * n_states * lanes);
  const auto for_each_state = [&](auto f) {
    for_each_block([&](const Block& block) {
      for (std::size_t l = 0; l < block.count; ++l) {
        for (std::size_t n = 0; n < n_states; ++n) {
          f(dstates_[(block.index * n_states + n) * lanes + l], (block.channel + l) * n_states + n);
        }
      }
    });
  };
  if (dfinal != nullptr) for_each_state([&](float& dh, std::size_t at) { dh = dfinal[at]; });
  if (shape_.rate_per_state) {
    run_back<true>(in, starts, shadows, dy, gradients);
  } else {
    run_back<false>(in, starts, shadows, dy, gradients);
  }
  if (gradients.h0 != nullptr) for_each_state([&](float dh, std::size_t at) { gradients.h0[at] += dh; });
  const std::size_t n_rates = shape_.rates();
  for_each_block([&](const Block& block) {
    for (std::size_t l = 0; l < block.count; ++l) {
      const std::size_t head = (block.channel + l) / block.width;
      for (std::size_t n = 0; n < n_rates; ++n) {
        gradients.a[head * n_rates + n] += drates_[(block.index * n_rates + n) * lanes + l];
      }
    }
  });
}

/// A chunk at a time, from the last one on. What flows into B and C is summed over the lanes when all channels of the
/// group have been there.
template <bool per_state>
void SelectiveScan::run_back(const SelectiveInputs& in, const float* starts, SelectiveShadows* shadows, const float* dy,
                             const SelectiveGradients& gradients) {
  const ScanShape order{in.length, 0, shape_.direction};
  const std::size_t of_group = shape_.channels / shape_.groups;
  for (std::size_t number = (in.length + chunk_ - 1) / chunk_; number-- > 0;) {
    const std::size_t first = number * chunk_;
    const Chunk chunk{order, first, std::min(chunk_, in.length - first)};
    for_each_block([&](const Block& block) {
      if (block.channel % of_group == 0) {
        for (auto* sums : {&db_, &dc_}) std::fill_n(sums->begin(), chunk.steps * shape_.states * lanes, 0.0F);
      }
      if (shadows != nullptr) {
        shadows->fill(
            {block.channel, block.count, chunk.first, chunk.steps},
            {before_.data(), inside_.data(), decays_.data(), passes_.data(), input_.data(), input_passes_.data()});
        step_back<per_state, true>(in, block, chunk, dy, gradients);
      } else {
        std::copy_n(starts + number * states_.size() + block.index * before_.size(), before_.size(), before_.begin());
        compute_again<per_state>(in, block, chunk);
        step_back<per_state, false>(in, block, chunk, dy, gradients);
      }
      if ((block.channel + block.count) % of_group == 0) add_shared(block, chunk, gradients);
    });
  }
}

/// The decays and states of a block within a chunk.
template <bool per_state>
void SelectiveScan::compute_again(const SelectiveInputs& in, const Block& block, const Chunk& chunk) {
  const std::size_t n_states = shape_.states;
  const std::size_t n_rates = shape_.rates();
  const std::size_t bc_cols = shape_.groups * n_states;
  const std::size_t size = n_states * lanes;  // of the states of a block
  const float* const a = rates_.data() + block.index * n_rates * lanes;
  for (std::size_t i = 0; i < chunk.steps; ++i) {
    const std::size_t t = chunk.row(i);
    const Lanes u = block.channels(in.u + t * shape_.channels);
    const Lanes delta = block.heads(in.delta + t * shape_.heads);
    const Lanes input = each([&](std::size_t l) { return delta[l] * u[l]; });
    const float* const b = in.b + t * bc_cols + block.group * n_states;
    const float* const before = i == 0 ? before_.data() : inside_.data() + (i - 1) * size;
    float* const h = inside_.data() + i * size;
    float* const factor = decays_.data() + i * n_rates * lanes;
    for (std::size_t n = 0; n < n_rates; ++n) {
      for (std::size_t l = 0; l < lanes; ++l) factor[n * lanes + l] = exp(delta[l] * a[n * lanes + l]);
    }
    for (std::size_t n = 0; n < n_states; ++n) {
      const float* const of_n = per_state ? factor + n * lanes : factor;
      for (std::size_t l = 0; l < lanes; ++l) {
        h[n * lanes + l] = std::fma(of_n[l], before[n * lanes + l], input[l] * b[n]);
      }
    }
  }
}

/// Takes the steps of a chunk backwards; `clamped`: through states that pass gradients only.
template <bool per_state, bool clamped>
void SelectiveScan::step_back(const SelectiveInputs& in, const Block& block, const Chunk& chunk, const float* dy,
                              const SelectiveGradients& gradients) {
  const std::size_t n_states = shape_.states;
  const std::size_t n_rates = shape_.rates();
  const std::size_t bc_cols = shape_.groups * n_states;
  const std::size_t size = n_states * lanes;  // of the states of a block
  const float* const a = rates_.data() + block.index * n_rates * lanes;
  float* const dh = dstates_.data() + block.index * size;
  float* const da = drates_.data() + block.index * n_rates * lanes;
  for (std::size_t i = chunk.steps; i-- > 0;) {
    const std::size_t t = chunk.row(i);
    const Lanes g = block.channels(dy + t * shape_.channels);
    const Lanes u = block.channels(in.u + t * shape_.channels);
    const Lanes delta = block.heads(in.delta + t * shape_.heads);
    const Lanes input =
        clamped ? load(input_.data() + i * lanes) : each([&](std::size_t l) { return delta[l] * u[l]; });
    const float* const b = in.b + t * bc_cols + block.group * n_states;
    const float* const c = in.c + t * bc_cols + block.group * n_states;
    const float* const before = i == 0 ? before_.data() : inside_.data() + (i - 1) * size;
    const float* const passes = clamped ? passes_.data() + i * size : nullptr;
    const float* const h = inside_.data() + i * size;
    const float* const factor = decays_.data() + i * n_rates * lanes;
    float* const db = db_.data() + i * size;
    float* const dc = dc_.data() + i * size;
    Lanes into_input{};  // sum over n of dh B
    Lanes into_rates{};  // of k A, or of k where the rate is the head's; k = dL/d(delta A)
    for (std::size_t n = 0; n < n_states; ++n) {
      const float* const of_n = per_state ? factor + n * lanes : factor;
      for (std::size_t l = 0; l < lanes; ++l) {
        const std::size_t at = n * lanes + l;
        float flow = std::fma(g[l], c[n], dh[at]);
        if constexpr (clamped) flow *= passes[at];
        dc[at] = std::fma(g[l], h[at], dc[at]);
        db[at] = std::fma(flow, input[l], db[at]);
        into_input[l] = std::fma(flow, b[n], into_input[l]);
        dh[at] = flow * of_n[l];
        const float k = dh[at] * before[at];
        if constexpr (per_state) {
          da[at] = std::fma(k, delta[l], da[at]);
          into_rates[l] = std::fma(k, a[at], into_rates[l]);
        } else {
          into_rates[l] += k;
        }
      }
    }
    if constexpr (!per_state) {
      for (std::size_t l = 0; l < lanes; ++l) {
        da[l] = std::fma(into_rates[l], delta[l], da[l]);
        into_rates[l] *= a[l];
      }
    }
    if constexpr (clamped) {
      for (std::size_t l = 0; l < lanes; ++l) into_input[l] *= input_passes_[i * lanes + l];
    }
    block.add_channels(each([&](std::size_t l) { return delta[l] * into_input[l]; }),
                       gradients.u + t * shape_.channels);
    block.add_heads(each([&](std::size_t l) { return std::fma(u[l], into_input[l], into_rates[l]); }),
                    gradients.delta + t * shape_.heads);
  }
}

/// Adds what all channels of the block's group have given to B and C.
void SelectiveScan::add_shared(const Block& block, const Chunk& chunk, const SelectiveGradients& gradients) const {
  const std::size_t n_states = shape_.states;
  const std::size_t bc_cols = shape_.groups * n_states;
  const std::size_t size = n_states * lanes;
  for (std::size_t i = 0; i < chunk.steps; ++i) {
    const std::size_t at = chunk.row(i) * bc_cols + block.group * n_states;
    for (std::size_t n = 0; n < n_states; ++n) {
      gradients.b[at + n] += total(db_.data() + i * size + n * lanes);
      gradients.c[at + n] += total(dc_.data() + i * size + n * lanes);
    }
  }
}

}  // namespace bitstate::kernels
