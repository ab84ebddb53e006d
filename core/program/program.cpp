#include "core/program/program.h"

#include "core/error.h"
#include "core/io/sha256.h"
#include "core/kernels/quantize.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace bitstate::program {

std::int32_t padding_code(const Input& input) { return input.one_bit ? 1 : 0; }

bool can_stream(const Program& program) {
  return std::none_of(program.instructions.begin(), program.instructions.end(),
                      [](const Instruction& i) { return order_of(i) == Order::backward; });
}

std::string architecture_digest(const Program& program) {
  std::string text = fmt::format("{} {} {}\n", program.input.cols, program.input.tokens, program.output.classes);
  for (const Instruction& i : program.instructions) {
    const std::string shape = std::visit([](const auto& in) { return in.shape(); }, i);
    text += fmt::format("{} {}{}{}\n", name_of(i), fmt::join(operands_of(i), " "), shape.empty() ? "" : " ", shape);
  }
  return sha256_hex(text);
}

void encode_input(const Program& program, std::span<const float> x, std::span<std::int32_t> codes) {
  const auto finite = [](float v) { return std::isfinite(v); };
  require(codes.size() == x.size(), "program", "{} inputs do not fit an array of {} codes", x.size(), codes.size());
  require(std::all_of(x.begin(), x.end(), finite), "program", "the input holds a NaN or an infinity");
  const kernels::Grids grids{kernels::ScaleLayout::per_tensor, {&program.input.grid, 1}, program.input.one_bit};
  kernels::quantize(1, x.size(), x.data(), grids, {{codes.data(), Width::four, x.size()}});
}

}  // namespace bitstate::program
