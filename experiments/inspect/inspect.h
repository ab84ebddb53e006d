// What a trained model is made of: bits, ranges and saturation of every site, sizes, accumulators, and what of it an
// integer program could not compute.
#pragma once

#include "datasets/dataset.h"
#include "models/model.h"

#include <complex>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bitstate::experiments {

struct Extent {
  double low = 0.0;
  double high = 0.0;
};

/// One site; what concerns values is over the whole sample.
struct InspectedSite {
  std::string site;
  SiteKind kind = SiteKind::act;
  QuantSpec spec;
  bool integer = false;            ///< no bits, but the values that pass are integers
  std::optional<Extent> scale;     ///< smallest and largest; none where it depends on the input
  std::optional<Extent> observed;  ///< of the site's input; of a state: of the state
  std::uint64_t saturated = 0;     ///< values that were clamped
  std::uint64_t values = 0;        ///< values that were quantized
  std::uint64_t memory_bits = 0;   ///< of the model for weights and biases, else of one time step
};

/// lambda_bar of a layer, state by state; without bits the two are the same.
struct InspectedEigenvalues {
  std::string site;
  QuantSpec spec;
  std::vector<std::complex<double>> before;
  std::vector<std::complex<double>> after;
};

/// max |lambda_bar|
double largest_modulus(const std::vector<std::complex<double>>& eigenvalues);

/// A linear or product.
struct InspectedAccumulator {
  std::string site;        ///< of its weight, or of its other factor
  std::string op;          ///< "linear" or "product"
  std::int64_t bound = 0;  ///< of the magnitude of every partial sum, known before anything runs; 0: no codes, no bound
  [[nodiscard]] bool fits() const { return bound < std::int64_t{1} << 31; }
};

/// An operation on the path of the input that is computed in float.
struct FloatIsland {
  std::string op;
  std::string site;                  ///< nearest
  std::vector<std::string> missing;  ///< sites without bits that it would need
  std::string reason;                ///< why it is float although no bits are missing; empty where its input is float
};

struct Inspection {
  std::string run;
  std::size_t sequences = 0;
  std::size_t steps = 0;
  std::vector<InspectedSite> sites;  ///< in the order of the model
  std::uint64_t size_bits = 0;       ///< of all weights and biases
  std::uint64_t float_size_bits = 0;
  std::vector<InspectedEigenvalues> eigenvalues;
  std::vector<InspectedAccumulator> accumulators;
  std::vector<FloatIsland> islands;
};

/// Evaluates the first `sequences` sequences of `part`, each on `padded_length` steps if it is shorter.
Inspection inspect(const Model& model, const Inventory& inventory, const datasets::Dataset& part, std::size_t sequences,
                   std::size_t padded_length = 0);

/// One sentence: whether the model is an integer program, else which rows are missing.
std::string verdict(const Inspection& inspection);

/// One line on what keeps a model that has bits from being exported, before it is trained: its ranges must be there.
/// Empty where nothing does, and for a model without bits.
std::string export_obstacle(const Model& model, const Inventory& inventory, const datasets::Splits& data,
                            std::size_t padded_length);

/// Tables for a terminal, and the same as one line of JSON.
std::string inspection_text(const Inspection& inspection);
std::string to_json(const Inspection& inspection);

/// The sites that have bits, one per line: site, kind, bits, the range of their values, the share that was clamped.
std::string sites_csv(const Inspection& inspection);
/// One line per layer and state: lambda_bar before and after rounding.
std::string eigenvalues_csv(const Inspection& inspection);

}  // namespace bitstate::experiments
