// What a model consists of, found by walking its members: parameters, buffers and quantizers with their paths.
#pragma once

#include "autograd/parameter.h"
#include "autograd/quantizer.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bitstate {

/// The lists that walking a model yields. The pointers stay valid while the model is not moved or resized.
struct Inventory {
  std::vector<NamedParameter> parameters;
  std::vector<NamedBuffer> buffers;
  std::vector<Quantizer*> quantizers;

  [[nodiscard]] std::size_t parameter_count() const;  ///< elements of all parameters
  [[nodiscard]] std::size_t gradient_count() const;   ///< of those that are not frozen: length of a flat gradient
  [[nodiscard]] std::size_t buffer_count() const;     ///< elements of all buffers: length of Pass::statistics
  [[nodiscard]] std::size_t range_count() const;      ///< ranges that quantizers keep: length of Pass::observed
  [[nodiscard]] std::size_t count_count() const;      ///< bins of all histograms: length of Pass::counts
  [[nodiscard]] std::vector<Site> sites() const;
  /// Some statistics are of the whole batch: in training the sequences of a lane share a pass, and the lanes meet.
  [[nodiscard]] bool has_batch_statistics() const { return !buffers.empty(); }
  [[nodiscard]] std::size_t layer_count() const;  ///< members "layers.0", "layers.1" and so on
};

/// Passed to a struct's visit(): collects members under their paths. A struct lists its members once:
///     template <class V> void visit(V& v) { v("weight", weight); v.site("weight", "", weight_quantizer); }
class Walker {
 public:
  explicit Walker(Inventory& inventory) : inventory_(inventory) {}

  void operator()(std::string_view name, Parameter& parameter) {
    inventory_.parameters.push_back({path(name), &parameter});
  }
  void operator()(std::string_view name, Buffer& buffer) { inventory_.buffers.push_back({path(name), &buffer}); }
  template <class T>
  void operator()(std::string_view name, std::vector<T>& members) {
    for (std::size_t i = 0; i < members.size(); ++i) (*this)(std::string(name) + "." + std::to_string(i), members[i]);
  }
  template <class T>
  void operator()(std::string_view name, T& member) {
    const std::string outer = prefix_;
    prefix_ = path(name);
    member.visit(*this);
    prefix_ = outer;
  }
  /// A quantizer of kind weight, bias, act, acc or state; its site is "kind:path.name" ("kind:path" for no name).
  /// Throws Error for any other kind.
  void site(std::string_view kind, std::string_view name, Quantizer& quantizer) {
    quantizer.declare(std::string(kind) + ":" + path(name));
    inventory_.quantizers.push_back(&quantizer);
  }

 private:
  [[nodiscard]] std::string path(std::string_view name) const {
    if (prefix_.empty() || name.empty()) return prefix_ + std::string(name);
    return prefix_ + "." + std::string(name);
  }

  Inventory& inventory_;
  std::string prefix_;
};

/// Appends the learned ranges of the quantizers to the parameters, and gives every parameter, buffer and kept range its
/// place in the flat arrays.
void complete(Inventory& inventory);

/// The layer that a member is of, from its path "layers.3.norm", or from its site "kind:path"; nothing for another one.
[[nodiscard]] std::optional<std::size_t> layer_of(std::string_view name);

/// Freezes everything that a model lists before its layer `first`: behind the last layer if that is their number. The
/// places in the flat arrays change.
void freeze_below(Inventory& inventory, std::size_t first);

/// Walks a model.
template <class T>
Inventory take_inventory(T& model) {
  Inventory inventory;
  Walker walker(inventory);
  model.visit(walker);
  complete(inventory);
  return inventory;
}

/// Gives every quantizer the spec of the last rule that matches its site, and forgets its range; learned ranges become
/// parameters of the inventory. Throws UsageError when a rule matches no site.
void quantize_sites(Inventory& inventory, const QuantConfig& config);

/// What the quantizers of all lanes saw in one step.
struct Observed {
  std::span<const float> maxima;          ///< Pass::observed
  std::span<const std::uint32_t> counts;  ///< Pass::counts
};

/// Sets the ranges that are still empty to those observed (calibration); learned ones begin there.
void calibrate_ranges(const Inventory& inventory, const Observed& observed);

/// As calibrate_ranges(), of constants only.
void calibrate_constants(const Inventory& inventory, const Observed& observed);

/// Moves every range towards the observed one, unless that is 0: r <- (1 - rate) r + rate seen (docs/numerics.md,
/// section 2); learned ranges are left to the optimiser, and stored ones stay unless they are 0.
void update_ranges(const Inventory& inventory, const Observed& observed);

/// Bits of the stored weights and biases: numbers times bits, 32 without; scales are not counted. An eigenvalue is
/// two numbers, also where its modulus and its phase are stored.
[[nodiscard]] std::uint64_t size_bits(const Inventory& inventory);

/// What the state matrices cost: each number is the largest of all layers. 0: there is none, or it is not known.
struct PoleCost {
  int stored_bits = 0;      ///< per eigenvalue
  int products = 0;         ///< QuantSpec::products()
  int multiplier_bits = 0;  ///< QuantSpec::multiplier_bits()
};
[[nodiscard]] PoleCost pole_cost(const Inventory& inventory);

/// Takes the `count`-th batch of a calibration into the mean of the ranges that the batches before showed.
void average_ranges(const Inventory& inventory, const Observed& observed, std::size_t count);

/// Whether some quantizer keeps a range and has none yet.
[[nodiscard]] bool needs_calibration(const Inventory& inventory);

}  // namespace bitstate
