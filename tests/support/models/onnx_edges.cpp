#include "tests/support/models/onnx_edges.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <string>
#include <string_view>

namespace bitstate::tests {
namespace {

using program::onnx::Type;
__extension__ using Wide = __int128;
using Numbers = std::vector<long double>;
using Dims = std::vector<std::int64_t>;

constexpr long double unasked = std::numeric_limits<long double>::quiet_NaN();

bool is_real(Type type) { return type == Type::float32 || type == Type::float64; }

/// All whole numbers from -limit to limit are exact.
long double limit_of(Type type) {
  static const std::map<Type, long double> limits{
      {Type::float32, 0x1.0p24L},   {Type::float64, 0x1.0p53L},   {Type::int4, 7}, {Type::int8, 127},
      {Type::int16, 32767},         {Type::int32, 0x1.0p31L - 1}, {onnx_bool, 1},  {Type::int64, 0x1.0p63L - 1},
      {Type::uint64, 0x1.0p64L - 1}};
  return limits.at(type);
}

long double lowest_of(Type type) {
  if (type == Type::uint64 || type == onnx_bool) return 0;
  return is_real(type) || type == Type::int64 ? -limit_of(type) : -limit_of(type) - 1;
}

/// Numbers where words, mantissas and signs end, those of two words whose lower one has its sign bit set or not, and
/// real numbers between two whole ones.
Numbers edges(Type type) {
  Numbers found;
  const auto add = [&](long double v) {
    if (v <= limit_of(type) && v >= lowest_of(type)) found.push_back(v);
  };
  const long double word = 0x1.0p32L;
  const Numbers small{0, 1, 2, 7, 8, 127, 128, 32767, 32768, 0x1.0p24L - 1, 0x1.0p24L, word / 2 - 1};
  const Numbers large{0,
                      1,
                      2,
                      word / 2 - 1,
                      word / 2,
                      word - 1,
                      word,
                      word + 1,
                      5 * word + word / 2 - 1,
                      5 * word + word / 2,
                      0x1.0p53L - 1,
                      0x1.0p53L,
                      0x1.0p53L + 1,
                      0x1.0p62L,
                      0x1.0p63L - 1};
  for (const long double v : limit_of(type) < word ? small : large) {
    add(v);
    if (v > 0) add(-v);
    if (is_real(type) && v < limit_of(type) / 2) add(v + 0.5L), add(-v - 0.5L);
  }
  return found;
}

Numbers where(const Numbers& values, const std::function<bool(long double)>& condition) {
  Numbers found;
  std::copy_if(values.begin(), values.end(), std::back_inserter(found), condition);
  return found;
}

OnnxTensor tensor(Type type, Dims dims, Numbers values) { return {type, std::move(dims), std::move(values)}; }
OnnxTensor row(Type type, Numbers values) {
  const Dims dims{static_cast<std::int64_t>(values.size())};
  return tensor(type, dims, std::move(values));
}
std::int64_t size_of(const Dims& dims) {
  return std::accumulate(dims.begin(), dims.end(), std::int64_t{1}, std::multiplies<>());
}
/// Edges over and over.
OnnxTensor filled(Type type, const Dims& dims) {
  const Numbers values = edges(type);
  OnnxTensor x{type, dims, {}};
  for (std::int64_t i = 0; i < size_of(dims); ++i)
    x.values.push_back(values[static_cast<std::size_t>(i * 7) % values.size()]);
  return x;
}

/// `count` whole numbers of one sign whose sum is `sum`.
Numbers parts(long double sum, std::size_t count) {
  Numbers found(count, std::trunc(sum / static_cast<long double>(count)));
  found.back() = sum - found[0] * static_cast<long double>(count - 1);
  return found;
}

template <class T>
long double real_result(std::string_view op, T a, T b) {
  if (op == "Add") return a + b;
  if (op == "Sub") return a - b;
  if (op == "Mul") return a * b;
  return op == "Min" ? std::min(a, b) : std::max(a, b);
}

long double whole_result(std::string_view op, Type type, long double x, long double y) {
  const auto a = static_cast<Wide>(x);
  const auto b = static_cast<Wide>(y);
  Wide c = 0;
  if (op == "Add") c = a + b;
  if (op == "Sub") c = a - b;
  if (op == "Mul") c = a * b;
  if (op == "Min") c = std::min(a, b);
  if (op == "Max") c = std::max(a, b);
  if (op == "Div") c = a / b;
  if (op == "Mod") c = (a % b + b) % b;
  if (op == "BitShift") c = a >> static_cast<int>(b);
  const bool held = c <= static_cast<Wide>(limit_of(type)) && c >= static_cast<Wide>(lowest_of(type));
  return held ? static_cast<long double>(c) : unasked;
}

long double result_of(const OnnxOperator& o, long double a, long double b) {
  if (o.op == "Equal") return a == b;
  if (o.op == "Greater") return a > b;
  if (o.op == "GreaterOrEqual") return a >= b;
  if (o.op == "LessOrEqual") return a <= b;
  if (o.op == "Less") return a < b;
  const Type type = o.operands[0].type;
  if (type == Type::float32) return real_result(o.op, static_cast<float>(a), static_cast<float>(b));
  if (type == Type::float64) return real_result(o.op, static_cast<double>(a), static_cast<double>(b));
  return whole_result(o.op, type, a, b);
}

/// Every pair, as two columns of numbers and as a column and a row.
std::vector<OnnxEdge> binary(const OnnxOperator& o) {
  const Type type = o.operands[0].type;
  const Numbers as = edges(type);
  Numbers bs = as;
  if (o.op == "Div" || o.op == "Mod") bs = where(as, [](long double v) { return v > 0; });
  if (o.op == "BitShift") bs = {0, 1, 2, 29, 30, 31, 32, 33, 45, 61, 62, 63};
  const auto n = static_cast<std::int64_t>(as.size()), m = static_cast<std::int64_t>(bs.size());
  OnnxTensor a{type, {n * m}, {}}, b = a, c{o.result, {n * m}, {}};
  for (const long double x : as) {
    for (const long double y : bs) {
      a.values.push_back(x);
      b.values.push_back(y);
      c.values.push_back(result_of(o, x, y));
    }
  }
  const OnnxTensor across = tensor(o.result, {n, m}, c.values);
  std::vector<OnnxEdge> found{{{a, b}, c}, {{tensor(type, {n, 1}, as), row(type, bs)}, across}};
  Numbers turned;  // the first number is that of the inner loop
  for (const long double y : bs) {
    for (const long double x : as) turned.push_back(result_of(o, x, y));
  }
  found.push_back({{row(type, as), tensor(type, {m, 1}, bs)}, tensor(o.result, {m, n}, turned)});
  return found;
}

std::vector<OnnxEdge> floored(const OnnxOperator& o) {
  const OnnxTensor x = row(o.operands[0].type, edges(o.operands[0].type));
  OnnxTensor y = x;
  for (long double& v : y.values) v = std::floor(v);
  return {{{x}, y}};
}

std::vector<OnnxEdge> root(const OnnxOperator& o) {
  const OnnxTensor x = row(o.operands[0].type, where(edges(Type::int64), [](long double v) { return v >= 0; }));
  OnnxTensor rounded = x, y{o.result, x.dims, {}};
  for (long double& v : rounded.values) v = static_cast<double>(v);
  for (const long double v : rounded.values) y.values.push_back(std::sqrt(static_cast<double>(v)));
  return {{{rounded}, y}};
}

/// Towards 0, of what the new type holds; a whole number that a real type cannot hold goes to the nearest.
std::vector<OnnxEdge> cast(const OnnxOperator& o) {
  const Type from = o.operands[0].type;
  const Numbers values = where(edges(from == Type::float64 ? Type::int64 : from), [&](long double v) {
    return is_real(o.result) || (v <= limit_of(o.result) && v >= lowest_of(o.result));
  });
  OnnxTensor x = row(from, {}), y = row(o.result, {});
  for (const long double v : values) {
    const long double held = from == Type::float64 ? static_cast<double>(v) : v;
    if (!is_real(o.result) && held > limit_of(o.result)) continue;
    for (const long double part : {0.0L, 0.5L}) {
      if (part > 0 && (!is_real(from) || std::fabs(held) > limit_of(from) / 4 || is_real(o.result))) continue;
      x.values.push_back(held + std::copysign(part, held));
      y.values.push_back(o.result == Type::float32   ? static_cast<float>(held)
                         : o.result == Type::float64 ? static_cast<double>(held)
                                                     : held);
    }
  }
  x.dims = y.dims = {static_cast<std::int64_t>(x.values.size())};
  return {{{x}, y}};
}

std::vector<OnnxEdge> clip(const OnnxOperator& o) {
  const Type type = o.operands[0].type;
  std::vector<OnnxEdge> found;
  for (const long double bound : where(edges(type), [](long double v) { return v > 0; })) {
    const OnnxTensor x = row(type, edges(type));
    OnnxTensor y = x;
    for (long double& v : y.values) v = std::clamp(v, -bound, bound);
    found.push_back({{x, tensor(type, {}, {-bound}), tensor(type, {}, {bound})}, y});
  }
  return found;
}

/// A constant is one number, as models have it.
std::vector<OnnxEdge> choice(const OnnxOperator& o) {
  const Type type = o.operands[1].type;
  const Numbers values = edges(type);
  OnnxTensor condition = row(onnx_bool, {}), y = row(type, {});
  std::vector<OnnxTensor> of{row(type, {}), row(type, {})};
  for (std::size_t i = 0; i < values.size(); ++i) {
    of[0].values.push_back(values[o.operands[1].constant ? 0 : i]);
    of[1].values.push_back(values[o.operands[2].constant ? 1 : values.size() - 1 - i]);
    condition.values.push_back(i % 3 == 0 ? 1 : 0);
    y.values.push_back(of[i % 3 == 0 ? 0 : 1].values[i]);
  }
  condition.dims = of[0].dims = of[1].dims = y.dims = {static_cast<std::int64_t>(values.size())};
  for (std::size_t k = 0; k < 2; ++k) {
    if (o.operands[k + 1].constant) of[k] = tensor(type, {}, {of[k].values[0]});
  }
  return {{{condition, of[0], of[1]}, y}};
}

/// Sums that end at the limit, of 1 to 40 products.
std::vector<OnnxEdge> products(const OnnxOperator& o) {
  const Type type = o.result;
  std::vector<OnnxEdge> found;
  for (const std::int64_t n : {1, 2, 3, 8, 17, 40}) {
    const Numbers weights = parts(limit_of(type) - 1, static_cast<std::size_t>(n));
    OnnxTensor a{type, {2, 3, n}, {}}, b{type, {n, 2}, {}}, y{type, {2, 3, 2}, {}};
    for (const long double w : weights) b.values.insert(b.values.end(), {w, -w});
    for (int r = 0; r < 6; ++r) {
      long double sum = 0;
      for (const long double w : weights) {
        a.values.push_back(r % 3 == 0 || a.values.size() % 5 < 3 ? 1 : (r % 3 == 1 ? -1 : 0));
        sum += a.values.back() * w;
      }
      y.values.insert(y.values.end(), {sum, -sum});
    }
    found.push_back({{a, b}, y});
  }
  return found;
}

std::vector<OnnxEdge> reduced_sum(const OnnxOperator& o) {
  const Type type = o.result;
  const bool keeps = o.integer("keepdims", 1) == 1;
  const auto reduced = [&](const std::vector<std::int64_t>& kept, const Numbers& sums) {
    return tensor(type, keeps ? kept : std::vector<std::int64_t>{1, 2}, sums);
  };
  std::vector<OnnxEdge> found;
  for (const std::int64_t n : {1, 2, 3, 8, 17, 40}) {
    const Numbers up = parts(limit_of(type), static_cast<std::size_t>(n));
    Numbers columns, rows = up;
    for (const long double v : up) {
      columns.insert(columns.end(), {v, -v});
      rows.push_back(-v);
    }
    const Numbers sums{limit_of(type), -limit_of(type)};
    found.push_back({{tensor(type, {1, n, 2}, columns), row(Type::int64, {1})}, reduced({1, 1, 2}, sums)});
    found.push_back({{tensor(type, {1, 2, n}, rows), row(Type::int64, {-1})}, reduced({1, 2, 1}, sums)});
  }
  return found;
}

/// Of equal largest numbers the first.
std::vector<OnnxEdge> largest(const OnnxOperator& o) {
  const OnnxTensor x = filled(o.operands[0].type, {40, 5});
  OnnxTensor y{Type::int64, {40}, {}};
  for (auto r = x.values.begin(); r != x.values.end(); r += 5) y.values.push_back(std::max_element(r, r + 5) - r);
  OnnxTensor ties{x.type, {1, 5}, {1, 3, 3, 0, 3}};
  return {{{x}, y}, {{ties}, row(Type::int64, {1})}};
}

/// The parts of x [3, 5, 4] at places along an axis.
OnnxTensor taken(const OnnxTensor& x, std::int64_t axis, const std::vector<std::int64_t>& places) {
  OnnxTensor y{x.type, x.dims, {}};
  const auto at = static_cast<std::size_t>(axis);
  y.dims[at] = static_cast<std::int64_t>(places.size());
  for (std::int64_t i = 0; i < size_of(y.dims); ++i) {
    std::vector<std::int64_t> place{i / (y.dims[1] * y.dims[2]), i / y.dims[2] % y.dims[1], i % y.dims[2]};
    place[at] = places[static_cast<std::size_t>(place[at])];
    y.values.push_back(x.values[static_cast<std::size_t>((place[0] * x.dims[1] + place[1]) * x.dims[2] + place[2])]);
  }
  return y;
}

std::vector<OnnxEdge> gathered(const OnnxOperator& o) {
  const OnnxTensor x = filled(o.result, {3, 5, 4});
  const std::int64_t axis = o.integer("axis", 0);
  return {{{x, row(Type::int64, {1, 0, -1})}, taken(x, axis, {1, 0, x.dims[static_cast<std::size_t>(axis)] - 1})}};
}

std::vector<OnnxEdge> concatenated(const OnnxOperator& o) {
  const std::int64_t axis = o.integer("axis", 0);
  const OnnxTensor all = filled(o.result, {6, 6, 6});
  std::vector<OnnxTensor> inputs;
  std::vector<std::int64_t> places;
  for (std::int64_t i = 0; i < std::ssize(o.operands); ++i) {
    inputs.push_back(taken(all, axis, {2 * i, 2 * i + 1}));
    places.insert(places.end(), {2 * i, 2 * i + 1});
  }
  return {{inputs, taken(all, axis, places)}};
}

std::vector<OnnxEdge> sliced(const OnnxOperator& o) {
  const OnnxTensor x = filled(o.result, {3, 5, 4});
  return {{{x, row(Type::int64, {0}), row(Type::int64, {3}), row(Type::int64, {1})}, taken(x, 1, {0, 1, 2})}};
}

std::vector<OnnxEdge> padded(const OnnxOperator& o) {
  OnnxTensor whole = filled(o.result, {3, 5, 4});
  const long double value = edges(o.result).back();
  for (std::size_t i = 0; i < whole.values.size(); ++i) {
    if (i / 4 % 5 > 2) whole.values[i] = value;
  }
  const OnnxTensor x = taken(whole, 1, {0, 1, 2});
  return {{{x, row(Type::int64, {0, 0, 0, 0, 2, 0}), tensor(o.result, {}, {value})}, whole}};
}

std::vector<OnnxEdge> reshaped(const OnnxOperator& o) {
  const OnnxTensor x = filled(o.result, {3, 5, 4});
  return {{{x, row(Type::int64, {0, 0, 2, 2})}, tensor(o.result, {3, 5, 2, 2}, x.values)}};
}

std::vector<OnnxEdge> squeezed(const OnnxOperator& o) {
  const OnnxTensor x = filled(o.result, {3, 1, 4});
  return {{{x, row(Type::int64, {1})}, tensor(o.result, {3, 4}, x.values)}};
}

std::vector<OnnxEdge> expanded(const OnnxOperator& o) {
  std::vector<OnnxEdge> found;
  for (const long double v : edges(o.result)) {
    found.push_back({{tensor(o.result, {}, {v}), row(Type::int64, {2, 3})}, tensor(o.result, {2, 3}, Numbers(6, v))});
  }
  return found;
}

std::vector<OnnxEdge> shape(const OnnxOperator& o) {
  const OnnxTensor x = filled(o.operands[0].type, {3, 5, 4});
  const auto first = x.dims.begin() + o.integer("start", 0), last = x.dims.begin() + o.integer("end", 3);
  return {{{x}, row(Type::int64, Numbers(first, last))}};
}

std::vector<OnnxEdge> dequantized(const OnnxOperator& o) {
  const OnnxTensor x = row(o.operands[0].type, edges(o.operands[0].type));
  return {{{x, tensor(Type::float32, {}, {1})}, row(Type::float32, x.values)}};
}

/// The body that the test gives it adds the input to each state: sums that end at the limit.
std::vector<OnnxEdge> scanned(const OnnxOperator& o) {
  constexpr std::int64_t steps = 7;
  const bool backward = o.integer("scan_input_directions", 0) == 1;
  OnnxTensor u{o.result, {1, steps, 2}, {}}, y = u;
  for (const long double v : parts(limit_of(o.result), steps)) u.values.insert(u.values.end(), {v, -v});
  y.values.resize(u.values.size());
  std::vector<long double> sums(2, 0);
  for (std::int64_t k = 0; k < steps; ++k) {
    const auto at = static_cast<std::size_t>(2 * (backward ? steps - 1 - k : k));
    for (std::size_t i = 0; i < 2; ++i) y.values[at + i] = sums[i] += u.values[at + i];
  }
  const std::size_t states = o.operands.size() - static_cast<std::size_t>(o.integer("num_scan_inputs", 1));
  std::vector<OnnxTensor> inputs(states, tensor(o.result, {1, 2}, {0, 0}));
  for (std::size_t i = states; i + 1 < o.operands.size(); ++i) {  // of which nothing is made
    inputs.push_back({o.operands[i].type, u.dims, std::vector<long double>(u.values.size(), 1)});
  }
  inputs.push_back(u);
  return {{inputs, y}};
}

}  // namespace

std::vector<OnnxEdge> edges_of(const OnnxOperator& o) {
  static const std::map<std::string_view, std::vector<OnnxEdge> (*)(const OnnxOperator&)> makers{
      {"Add", binary},      {"Sub", binary},         {"Mul", binary},
      {"Div", binary},      {"Mod", binary},         {"Min", binary},
      {"Max", binary},      {"BitShift", binary},    {"Equal", binary},
      {"Greater", binary},  {"Less", binary},        {"GreaterOrEqual", binary},
      {"Floor", floored},   {"LessOrEqual", binary}, {"Sqrt", root},
      {"Cast", cast},       {"Clip", clip},          {"Where", choice},
      {"MatMul", products}, {"ArgMax", largest},     {"ReduceSum", reduced_sum},
      {"Gather", gathered}, {"Slice", sliced},       {"Concat", concatenated},
      {"Pad", padded},      {"Reshape", reshaped},   {"Squeeze", squeezed},
      {"Expand", expanded}, {"Shape", shape},        {"DequantizeLinear", dequantized},
      {"Scan", scanned},
  };
  const auto maker = makers.find(o.op);
  return maker == makers.end() ? std::vector<OnnxEdge>{} : maker->second(o);
}

}  // namespace bitstate::tests
