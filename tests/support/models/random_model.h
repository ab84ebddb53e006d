// Quantized S5 models with everything drawn at random: sizes, options, weights, the bits and rules of every site,
// ranges as a calibration could have left them, and a few sequences.
#pragma once

#include "models/s5/models.h"

#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

namespace bitstate::tests {

struct RandomModel {
  std::variant<S5Classifier, S5Regressor> model;
  Inventory inventory;  ///< points into the model
  std::vector<std::size_t> rows, lengths;
  std::vector<float> x;
  std::vector<std::int32_t> tokens;
  bool batchnorm = false;

  RandomModel() = default;
  RandomModel(const RandomModel&) = delete;
  RandomModel& operator=(const RandomModel&) = delete;

  [[nodiscard]] Batch batch() const { return {{rows, lengths, 0}, x, tokens}; }
};

/// From this number on models have one layer of up to 1536 features, short sequences, and often a B of 15 or 16 bits
/// and a state matrix by modulus and phase.
inline constexpr std::uint64_t first_wide_model = 1'000'000;

/// The model of a number. Most are drawn so that all operations have codes, one in ten so that some may not.
std::unique_ptr<RandomModel> random_model(std::uint64_t number);

}  // namespace bitstate::tests
