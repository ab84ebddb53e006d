#include "core/program/onnx/builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <utility>

namespace bitstate::program::onnx {
namespace {

static_assert(std::endian::native == std::endian::little, "raw_data is little-endian");

template <class Element, class T>
std::string packed_as(const std::vector<T>& values) {
  std::vector<Element> elements(values.size());
  std::transform(values.begin(), values.end(), elements.begin(), [](T v) { return static_cast<Element>(v); });
  return {reinterpret_cast<const char*>(elements.data()), elements.size() * sizeof(Element)};
}

template <class T>
std::string packed_nibbles(const std::vector<T>& values) {
  std::string raw((values.size() + 1) / 2, '\0');
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto nibble = static_cast<unsigned>(static_cast<int>(values[i])) & 15U;
    raw[i / 2] = static_cast<char>(static_cast<unsigned char>(raw[i / 2]) | nibble << (i % 2 == 0 ? 0U : 4U));
  }
  return raw;
}

template <class T>
std::string packed(Type type, const std::vector<T>& values) {
  switch (type) {
    case Type::float32:
      return packed_as<float>(values);
    case Type::int8:
      return packed_as<std::int8_t>(values);
    case Type::int16:
      return packed_as<std::int16_t>(values);
    case Type::int32:
      return packed_as<std::int32_t>(values);
    case Type::int64:
      return packed_as<std::int64_t>(values);
    case Type::uint64:
      return packed_as<std::uint64_t>(values);
    case Type::int4:
      return packed_nibbles(values);
    case Type::float64:
      break;
  }
  return packed_as<double>(values);
}

}  // namespace

void Builder::begin(std::string scope) {
  scope_ = std::move(scope);
  next_ = 0;
}

std::string Builder::name(const std::string& what) { return fmt::format("{}/{}_{}", scope_, what, next_++); }

std::string Builder::node(std::string op, std::vector<std::string> inputs, std::vector<Attribute> attributes) {
  std::string output = name(op);
  output_node(std::move(op), std::move(inputs), output, std::move(attributes));
  return output;
}

std::string Builder::scan(std::vector<std::string> inputs, std::size_t scanned, std::vector<Attribute> attributes) {
  std::vector<std::string> outputs;
  for (std::size_t state = scanned; state < inputs.size(); ++state) outputs.push_back(name("last"));
  attributes.push_back({"num_scan_inputs", static_cast<std::int64_t>(scanned)});
  outputs.push_back(name("Scan"));
  graph.nodes.push_back({"Scan", std::move(inputs), outputs, std::move(attributes)});
  return outputs.back();
}

void Builder::output_node(std::string op, std::vector<std::string> inputs, std::string output,
                          std::vector<Attribute> attributes) {
  graph.nodes.push_back({std::move(op), std::move(inputs), {std::move(output)}, std::move(attributes)});
}

template <class T>
std::string Builder::constant(Type type, const std::vector<T>& values, std::vector<std::int64_t> dims) {
  graph.initializers.push_back({name("constant"), type, std::move(dims), packed(type, values)});
  return graph.initializers.back().name;
}

template <class T>
std::string Builder::constant(Type type, const std::vector<T>& values) {
  return constant(type, values,
                  values.size() == 1 ? std::vector<std::int64_t>{}
                                     : std::vector<std::int64_t>{static_cast<std::int64_t>(values.size())});
}

template std::string Builder::constant(Type, const std::vector<double>&, std::vector<std::int64_t>);
template std::string Builder::constant(Type, const std::vector<double>&);
template std::string Builder::constant(Type, const std::vector<std::int64_t>&, std::vector<std::int64_t>);
template std::string Builder::constant(Type, const std::vector<std::int64_t>&);
template std::string Builder::constant(Type, const std::vector<std::int32_t>&, std::vector<std::int64_t>);
template std::string Builder::constant(Type, const std::vector<std::int32_t>&);

std::string Builder::cast(const std::string& x, Type type) {
  return node("Cast", {x}, {{"to", static_cast<std::int64_t>(type)}});
}

std::string Builder::floor_divide(const std::string& a, const std::string& b) {
  // Mod has the sign of b, so what Div gets is a multiple of b
  return node("Div", {node("Sub", {a, node("Mod", {a, b})}), b});
}

std::string Builder::clamp(const std::string& x, std::int64_t lo, std::int64_t hi, Type type) {
  const std::string low = constant(type, std::vector{lo});
  const std::string high = constant(type, std::vector{hi});
  if (type != Type::int64) return node("Clip", {x, low, high});
  // Clip, Min, Max and Sign of int64 are wrong on x86-64 (microsoft/onnxruntime#25280); comparisons are right
  const std::string below = node("Where", {node("Less", {x, high}), x, high});
  return node("Where", {node("Greater", {below, low}), below, low});
}

std::string Builder::clamp(const std::string& x, std::span<const std::int32_t> lo, std::span<const std::int32_t> hi) {
  if (lo.size() == 1 && hi.size() == 1) return clamp(x, lo[0], hi[0], Type::float64);
  const std::string low = constant(Type::float64, std::vector<std::int32_t>(lo.begin(), lo.end()));
  const std::string high = constant(Type::float64, std::vector<std::int32_t>(hi.begin(), hi.end()));
  return node("Min", {node("Max", {x, low}), high});
}

std::string Builder::shift_right(const std::string& lifted, const std::string& shift, const std::string& offset) {
  // BitShift knows no sign
  const std::string shifted = node("BitShift", {cast(lifted, Type::uint64), shift}, {{"direction", "RIGHT"}});
  return node("Sub", {cast(shifted, Type::int64), offset});
}

bool fits(std::span<const FixedPoint> factors, std::int64_t magnitude, int bits) {
  return std::all_of(factors.begin(), factors.end(), [&](const FixedPoint& f) {
    const double product = static_cast<double>(magnitude) * static_cast<double>(std::abs(f.multiplier));
    return product + std::ldexp(1.0, static_cast<int>(f.shift - 1)) < std::ldexp(1.0, bits);
  });
}

std::string Builder::rescale_reals(const std::string& x, std::span<const FixedPoint> factors) {
  std::vector<double> reals;
  for (const FixedPoint& f : factors) {
    reals.push_back(std::ldexp(static_cast<double>(f.multiplier), -static_cast<int>(f.shift)));
  }
  const std::string product = node("Mul", {x, constant(Type::float64, reals)});
  return node("Floor", {node("Add", {product, constant(Type::float64, std::vector{0.5})})});
}

std::string Builder::rescale(const std::string& x, std::span<const FixedPoint> factors, Type type,
                             std::int64_t magnitude) {
  if (type == Type::float64) return rescale_reals(x, factors);
  const bool shifts = fits(factors, magnitude, lift_bits);
  std::vector<std::int64_t> multiplier, added, divisor, shift, offset;
  for (const FixedPoint& f : factors) {
    multiplier.push_back(f.multiplier);
    added.push_back((std::int64_t{1} << (f.shift - 1)) + (shifts ? lift : 0));
    divisor.push_back(std::int64_t{1} << f.shift);
    shift.push_back(f.shift);
    offset.push_back(lift >> f.shift);
  }
  const std::string product = node("Mul", {x, constant(type, multiplier)});
  const std::string sum = node("Add", {product, constant(type, added)});
  if (!shifts) return floor_divide(sum, constant(type, divisor));
  return shift_right(sum, constant(Type::uint64, shift), constant(type, offset));
}

std::string Builder::rescale_codes(const std::string& x, std::span<const FixedPoint> factors, std::int64_t magnitude) {
  if (fits_double(factors, magnitude)) return rescale(x, factors, Type::float64, magnitude);
  return cast(rescale(cast(x, Type::int64), factors, Type::int64, magnitude), Type::float64);
}

}  // namespace bitstate::program::onnx
