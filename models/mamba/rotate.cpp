#include "models/mamba/rotate.h"

#include "core/error.h"
#include "core/kernels/hadamard.h"

#include <algorithm>
#include <cmath>

namespace bitstate {
namespace {

/// Every mixer of a model.
template <class Mixer, class F>
void for_mixers(MambaModelOf<Mixer>& model, const F& f) {
  for (MambaLayer<Mixer>& layer : model.layers) {
    f(layer.mixer);
    if (layer.bidirectional) f(layer.mixer_backward);
  }
}

/// What reads the residual stream behind the last norm.
template <class Mixer>
Tensor& head_of(MambaModelOf<Mixer>& model) {
  return model.spec.output == Output::class_per_step ? model.lm_head.weight.value : model.decoder.weight.value;
}

void scale_columns(Tensor& t, const Tensor& factors) {
  for (std::size_t r = 0; r < t.rows; ++r) {
    for (std::size_t c = 0; c < t.cols; ++c) t(r, c) *= factors.data[c];
  }
}

/// The rows x of a matrix become H x / sqrt(n): W H^T / sqrt(n).
void rotate_rows(Tensor& t, const Hadamard& hadamard) {
  const float scale = 1.0F / std::sqrt(static_cast<float>(t.cols));
  std::vector<float> scratch(t.cols);
  for (std::size_t r = 0; r < t.rows; ++r) {
    const std::span<float> row = std::span(t.data).subspan(r * t.cols, t.cols);
    hadamard.apply(row, scratch);
    for (float& v : row) v *= scale;
  }
}

/// As rotate_rows(), of the columns: H W / sqrt(n).
void rotate_columns(Tensor& t, const Hadamard& hadamard) {
  Tensor transposed(t.cols, t.rows);
  for (std::size_t r = 0; r < t.rows; ++r) {
    for (std::size_t c = 0; c < t.cols; ++c) transposed(c, r) = t(r, c);
  }
  rotate_rows(transposed, hadamard);
  for (std::size_t r = 0; r < t.rows; ++r) {
    for (std::size_t c = 0; c < t.cols; ++c) t(r, c) = transposed(c, r);
  }
}

}  // namespace

template <class Mixer>
void untie(MambaModelOf<Mixer>& model) {
  if (!model.tied) return;
  model.lm_head = Projection(model.embedding.value.cols, model.embedding.value.rows, 0, "lm_head");
  model.lm_head.weight.value = model.embedding.value;
  model.tied = false;
}

template <class Mixer>
void fold_norms(MambaModelOf<Mixer>& model) {
  const auto reset = [](RmsNorm& norm) {
    std::fill(norm.weight.value.data.begin(), norm.weight.value.data.end(), 1.0F);
  };
  for (MambaLayer<Mixer>& layer : model.layers) {
    scale_columns(layer.mixer.in_proj.weight.value, layer.norm.weight.value);
    if (layer.bidirectional) scale_columns(layer.mixer_backward.in_proj.weight.value, layer.norm.weight.value);
    reset(layer.norm);
  }
  if (model.tied || model.spec.sequences == 2) return;
  scale_columns(head_of(model), model.norm_f.weight.value);
  reset(model.norm_f);
}

template <class Mixer>
void rotate_residual(MambaModelOf<Mixer>& model) {
  require<UsageError>(model.spec.sequences == 1, "rotate",
                      "the head of pairs of documents multiplies features, which cannot be rotated");
  require(!model.tied, "rotate", "the head is tied to the token table: untie it first");
  const Hadamard hadamard(model.norm_f.weight.value.size(), "rotate");
  fold_norms(model);
  if (model.tokens) {
    rotate_rows(model.embedding.value, hadamard);
  } else {
    rotate_columns(model.encoder.weight.value, hadamard);
    rotate_rows(model.encoder.bias.value, hadamard);
  }
  for_mixers(model, [&](Mixer& mixer) {
    rotate_rows(mixer.in_proj.weight.value, hadamard);
    rotate_columns(mixer.out_proj.weight.value, hadamard);
  });
  rotate_rows(head_of(model), hadamard);
}

template <class Mixer>
void rotate_outputs(MambaModelOf<Mixer>& model) {
  for_mixers(model, [&](Mixer& mixer) {
    if (mixer.rotated) return;
    Tensor& weight = mixer.out_proj.weight.value;
    rotate_rows(weight, Hadamard(weight.cols, "rotate"));
    mixer.rotated = true;
  });
}

template void untie(MambaModelOf<MambaMixer>&);
template void untie(MambaModelOf<Mamba2Mixer>&);
template void fold_norms(MambaModelOf<MambaMixer>&);
template void fold_norms(MambaModelOf<Mamba2Mixer>&);
template void rotate_residual(MambaModelOf<MambaMixer>&);
template void rotate_residual(MambaModelOf<Mamba2Mixer>&);
template void rotate_outputs(MambaModelOf<MambaMixer>&);
template void rotate_outputs(MambaModelOf<Mamba2Mixer>&);

}  // namespace bitstate
