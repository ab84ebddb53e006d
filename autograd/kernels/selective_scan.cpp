#include "autograd/kernels/selective_scan.h"

#include "autograd/kernels/math.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace bitstate::kernels {
namespace {

/// The last block of a group may have fewer channels.
constexpr std::size_t lanes = selective_lanes;
using Lanes = std::array<float, lanes>;

Lanes load(const float* from) {
  Lanes x;
  std::copy_n(from, lanes, x.data());
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
  void put_channels(const float* x, float* row) const { std::copy_n(x, count, row + channel); }
  void add_channels(const float* x, float* row) const {
    if (count == lanes) {
      for (std::size_t l = 0; l < lanes; ++l) row[channel + l] += x[l];
    } else {
      for (std::size_t l = 0; l < count; ++l) row[channel + l] += x[l];
    }
  }
  void add_heads(const float* x, float* row) const {
    if (width == 1) return add_channels(x, row);
    for (std::size_t l = 0; l < count; ++l) row[(channel + l) / width] += x[l];
  }
  /// The largest magnitude in `rows` of lanes.
  void note(const float* x, std::size_t rows, float* largest) const {
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t l = 0; l < count; ++l) {
        largest[channel + l] = std::max(largest[channel + l], std::fabs(x[i * lanes + l]));
      }
    }
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
  chunk_ = shape.states <= 32 ? 32 : 16;  // the gradients of its B and C stay in the second cache
  rates_.resize(blocks_ * shape.rates() * lanes);
  states_.resize(blocks_ * shape.states * lanes);
  for (auto* rows : {&u_, &delta_, &input_, &decays_, &sums_}) rows->resize(chunk_ * lanes);
  inside_.resize((1 + chunk_) * lanes);
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

/// What a block reads in a chunk.
template <bool per_state>
void SelectiveScan::load_rows(const SelectiveInputs& in, const Block& block, const Chunk& chunk) {
  const float* const a = rates_.data() + block.index * shape_.rates() * lanes;
  for (std::size_t i = 0; i < chunk.steps; ++i) {
    const std::size_t t = chunk.row(i);
    const Lanes u = block.channels(in.u + t * shape_.channels);
    const Lanes delta = block.heads(in.delta + t * shape_.heads);
    float* const input = &input_[i * lanes];
    float* const decay = &decays_[i * lanes];
#pragma omp simd
    for (std::size_t l = 0; l < lanes; ++l) {
      input[l] = delta[l] * u[l];
      if constexpr (!per_state) decay[l] = exp(delta[l] * a[l]);
    }
    std::copy_n(u.data(), lanes, &u_[i * lanes]);
    std::copy_n(delta.data(), lanes, &delta_[i * lanes]);
  }
}

/// State `n` of a block through a chunk, from the first of inside_ on.
template <bool per_state>
void SelectiveScan::advance(const SelectiveInputs& in, const Block& block, const Chunk& chunk, std::size_t n) {
  const std::size_t bc_cols = shape_.groups * shape_.states;
  const float* const b_of_n = in.b + block.group * shape_.states + n;
  const float* const delta = delta_.data();
  const float* const input = input_.data();
  float* const decays = decays_.data();
  float* const after = inside_.data() + lanes;
  float h[lanes], a[lanes];
  std::copy_n(inside_.data(), lanes, h);
  std::copy_n(&rates_[(block.index * shape_.rates() + (per_state ? n : 0)) * lanes], lanes, a);
  for (std::size_t i = 0; i < chunk.steps; ++i) {
    const float b = b_of_n[chunk.row(i) * bc_cols];
#pragma omp simd
    for (std::size_t l = 0; l < lanes; ++l) {
      const std::size_t at = i * lanes + l;
      if constexpr (per_state) decays[at] = exp(delta[at] * a[l]);
      h[l] = std::fma(decays[at], h[l], input[at] * b);
      after[at] = h[l];
    }
  }
}

template <bool per_state>
bool SelectiveScan::run(const SelectiveInputs& in, float* y, float* final, float* starts, const SelectiveMaxima& seen) {
  const std::size_t n_states = shape_.states;
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
    const Chunk chunk{order, first, std::min(chunk_, in.length - first)};
    for_each_block([&](const Block& block) {
      load_rows<per_state>(in, block, chunk);
      std::fill(sums_.begin(), sums_.end(), 0.0F);
      const float* const after = inside_.data() + lanes;
      float* const sums = sums_.data();
      for (std::size_t n = 0; n < n_states; ++n) {
        float* const h = &states_[(block.index * n_states + n) * lanes];
        std::copy_n(h, lanes, inside_.data());
        advance<per_state>(in, block, chunk, n);
        std::copy_n(inside_.data() + chunk.steps * lanes, lanes, h);
        for (std::size_t i = 0; i < chunk.steps; ++i) {
          const float c = in.c[chunk.row(i) * bc_cols + block.group * n_states + n];
#pragma omp simd
          for (std::size_t l = 0; l < lanes; ++l) {
            sums[i * lanes + l] = std::fma(after[i * lanes + l], c, sums[i * lanes + l]);
          }
        }
        if (seen.state != nullptr) block.note(after, chunk.steps, seen.state);
      }
      for (std::size_t i = 0; i < chunk.steps; ++i) {
        block.put_channels(sums + i * lanes, y + chunk.row(i) * shape_.channels);
      }
      if (seen.state != nullptr) block.note(input_.data(), chunk.steps, seen.input);
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
  for (auto* rows : {&passes_, &input_passes_, &dy_, &into_input_, &into_rates_}) rows->resize(chunk_ * lanes);
  for (auto* sums : {&db_, &dc_}) sums->resize(n_states * chunk_ * lanes);
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
        for (auto* sums : {&db_, &dc_}) std::fill(sums->begin(), sums->end(), 0.0F);
      }
      for (auto* sums : {&into_input_, &into_rates_}) std::fill(sums->begin(), sums->end(), 0.0F);
      for (std::size_t i = 0; i < chunk.steps; ++i) {
        const Lanes g = block.channels(dy + chunk.row(i) * shape_.channels);
        std::copy_n(g.data(), lanes, &dy_[i * lanes]);
      }
      load_rows<per_state>(in, block, chunk);
      if (shadows != nullptr) {
        shadows->begin({block.channel, block.count, chunk.first, chunk.steps}, input_.data(), input_passes_.data());
      }
      for (std::size_t n = 0; n < shape_.states; ++n) {
        if (shadows != nullptr) {
          shadows->fill(n, {inside_.data(), decays_.data(), passes_.data()});
          step_back<per_state, true>(in, block, chunk, n);
        } else {
          std::copy_n(starts + number * states_.size() + (block.index * shape_.states + n) * lanes, lanes,
                      inside_.data());
          advance<per_state>(in, block, chunk, n);
          step_back<per_state, false>(in, block, chunk, n);
        }
      }
      if (shadows != nullptr) {
        for (std::size_t i = 0; i < chunk.steps * lanes; ++i) into_input_[i] *= input_passes_[i];
      }
      add_own<per_state>(block, chunk, gradients);
      if ((block.channel + block.count) % of_group == 0) add_shared(block, chunk, gradients);
    });
  }
}

/// Takes state `n` of a block backwards through a chunk; `clamped`: through states that pass gradients only.
template <bool per_state, bool clamped>
void SelectiveScan::step_back(const SelectiveInputs& in, const Block& block, const Chunk& chunk, std::size_t n) {
  const std::size_t bc_cols = shape_.groups * shape_.states;
  const std::size_t of_n = block.group * shape_.states + n;
  const std::size_t state = (block.index * shape_.states + n) * lanes;
  const float* const g = dy_.data();
  const float* const delta = delta_.data();
  const float* const input = input_.data();
  const float* const decays = decays_.data();
  const float* const passes = passes_.data();
  const float* const before = inside_.data();
  const float* const after = before + lanes;
  float* const into_input = into_input_.data();  // sum over n of dh B
  float* const into_rates = into_rates_.data();  // of k A, or of k where the rate is the head's; k = dL/d(delta A)
  float* const db = &db_[n * chunk_ * lanes];
  float* const dc = &dc_[n * chunk_ * lanes];
  float dh[lanes], da[lanes] = {}, a[lanes] = {};
  std::copy_n(&dstates_[state], lanes, dh);
  if constexpr (per_state) {
    std::copy_n(&drates_[state], lanes, da);
    std::copy_n(&rates_[state], lanes, a);
  }
  for (std::size_t i = chunk.steps; i-- > 0;) {
    const std::size_t shared = chunk.row(i) * bc_cols + of_n;
    const float b = in.b[shared];
    const float c = in.c[shared];
#pragma omp simd
    for (std::size_t l = 0; l < lanes; ++l) {
      const std::size_t at = i * lanes + l;
      float flow = std::fma(g[at], c, dh[l]);
      if constexpr (clamped) flow *= passes[at];
      dc[at] = std::fma(g[at], after[at], dc[at]);
      db[at] = std::fma(flow, input[at], db[at]);
      into_input[at] = std::fma(flow, b, into_input[at]);
      dh[l] = flow * decays[at];
      const float k = dh[l] * before[at];
      if constexpr (per_state) {
        da[l] = std::fma(k, delta[at], da[l]);
        into_rates[at] = std::fma(k, a[l], into_rates[at]);
      } else {
        into_rates[at] += k;
      }
    }
  }
  std::copy_n(dh, lanes, &dstates_[state]);
  if constexpr (per_state) std::copy_n(da, lanes, &drates_[state]);
}

/// Adds what the block has given to u and delta, and to the rates of its heads.
template <bool per_state>
void SelectiveScan::add_own(const Block& block, const Chunk& chunk, const SelectiveGradients& gradients) {
  for (std::size_t i = chunk.steps; i-- > 0;) {
    const float* const u = &u_[i * lanes];
    const float* const delta = &delta_[i * lanes];
    const float* const into_input = &into_input_[i * lanes];
    float* const into_rates = &into_rates_[i * lanes];
    if constexpr (!per_state) {
      float* const da = &drates_[block.index * lanes];
      const float* const a = &rates_[block.index * lanes];
#pragma omp simd
      for (std::size_t l = 0; l < lanes; ++l) {
        da[l] = std::fma(into_rates[l], delta[l], da[l]);
        into_rates[l] *= a[l];
      }
    }
    Lanes du, ddelta;
#pragma omp simd
    for (std::size_t l = 0; l < lanes; ++l) {
      du[l] = delta[l] * into_input[l];
      ddelta[l] = std::fma(u[l], into_input[l], into_rates[l]);
    }
    const std::size_t t = chunk.row(i);
    block.add_channels(du.data(), gradients.u + t * shape_.channels);
    block.add_heads(ddelta.data(), gradients.delta + t * shape_.heads);
  }
}

/// Adds what all channels of the block's group have given to B and C.
void SelectiveScan::add_shared(const Block& block, const Chunk& chunk, const SelectiveGradients& gradients) const {
  for (std::size_t i = 0; i < chunk.steps; ++i) {
    const std::size_t at = (chunk.row(i) * shape_.groups + block.group) * shape_.states;
    for (std::size_t n = 0; n < shape_.states; ++n) {
      gradients.b[at + n] += total(&db_[(n * chunk_ + i) * lanes]);
      gradients.c[at + n] += total(&dc_[(n * chunk_ + i) * lanes]);
    }
  }
}

}  // namespace bitstate::kernels
