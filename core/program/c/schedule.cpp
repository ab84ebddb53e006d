#include "core/program/c/schedule.h"

#include <algorithm>

namespace bitstate::program {

CSchedule schedule_of(const Program& program, const std::vector<ValueInfo>& infos, std::size_t max_steps) {
  CSchedule schedule;
  schedule.streams = can_stream(program);
  schedule.max_steps = std::max<std::size_t>(max_steps, program.padded_length);
  schedule.pass.assign(infos.size(), 0);
  schedule.stored.assign(infos.size(), false);
  for (std::size_t i = 1; i < infos.size(); ++i) {
    const Instruction& instruction = program.instructions[i - 1];
    if (!infos[i].per_step && !is_pool(traits_of(instruction))) continue;
    std::size_t& pass = schedule.pass[i];
    const std::vector<Ref> operands = operands_of(instruction);
    for (const Ref x : operands) pass = std::max(pass, schedule.pass[x]);
    const Order order = order_of(instruction);
    if (order != Order::any && (pass % 2 == 1) != (order == Order::backward)) ++pass;
    for (const Ref x : operands) {
      if (schedule.pass[x] < pass) schedule.stored[x] = true;
    }
    schedule.passes = std::max(schedule.passes, pass + 1);
  }
  for (std::size_t i = 1; i < infos.size(); ++i) {
    if (!infos[i].per_step && !is_pool(traits_of(program.instructions[i - 1]))) schedule.pass[i] = schedule.passes;
  }
  return schedule;
}

}  // namespace bitstate::program
