// ZOH:      lambda_bar = exp(lambda d),               B_bar = f B~,  f = (lambda_bar - 1) / lambda
// Bilinear: lambda_bar = (1 + d lambda / 2) / q,      B_bar = f B~,  f = d / q,  q = 1 - d lambda / 2
// with d = step_rescale exp(log_step), per state. Adjoint (G_z = dL/dRe z + i dL/dIm z):
//   G_lambda = G_lambda_bar conj(d lambda_bar / d lambda) + G_f conj(df / d lambda);  dL/dd = Re(G_lambda_bar conj(d
//   lambda_bar / dd) + G_f conj(df / dd)) G_B = conj(f) G_B_bar,  G_f = sum_h G_B_bar conj(B~);  dL/dlog_step = d
//   dL/dd.
// Computed in double: P values and one row of B each, once a pass.
#include "autograd/ops.h"

#include "core/error.h"

#include <algorithm>
#include <complex>
#include <vector>

namespace bitstate::ops {
namespace {

using Complex = std::complex<double>;
constexpr double largest_real_part = -1e-4;  // of clip_eigs

/// lambda_bar and f of one state, and their derivatives.
struct State {
  Complex lambda_bar, f;
  Complex lambda_bar_by_lambda, lambda_bar_by_step, f_by_lambda, f_by_step;
  double step;
  bool clipped;
};

State discretize(double re, double im, double log_step, const DiscretizeOptions& options) {
  State s{};
  s.clipped = options.clip_eigs && re > largest_real_part;
  const Complex lambda(s.clipped ? largest_real_part : re, im);
  s.step = options.step_rescale * std::exp(log_step);
  if (options.method == Discretization::zoh) {
    s.lambda_bar = std::exp(lambda * s.step);
    s.f = (s.lambda_bar - 1.0) / lambda;
    s.lambda_bar_by_lambda = s.step * s.lambda_bar;
    s.lambda_bar_by_step = lambda * s.lambda_bar;
    s.f_by_lambda = (s.step * s.lambda_bar * lambda - (s.lambda_bar - 1.0)) / (lambda * lambda);
    s.f_by_step = s.lambda_bar;
  } else {
    const Complex q = 1.0 - 0.5 * s.step * lambda;
    s.lambda_bar = (1.0 + 0.5 * s.step * lambda) / q;
    s.f = s.step / q;
    s.lambda_bar_by_lambda = s.step / (q * q);
    s.lambda_bar_by_step = lambda / (q * q);
    s.f_by_lambda = s.step * s.step / (2.0 * q * q);
    s.f_by_step = 1.0 / (q * q);
  }
  return s;
}

State state_of(Tape& tape, const Node& node, std::size_t p) {
  return discretize(tape.value(node.inputs[0])[p], tape.value(node.inputs[1])[p], tape.value(node.inputs[2])[p],
                    *static_cast<const DiscretizeOptions*>(node.attributes));
}

/// Adds the gradient of one state's lambda and step to Lambda_re, Lambda_im and log_step.
void add_gradient(Tape& tape, const Node& node, std::size_t p, const State& s, Complex by_lambda, double by_step) {
  if (float* const re = tape.gradient(node.inputs[0]); re != nullptr && !s.clipped) {
    re[p] += static_cast<float>(by_lambda.real());
  }
  if (float* const im = tape.gradient(node.inputs[1])) im[p] += static_cast<float>(by_lambda.imag());
  if (float* const log_step = tape.gradient(node.inputs[2])) log_step[p] += static_cast<float>(s.step * by_step);
}

void backward_lambda(Tape& tape, const Node& node) {
  const std::size_t states = node.cols / 2;
  for (std::size_t p = 0; p < states; ++p) {
    const State s = state_of(tape, node, p);
    const Complex g(node.gradient[p], node.gradient[states + p]);
    add_gradient(tape, node, p, s, g * std::conj(s.lambda_bar_by_lambda), (g * std::conj(s.lambda_bar_by_step)).real());
  }
}

void backward_b(Tape& tape, const Node& node) {
  const std::size_t states = node.rows / 2;
  const std::size_t inputs = node.cols;
  const float* const b = tape.value(node.inputs[3]);
  float* const db = tape.gradient(node.inputs[3]);
  for (std::size_t p = 0; p < states; ++p) {
    const State s = state_of(tape, node, p);
    const std::size_t re = p * inputs;
    const std::size_t im = (states + p) * inputs;
    Complex by_f = 0.0;
    for (std::size_t h = 0; h < inputs; ++h) {
      const Complex g(node.gradient[re + h], node.gradient[im + h]);
      by_f += g * Complex(b[re + h], -b[im + h]);
      if (db != nullptr) {
        const Complex by_b = std::conj(s.f) * g;
        db[re + h] += static_cast<float>(by_b.real());
        db[im + h] += static_cast<float>(by_b.imag());
      }
    }
    add_gradient(tape, node, p, s, by_f * std::conj(s.f_by_lambda), (by_f * std::conj(s.f_by_step)).real());
  }
}

constexpr Op op_lambda{"discretize_lambda", backward_lambda};
constexpr Op op_b{"discretize_b", backward_b};

std::size_t checked_states(const Tape& tape, Value re, Value im, Value log_step) {
  const std::size_t states = tape[re].size();
  require(tape[im].size() == states && tape[log_step].size() == states, "discretize",
          "Lambda_re, Lambda_im and log_step have {}, {} and {} elements, but need the same number", states,
          tape[im].size(), tape[log_step].size());
  return states;
}

}  // namespace

Value discretize_lambda(Tape& tape, Value re, Value im, Value log_step, const DiscretizeOptions& options) {
  const std::size_t states = checked_states(tape, re, im, log_step);
  Node& node = tape.push(op_lambda, {re, im, log_step}, 1, 2 * states);
  node.attributes = tape.keep(options);
  for (std::size_t p = 0; p < states; ++p) {
    const State s = state_of(tape, node, p);
    node.real[p] = static_cast<float>(s.lambda_bar.real());
    node.real[states + p] = static_cast<float>(s.lambda_bar.imag());
  }
  return tape.last();
}

Value discretize_b(Tape& tape, Value re, Value im, Value log_step, Value b, const DiscretizeOptions& options) {
  const std::size_t states = checked_states(tape, re, im, log_step);
  require(tape[b].rows == 2 * states, "discretize", "B has {} rows, but {} states need {}", tape[b].rows, states,
          2 * states);
  Node& node = tape.push(op_b, {re, im, log_step, b}, 2 * states, tape[b].cols);
  node.attributes = tape.keep(options);
  const float* const in = tape.value(b);
  for (std::size_t p = 0; p < states; ++p) {
    const Complex f = state_of(tape, node, p).f;
    const std::size_t real = p * node.cols;
    const std::size_t imaginary = (states + p) * node.cols;
    for (std::size_t h = 0; h < node.cols; ++h) {
      const Complex b_bar = f * Complex(in[real + h], in[imaginary + h]);
      node.real[real + h] = static_cast<float>(b_bar.real());
      node.real[imaginary + h] = static_cast<float>(b_bar.imag());
    }
  }
  return tape.last();
}

}  // namespace bitstate::ops
