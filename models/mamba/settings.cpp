#include "models/mamba/settings.h"

#include "core/error.h"
#include "core/kernels/hadamard.h"
#include "models/mamba/model.h"
#include "models/mamba/rotate.h"

#include <algorithm>
#include <iterator>

namespace bitstate {
namespace {

using S = MambaSettings;

constexpr std::size_t size_limit = 65536;
constexpr const char* rotations[] = {"none", "out_proj", "all"};

/// How much is rotated: the place in `rotations`.
std::ptrdiff_t rotation_of(const S& s) {
  return std::find(std::begin(rotations), std::end(rotations), s.hadamard) - std::begin(rotations);
}

/// The head cannot be the token table where the residual stream between them is rotated.
bool has_tied_head(const S& s) { return s.tie_embeddings && s.hadamard != "all"; }

MambaModelOptions options_of(const S& s, const ModelShape& shape) {
  MambaModelOptions options;
  options.shape = shape;
  options.n_layers = s.n_layers;
  options.bidirectional = s.bidirectional;
  options.pool_last = s.mode == "last";
  options.tie_embeddings = has_tied_head(s);
  MambaOptions& mixer = options.mixer;
  mixer.mamba2 = s.mamba2;
  mixer.d_model = s.d_model;
  mixer.d_state = s.d_state;
  mixer.d_conv = s.d_conv;
  mixer.expand = s.expand;
  mixer.dt_rank = s.dt_rank;
  mixer.headdim = s.headdim;
  mixer.ngroups = s.ngroups;
  mixer.norm_before_gate = s.norm_before_gate;
  mixer.dt_min = s.dt_min;
  mixer.dt_max = s.dt_max;
  mixer.dt_limit_min = s.dt_limit_min;
  if (s.dt_limit_max > 0.0) mixer.dt_limit_max = s.dt_limit_max;
  mixer.n_layers = s.n_layers;
  mixer.rotated = s.hadamard != "none";
  return options;
}

/// Makes a model of what the source has a model with these settings. Only the outputs' last bits change.
template <class Struct>
void convert(Struct& model, const S& settings) {
  if (!has_tied_head(settings)) untie(model);
  if (settings.hadamard != "none") rotate_outputs(model);
  if (settings.hadamard == "all") rotate_residual(model);
}

/// Numbers of a mixer's matrices.
double weights_of(const MambaOptions& o) {
  const auto d = static_cast<double>(o.d_model);
  const auto e = static_cast<double>(o.inner());
  const auto n = static_cast<double>(o.d_state);
  if (o.mamba2) return d * (2 * e + 2 * static_cast<double>(o.ngroups) * n + static_cast<double>(o.heads())) + e * d;
  const auto r = static_cast<double>(o.rank());
  return 2 * d * e + e * (r + 2 * n) + r * e + e * d;
}

}  // namespace

OptionTable<S> mamba_options() {
  OptionTable<S> table("model");
  table.whole("n_layers", "LAYERS", &S::n_layers, 1, 1024, "number of layers");
  table.whole("d_model", "FEATURES", &S::d_model, 1, size_limit, "features of every layer");
  table.flag("bidirectional", &S::bidirectional, "scan in both directions");
  table.word("mode", &S::mode, {"pool", "last"}, "the classifier reads the mean or the last token");
  table.real("dt_min", "TIME", &S::dt_min, {0.0, 1e3, true}, "smallest initial time of a step").checked_alone = true;
  table.real("dt_max", "TIME", &S::dt_max, {0.0, 1e3, true}, "largest initial time of a step").checked_alone = true;
  table.whole("d_state", "STATES", &S::d_state, 1, 1024, "states N of every channel");
  table.whole("d_conv", "TAPS", &S::d_conv, 1, 64, "taps of the convolution");
  table.whole("expand", "FACTOR", &S::expand, 1, 16, "channels of the mixer for each feature");
  table.whole("dt_rank", "RANK", &S::dt_rank, 0, size_limit, "rank of the time of a step; 0: d_model / 16, rounded up");
  table.flag("tie_embeddings", &S::tie_embeddings, "the head that names a token is the table of tokens");
  table
      .word("hadamard", &S::hadamard, {rotations[0], rotations[1], rotations[2]},
            "rotates by Hadamard matrices what out_proj reads, or the residual stream too, which unties the head")
      .changes_trained = true;
  return table;
}

OptionTable<S> mamba2_options() {
  OptionTable<S> table("model");
  table.whole("headdim", "CHANNELS", &S::headdim, 1, size_limit, "channels of a head");
  table.whole("ngroups", "GROUPS", &S::ngroups, 1, size_limit, "groups of heads that share B and C");
  table.flag("norm_before_gate", &S::norm_before_gate, "normalize before the gate instead of behind it");
  table.real("dt_limit_min", "TIME", &S::dt_limit_min, {0.0, 1e3}, "smallest time of a step");
  table.real("dt_limit_max", "TIME", &S::dt_limit_max, {0.0, 1e3}, "largest time of a step; 0: none");
  return table;
}

void validate(const S& settings) {
  const MambaModelOptions options = options_of(settings, {});
  check(options.mixer);
  if (settings.hadamard != "none") Hadamard(options.mixer.inner(), "hadamard");
  if (settings.hadamard == "all") Hadamard(settings.d_model, "hadamard");
  const double directions = settings.bidirectional ? 2.0 : 1.0;
  const double count = static_cast<double>(settings.n_layers) * directions * weights_of(options.mixer);
  require<UsageError>(count <= 1e9, "d_model",
                      "{} layers of d_model {} and expand {} would have {:.0f} weights, more "
                      "than 1e9",
                      settings.n_layers, settings.d_model, settings.expand, count);
}

Model make_model(const S& settings, const ModelShape& shape, std::uint64_t seed) {
  const MambaModelOptions options = options_of(settings, shape);
  if (settings.mamba2) return Mamba2Model(options, seed);
  return MambaModel(options, seed);
}

FamilyTraining training_of(const S& /*settings*/) {
  static constexpr Group no_decay{"no_decay", Rate::first, false};
  FamilyTraining training;
  for (const char* glob : {"*.A_log", "*.D", "*.dt_bias", "*.bias", "*.norm.weight", "norm_f.weight"}) {
    training.groups.push_back({glob, no_decay});
  }
  return training;
}

double training_flops_per_token(const S& settings) {
  const MambaOptions mixer = options_of(settings, {}).mixer;
  const auto e = static_cast<double>(mixer.inner());
  const auto n = static_cast<double>(mixer.d_state);
  const double convolved = mixer.mamba2 ? e + 2 * static_cast<double>(mixer.ngroups) * n : e;
  const double scan = (mixer.mamba2 ? 5.0 : 9.0) * e * n;
  const double forward = 2 * weights_of(mixer) + 2 * static_cast<double>(mixer.d_conv) * convolved + scan;
  return 3.0 * static_cast<double>(settings.n_layers) * (settings.bidirectional ? 2.0 : 1.0) * forward;
}

std::string quant_rules(const S& /*settings*/, std::string_view /*preset*/) { return {}; }

std::optional<StoredModel> stored_model(const S& settings, const S& source, const ModelShape& shape, std::uint64_t seed,
                                        std::span<const std::string> /*names*/) {
  require<UsageError>(rotation_of(settings) >= rotation_of(source), "hadamard",
                      "the source was made with {}, which is not undone; expected at least that, got \"{}\"",
                      source.hadamard, settings.hadamard);
  require<UsageError>(has_tied_head(source) || !has_tied_head(settings), "tie_embeddings",
                      "the head of the source is its own; expected false, got \"true\"");
  if (settings.hadamard == source.hadamard && has_tied_head(settings) == has_tied_head(source)) return std::nullopt;
  S stored = settings;
  stored.hadamard = source.hadamard;
  stored.tie_embeddings = source.tie_embeddings;
  return StoredModel{make_model(stored, shape, seed),
                     [settings](Model& model) {
                       if (auto* const mamba = model.as<MambaModel>()) convert(*mamba, settings);
                       if (auto* const mamba2 = model.as<Mamba2Model>()) convert(*mamba2, settings);
                     },
                     false};
}

std::string evaluation_warning(const S& /*settings*/, const S& /*trained*/, Model /*model*/) { return {}; }

}  // namespace bitstate
