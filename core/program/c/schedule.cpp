#include "core/program/c/schedule.h"

#include <algorithm>
#include <type_traits>

namespace bitstate::program {

std::vector<Ref> operands_of(const Instruction& instruction) {
  return std::visit(
      [](const auto& i) -> std::vector<Ref> {
        using I = std::decay_t<decltype(i)>;
        if constexpr (std::is_same_v<I, Product> || std::is_same_v<I, Sum> || std::is_same_v<I, Concatenate>) {
          return {i.a, i.b};
        } else {
          return {i.x};
        }
      },
      instruction);
}

bool is_pool(const Instruction& i) { return std::holds_alternative<MeanPool>(i) || std::holds_alternative<Last>(i); }

CSchedule schedule_of(const Program& program, const std::vector<ValueInfo>& infos, std::size_t max_steps) {
  CSchedule schedule;
  schedule.streams = can_stream(program);
  schedule.max_steps = std::max<std::size_t>(max_steps, program.padded_length);
  schedule.pass.assign(infos.size(), 0);
  schedule.stored.assign(infos.size(), false);
  for (std::size_t i = 1; i < infos.size(); ++i) {
    const Instruction& instruction = program.instructions[i - 1];
    if (!infos[i].per_step && !is_pool(instruction)) continue;
    std::size_t& pass = schedule.pass[i];
    for (const Ref x : operands_of(instruction)) pass = std::max(pass, schedule.pass[x]);
    if (const Scan* const scan = std::get_if<Scan>(&instruction)) pass += (pass % 2 == 1) != scan->backward ? 1 : 0;
    for (const Ref x : operands_of(instruction)) {
      if (schedule.pass[x] < pass) schedule.stored[x] = true;
    }
    schedule.passes = std::max(schedule.passes, pass + 1);
  }
  for (std::size_t i = 1; i < infos.size(); ++i) {
    if (!infos[i].per_step && !is_pool(program.instructions[i - 1])) schedule.pass[i] = schedule.passes;
  }
  return schedule;
}

}  // namespace bitstate::program
