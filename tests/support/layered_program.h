// A program with one layer of S5 between a rounded input and a head, drawn at random, as export writes them.
#pragma once

#include "core/fixed_point.h"
#include "core/program/program.h"
#include "core/tuning/layer.h"
#include "tests/support/drawn_programs.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bitstate::tests::drawn {

/// What differs between layers.
struct LayerShape {
  std::uint32_t features = 6, states = 3, classes = 4;
  int weight_bits = 8, act_bits = 8;
  bool last = false;         ///< the last step in place of the mean
  bool value = false;        ///< full_glu: a second linear map, whose rounded sums are gated
  bool shear = false;        ///< the recurrence
  bool head_rounded = true;  ///< the pooled value
  bool two_tables = false;   ///< which the columns read in turn, as with a scale per column
};

class LayeredProgram {
 public:
  LayeredProgram(const LayerShape& shape, Draw& draw) : shape_(shape), draw_(draw) {
    const std::uint32_t features = shape.features, states = 2 * shape.states;
    program = program_of(features, {-act(), act()}, {});
    const Ref entry = rounded(0, 1.0);
    const Ref u = rounded(entry, 0.9);
    const Ref bu = add(linear(u, states, features));
    const Ref x = rounded(scan(bu), 1.0);
    const Ref cx = weighted(linear(x, features, states), false);
    const Ref du = weighted(Scale{u, draw.codes(features, -most(), most())}, false);
    const Ref v =
        rounded(add(Sum{cx, du, draw.factors(features, 32, 34), {{draw(1 << 30, 0x7fffffff), 33}}}), 4.0 / steepness());
    const Ref z = table(v);
    const Ref gate = table(rounded(weighted(linear(z, features, features), true), 0.3 / steepness()));
    const Ref gated = shape.value ? rounded(weighted(linear(z, features, features), true), 0.3 / steepness()) : z;
    const Ref product = add(Product{gated, gate});
    const Ref r = rounded(add(Sum{entry, product, {{1 << 30, 30}}, {{1 << 30, 29 + shape.act_bits}}}), 0.5);
    const Ref pool = shape.last ? add(Last{r}) : add(MeanPool{r, 4});
    const Ref h = shape.head_rounded || !shape.last ? rounded(pool, shape.last ? 0.9 : 0.06) : pool;
    add(linear(h, shape.classes, features));
    program.output = {true, {shape.act_bits > 8 ? 2e-5F : 3e-4F}};
  }

  /// Of all weights that are trained.
  [[nodiscard]] LayerTraining training(double rate, std::size_t max_steps) const { return {weights_, rate, max_steps}; }
  [[nodiscard]] HeadTraining head_training(double rate) const { return {shape_.weight_bits, 0.02, rate}; }

  Program program;

 private:
  [[nodiscard]] std::int32_t act() const { return (1 << (shape_.act_bits - 1)) - 1; }
  [[nodiscard]] std::int32_t most() const { return (1 << (shape_.weight_bits - 1)) - 1; }
  [[nodiscard]] double steepness() const { return most() * std::sqrt(static_cast<double>(shape_.features)); }

  Ref add(Instruction i) {
    program.instructions.push_back(std::move(i));
    return static_cast<Ref>(program.instructions.size());
  }
  Ref rounded(Ref x, double factor) { return add(Rescale{x, {to_fixed_point(factor, "test")}, {-act()}, {act()}}); }
  Linear linear(Ref x, std::uint32_t rows, std::uint32_t cols) {
    return {x,
            {rows, cols, static_cast<std::uint32_t>(shape_.weight_bits),
             draw_.codes(std::size_t{rows} * cols, -most(), most())},
            std::vector<std::int32_t>(rows, 0)};
  }
  Ref weighted(Instruction i, bool bias) {
    if (auto* const map = std::get_if<Linear>(&i); map != nullptr && bias) {
      map->bias = draw_.codes(map->bias.size(), -300, 300);
    }
    const Ref number = add(std::move(i));
    std::vector<double> rows;
    for (std::uint32_t o = 0; o < shape_.features; ++o) rows.push_back(0.01 * (1.0 + 0.1 * o));
    weights_.push_back({number, "weight:test", shape_.weight_bits, true, bias, rows, {0.002}});
    return number;
  }
  Ref table(Ref x) {
    const std::uint32_t rows = shape_.two_tables ? 2 : 1;
    Table t{x, -act(), {rows, static_cast<std::uint32_t>(2 * act() + 1), 16, {}}, {}};
    for (std::uint32_t row = 0; row < rows; ++row) {
      const double steepness = row == 0 ? 4.0 : -2.0;
      for (std::int32_t c = -act(); c <= act(); ++c) {
        t.entries.codes.push_back(
            static_cast<std::int32_t>(std::lround(act() / (1.0 + std::exp(-steepness * c / act())))));
      }
    }
    for (std::uint32_t c = 0; rows == 2 && c < shape_.features; ++c)
      t.of_column.push_back(static_cast<std::int32_t>(c % 2));
    return add(std::move(t));
  }
  Ref scan(Ref x) {
    const std::size_t states = shape_.states;
    if (shape_.shear) {
      ScanShear s;
      s.x = x;
      s.feedback = true;
      s.step_bits = 6;
      s.decay_bits = 2;
      s.bound = 127;
      s.limit = std::int64_t{635} << 15;
      for (std::size_t p = 0; p < states; ++p) s.add({-1, 3, 6, -21, 6});
      for (std::size_t c = 0; c < 2 * states; ++c) s.from_input.push_back(to_fixed_point(90.0, "test"));
      return add(std::move(s));
    }
    Scan s;
    s.x = x;
    s.residue = Residue::feedback;
    s.shift = 15;
    s.lambda_bits = 16;
    s.bound = 127;
    s.limit = std::int64_t{508} << 15;
    s.to_state = {std::int64_t{1} << 30, 45};
    s.to_inner = {std::int64_t{1} << 30, 15};
    for (std::size_t c = 0; c < 2 * states; ++c) {
      s.lambda.push_back(c < states ? 24000 + 2000 * static_cast<std::int32_t>(c) : -5000);
      s.from_input.push_back(to_fixed_point(90.0, "test"));
    }
    return add(std::move(s));
  }

  LayerShape shape_;
  Draw& draw_;
  std::vector<WeightScales> weights_;
};

}  // namespace bitstate::tests::drawn
