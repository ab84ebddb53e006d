// B_bar and the readout matrix in the coordinates w = T x of form=shear, T = [1 0; p q] of each state
// (docs/numerics.md, section 6). T is constant.
//   shear_b: row pairs (re, q im - p re).                        dL/dB = (g_re - p g_im, q g_im)
//   shear_readout: column pairs (re - p / q im, im / q).         dL/dR = (g_re, (g_im - p g_re) / q)
// Computed in double: one pass over B and C.
#include "autograd/kernels/shear.h"
#include "autograd/ops.h"
#include "autograd/recurrence.h"
#include "core/error.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace bitstate::ops {
namespace {

using kernels::ShearCoordinates;
using Coordinates = std::span<const ShearCoordinates>;

/// T of each state.
Coordinates coordinates_of(Tape& tape, Value lambda, std::size_t states, std::string_view op) {
  require(recurrence::is_sheared(tape[lambda]) && tape[lambda].size() == 2 * states, op,
          "{} states need as many codes of form=shear", states);
  const auto all = kernels::coordinates_of(tape.codes32(lambda));
  auto* const kept = tape.arena().array<ShearCoordinates>(states);
  std::copy(all.begin(), all.end(), kept);
  return {kept, states};
}

struct Pair {
  double re, im;
};

/// Calls each(t, i, k) for the pairs of elements i, k of a [2P, H] (rows) or an [H, 2P] (columns).
template <class Each>
void for_row_pairs(Coordinates t, std::size_t cols, Each each) {
  for (std::size_t p = 0; p < t.size(); ++p) {
    for (std::size_t h = 0; h < cols; ++h) each(t[p], p * cols + h, (t.size() + p) * cols + h);
  }
}
template <class Each>
void for_column_pairs(Coordinates t, std::size_t rows, Each each) {
  for (std::size_t first = 0; first < rows * 2 * t.size(); first += 2 * t.size()) {
    for (std::size_t p = 0; p < t.size(); ++p) each(t[p], first + p, first + t.size() + p);
  }
}

void put(float* out, std::size_t i, std::size_t k, Pair v) {
  out[i] = static_cast<float>(v.re);
  out[k] = static_cast<float>(v.im);
}
void add(float* out, std::size_t i, std::size_t k, Pair v) {
  out[i] += static_cast<float>(v.re);
  out[k] += static_cast<float>(v.im);
}

void shear_b_backward(Tape& tape, const Node& node) {
  float* const db = tape.gradient(node.inputs[0]);
  if (db == nullptr) return;
  const float* const g = node.gradient;
  for_row_pairs(*static_cast<const Coordinates*>(node.attributes), node.cols,
                [=](const ShearCoordinates& t, std::size_t i, std::size_t k) {
                  add(db, i, k, {double{g[i]} - t.p * double{g[k]}, t.q * double{g[k]}});
                });
}

void shear_readout_backward(Tape& tape, const Node& node) {
  float* const dr = tape.gradient(node.inputs[0]);
  if (dr == nullptr) return;
  const float* const g = node.gradient;
  for_column_pairs(*static_cast<const Coordinates*>(node.attributes), node.rows,
                   [=](const ShearCoordinates& t, std::size_t i, std::size_t k) {
                     add(dr, i, k, {double{g[i]}, (double{g[k]} - t.p * double{g[i]}) / t.q});
                   });
}

constexpr Op shear_b_op{"shear_b", shear_b_backward};
constexpr Op shear_readout_op{"shear_readout", shear_readout_backward};

}  // namespace

Value shear_b(Tape& tape, Value b, Value lambda) {
  const auto [rows, cols] = std::pair{tape[b].rows, tape[b].cols};
  require(rows % 2 == 0, "shear_b", "B has {} rows, but real and imaginary parts need an even number", rows);
  const Coordinates t = coordinates_of(tape, lambda, rows / 2, "shear_b");
  Node& node = tape.push(shear_b_op, {b, lambda}, rows, cols);
  node.attributes = tape.keep(t);
  const float* const in = tape.value(b);
  float* const out = node.real;
  for_row_pairs(t, cols, [=](const ShearCoordinates& at, std::size_t i, std::size_t k) {
    put(out, i, k, {in[i], at.q * double{in[k]} - at.p * double{in[i]}});
  });
  return tape.last();
}

Value shear_readout(Tape& tape, Value readout, Value lambda) {
  const auto [rows, cols] = std::pair{tape[readout].rows, tape[readout].cols};
  require(cols % 2 == 0, "shear_readout", "the matrix has {} columns, but real and imaginary parts need an even number",
          cols);
  const Coordinates t = coordinates_of(tape, lambda, cols / 2, "shear_readout");
  Node& node = tape.push(shear_readout_op, {readout, lambda}, rows, cols);
  node.attributes = tape.keep(t);
  const float* const in = tape.value(readout);
  float* const out = node.real;
  for_column_pairs(t, rows, [=](const ShearCoordinates& at, std::size_t i, std::size_t k) {
    put(out, i, k, {double{in[i]} - at.p / at.q * double{in[k]}, double{in[k]} / at.q});
  });
  return tape.last();
}

}  // namespace bitstate::ops
