#include "tests/support/plain_program.h"

#include "core/kernels/hadamard.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace bitstate::tests {
namespace {

using Rows = std::vector<std::vector<std::int64_t>>;

template <class T>
const T& pick(const std::vector<T>& of_columns, std::size_t c) {
  return of_columns[of_columns.size() == 1 ? 0 : c];
}

/// Largest integer whose square is at most v, bit by bit.
std::int64_t root(std::int64_t v) {
  std::int64_t r = 0;
  for (std::int64_t bit = std::int64_t{1} << 31; bit > 0; bit /= 2) {
    if ((r + bit) <= v / (r + bit)) r += bit;
  }
  return r;
}

std::int64_t floor_quotient(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

/// 2^-(q 2^-16) at the scale 2^-15 (docs/numerics.md, section 10).
std::int64_t decay_of(std::int64_t q) {
  const auto entry = [](double exponent) { return static_cast<std::int64_t>(std::exp2(exponent) + 0.5); };
  const std::int64_t high = entry(31.0 - static_cast<double>(q / 256 % 256) / 256.0);
  const std::int64_t low = entry(31.0 - static_cast<double>(q % 256) / 65536.0);
  const std::int64_t mantissa = (high * low + (std::int64_t{1} << 30)) / (std::int64_t{1} << 31);
  const std::int64_t whole = std::min<std::int64_t>(q / 65536, 40);
  const std::int64_t power = std::int64_t{1} << (16 + whole);
  return std::min<std::int64_t>((mantissa + power / 2) / power, 32767);
}

/// The value of one instruction.
struct Interpreter {
  const std::vector<Rows>& values;
  Halves halves;

  [[nodiscard]] std::int64_t rescaled(std::int64_t a, FixedPoint f) const {
    return halves == Halves::up ? rescale(a, f) : -rescale(-a, f);
  }

  /// f(row, column) for rows as those of value x.
  template <class F>
  Rows rows_like(program::Ref x, std::size_t cols, F f) const {
    Rows y(values[x].size(), std::vector<std::int64_t>(cols));
    for (std::size_t r = 0; r < y.size(); ++r) {
      for (std::size_t c = 0; c < cols; ++c) y[r][c] = f(r, c);
    }
    return y;
  }
  [[nodiscard]] std::size_t cols(program::Ref x) const { return values[x][0].size(); }
  /// f(code, column)
  template <class F>
  Rows each(program::Ref x, F f) const {
    return rows_like(x, cols(x), [&](std::size_t r, std::size_t c) { return f(values[x][r][c], c); });
  }

  Rows operator()(const program::Linear& i) const {
    return rows_like(i.x, i.weight.rows, [&](std::size_t r, std::size_t o) {
      std::int64_t sum = i.bias[o];
      for (std::size_t c = 0; c < i.weight.cols; ++c) sum += i.weight.codes[o * i.weight.cols + c] * values[i.x][r][c];
      return sum;
    });
  }
  Rows operator()(const program::Rescale& i) const {
    return each(i.x, [&](std::int64_t x, std::size_t c) {
      return std::clamp<std::int64_t>(rescaled(x, pick(i.factor, c)), pick(i.lo, c), pick(i.hi, c));
    });
  }
  Rows operator()(const program::Sign& i) const {
    return each(i.x, [](std::int64_t x, std::size_t) -> std::int64_t { return x >= 0 ? 1 : -1; });
  }
  Rows operator()(const program::Product& i) const {
    return rows_like(i.a, cols(i.a),
                     [&](std::size_t r, std::size_t c) { return values[i.a][r][c] * values[i.b][r][c]; });
  }
  Rows operator()(const program::Scale& i) const {
    return each(i.x, [&](std::int64_t x, std::size_t c) { return x * i.row[c]; });
  }
  Rows operator()(const program::Sum& i) const {
    return rows_like(i.a, cols(i.a), [&](std::size_t r, std::size_t c) {
      return rescaled(values[i.a][r][c], pick(i.a_factor, c)) + rescaled(values[i.b][r][c], pick(i.b_factor, c));
    });
  }
  Rows operator()(const program::AddRow& i) const {
    return each(i.x, [&](std::int64_t x, std::size_t c) { return rescaled(x, pick(i.factor, c)) + i.row[c]; });
  }
  Rows operator()(const program::LayerNorm& i) const {
    const auto count = static_cast<std::int64_t>(cols(i.x));
    std::vector<std::int64_t> sum, rho, shift;
    for (const auto& row : values[i.x]) {
      std::int64_t s = 0, w = i.epsilon, t = 0;
      for (const std::int64_t x : row) s += x;
      for (const std::int64_t x : row) w += (count * x - s) * (count * x - s);
      while (t < 30 && w >> (2 * t + 2) != 0) ++t;
      sum.push_back(s);
      rho.push_back((std::int64_t{1} << 60) / root(w << (2 * (30 - t))));
      shift.push_back(30 + t - i.fraction);
    }
    return rows_like(i.x, cols(i.x), [&](std::size_t r, std::size_t c) {
      const std::int64_t d = count * values[i.x][r][c] - sum[r];
      return rescaled(d, {rho[r], shift[r]}) * i.scale[c] + i.bias[c];
    });
  }
  Rows operator()(const program::RmsNorm& i) const {
    const std::size_t width = cols(i.x) / i.groups;
    return rows_like(i.x, cols(i.x), [&](std::size_t r, std::size_t c) {
      std::int64_t w = i.epsilon, t = 0;
      for (std::size_t k = c / width * width; k < (c / width + 1) * width; ++k)
        w += values[i.x][r][k] * values[i.x][r][k];
      while (t < 30 && w >> (2 * t + 2) != 0) ++t;
      const std::int64_t rho = (std::int64_t{1} << 60) / root(w << (2 * (30 - t)));
      return rescaled(values[i.x][r][c], {rho, 30 + t - i.fraction}) * i.scale[c];
    });
  }
  Rows operator()(const program::Conv& i) const {
    const auto count = static_cast<std::int64_t>(values[i.x].size());
    const auto taps = static_cast<std::int64_t>(i.weight.cols);
    return rows_like(i.x, cols(i.x), [&](std::size_t r, std::size_t c) {
      std::int64_t sum = i.bias[c];
      for (std::int64_t k = 0; k < taps; ++k) {
        const std::int64_t back = taps - 1 - k;
        const std::int64_t from = static_cast<std::int64_t>(r) + (i.backward ? back : -back);
        if (from < 0 || from >= count) continue;
        sum += i.weight.codes[c * i.weight.cols + static_cast<std::size_t>(k)] * values[i.x][from][c];
      }
      return sum;
    });
  }
  Rows operator()(const program::Rotate& i) const {
    const Hadamard hadamard(cols(i.x), "test");
    return rows_like(i.x, cols(i.x), [&](std::size_t r, std::size_t c) {
      std::int64_t sum = 0;
      for (std::size_t k = 0; k < cols(i.x); ++k) sum += hadamard.entry(c, k) * values[i.x][r][k];
      return sum;
    });
  }
  Rows operator()(const program::Table& i) const {
    return each(i.x, [&](std::int64_t x, std::size_t c) -> std::int64_t {
      std::size_t row = i.entries.rows == 1 ? 0 : c;
      if (!i.of_column.empty()) row = static_cast<std::size_t>(i.of_column[c]);
      return i.entries.codes[row * i.entries.cols + static_cast<std::size_t>(x - i.first)];
    });
  }
  Rows operator()(const program::Embedding& i) const {
    return rows_like(i.x, i.table.cols, [&](std::size_t r, std::size_t c) -> std::int64_t {
      return i.table.codes[static_cast<std::size_t>(values[i.x][r][0]) * i.table.cols + c];
    });
  }
  Rows operator()(const program::Scan& i) const {
    const Rows& b = values[i.x];
    const std::size_t width = cols(i.x);
    const std::size_t states = width / 2;
    Rows y(b.size(), std::vector<std::int64_t>(width));
    std::vector<std::int64_t> x(width, 0), e(width, 0);
    const std::int64_t power = i.shift < 0 ? 0 : std::int64_t{1} << i.shift;
    const auto scaled = [&](std::int64_t z) {  // by the scale of lambda, rounded
      return i.shift < 0 ? rescaled(z, i.to_state) : floor_quotient(z + power / 2, power);
    };
    for (std::size_t l = 0; l < b.size(); ++l) {
      const std::size_t row = i.backward ? b.size() - 1 - l : l;
      const std::vector<std::int64_t> before = x, left = e;
      for (std::size_t c = 0; c < width; ++c) {
        const bool real = c < states;
        const std::size_t p = real ? c : c - states;
        const auto times_lambda = [&](const std::vector<std::int64_t>& v) {
          return real ? i.lambda[p] * v[p] - i.lambda[states + p] * v[states + p]
                      : i.lambda[p] * v[c] + i.lambda[c] * v[p];
        };
        const std::int64_t carried = i.residue == Residue::decayed ? scaled(times_lambda(left)) : left[c];
        const std::int64_t z =
            times_lambda(before) + carried + std::clamp(rescaled(b[row][c], i.from_input[c]), -i.limit, i.limit);
        const std::int64_t rounded = scaled(z);
        x[c] = std::clamp<std::int64_t>(rounded, -i.bound, i.bound);
        const std::int64_t back = i.shift < 0 ? rescaled(x[c], i.to_inner) : x[c] * power;
        e[c] = i.residue != Residue::none && x[c] == rounded ? z - back : 0;
      }
      y[row] = x;
    }
    return y;
  }
  Rows operator()(const program::ScanShear& i) const {
    const Rows& b = values[i.x];
    const std::size_t states = cols(i.x) / 2;
    Rows y(b.size(), std::vector<std::int64_t>(2 * states));
    std::vector<std::int64_t> x(2 * states, 0), e(2 * states, 0);
    const auto power = [](std::int32_t k) { return std::int64_t{1} << (15 - k); };
    for (std::size_t l = 0; l < b.size(); ++l) {
      const std::size_t row = i.backward ? b.size() - 1 - l : l;
      const auto next = [&](std::size_t c, std::int64_t products) {
        const std::int64_t z = products + std::clamp(rescaled(b[row][c], i.from_input[c]), -i.limit, i.limit) + e[c];
        const std::int64_t rounded = floor_quotient(z + 16384, 32768);
        x[c] = std::clamp<std::int64_t>(rounded, -i.bound, i.bound);
        e[c] = i.feedback && x[c] == rounded ? z - 32768 * x[c] : 0;
      };
      for (std::size_t p = 0; p < states; ++p) {
        const std::size_t q = states + p;
        const auto left = [&](std::int64_t v) { return 32768 * v - i.decay[p] * v * power(i.decay_shift[p]); };
        const std::int64_t before = i.sign[p] * left(x[q]);
        next(p, i.sign[p] * (left(x[p]) - i.step[p] * x[q] * power(i.step_shift[p])));
        next(q, before + i.step[p] * x[p] * power(i.step_shift[p]));
      }
      y[row] = x;
    }
    return y;
  }
  Rows operator()(const program::SelectiveScan& i) const {
    const Rows& u = values[i.u];
    const std::size_t width = cols(i.u);
    Rows y(u.size(), std::vector<std::int64_t>(width, 0));
    for (std::size_t e = 0; e < width; ++e) {
      const std::size_t head = e * i.rate.rows / width;
      const std::size_t group = e * i.groups / width;
      for (std::size_t n = 0; n < i.states; ++n) {
        std::int64_t h = 0, residue = 0;
        const std::int64_t rate = i.rate.codes[head * i.rate.cols + (i.rate.cols == 1 ? 0 : n)];
        for (std::size_t l = 0; l < u.size(); ++l) {
          const std::size_t row = i.backward ? u.size() - 1 - l : l;
          const std::int64_t delta = i.delta[static_cast<std::size_t>(values[i.dt][row][head] - i.first)];
          const std::int64_t power = std::int64_t{1} << i.fraction;
          const std::int64_t decay = decay_of(floor_quotient(delta * rate + power / 2, power));
          const std::int64_t v =
              std::clamp<std::int64_t>(rescaled(delta * u[row][e], pick(i.to_input, e)), -i.input_bound, i.input_bound);
          const std::int64_t b = values[i.b][row][group * i.states + n];
          const std::int64_t w = std::clamp<std::int64_t>(rescaled(v * b, pick(i.to_inner, e)), -i.limit, i.limit);
          const std::int64_t carried =
              i.residue == Residue::decayed ? floor_quotient(decay * residue + 16384, 32768) : residue;
          const std::int64_t z = decay * h + w + carried;
          const std::int64_t rounded = floor_quotient(z + 16384, 32768);
          h = std::clamp<std::int64_t>(rounded, -i.bound, i.bound);
          residue = i.residue != Residue::none && h == rounded ? z - 32768 * h : 0;
          y[row][e] += values[i.c][row][group * i.states + n] * h;
        }
      }
    }
    return y;
  }
  Rows operator()(const program::MeanPool& i) const {
    const auto n = static_cast<std::int64_t>(values[i.x].size());
    Rows y(1, std::vector<std::int64_t>(cols(i.x), 0));
    for (const auto& row : values[i.x]) {
      for (std::size_t c = 0; c < row.size(); ++c) y[0][c] += row[c];
    }
    for (std::int64_t& v : y[0]) v = floor_quotient((std::int64_t{2} << i.fraction) * v + n, 2 * n);
    return y;
  }
  Rows operator()(const program::Last& i) const { return {values[i.x].back()}; }
  Rows operator()(const program::Concatenate& i) const {
    Rows y = values[i.a];
    for (std::size_t r = 0; r < y.size(); ++r) y[r].insert(y[r].end(), values[i.b][r].begin(), values[i.b][r].end());
    return y;
  }
};

}  // namespace

std::vector<std::int32_t> plain_run(const program::Program& program, std::span<const std::int32_t> input,
                                    Halves halves) {
  const std::size_t cols = program.input.cols;
  std::vector<Rows> values(1);
  for (std::size_t i = 0; i < input.size(); i += cols)
    values[0].emplace_back(input.begin() + i, input.begin() + i + cols);
  for (const program::Instruction& instruction : program.instructions) {
    Rows y = std::visit(Interpreter{values, halves}, instruction);
    values.push_back(std::move(y));
  }
  std::vector<std::int32_t> codes;
  for (const auto& row : values.back()) {
    for (const std::int64_t v : row) codes.push_back(static_cast<std::int32_t>(v));
  }
  return codes;
}

}  // namespace bitstate::tests
