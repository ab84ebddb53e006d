#include "core/tuning/find_layer.h"

#include "core/error.h"

#include <algorithm>
#include <vector>

namespace bitstate::program {
namespace {

const Instruction& numbered(const Program& program, std::size_t number) { return program.instructions[number - 1]; }

/// The pool behind which, and at most one rounding, the head stands.
std::size_t pool_before(const Program& program, const TrainableHead& head) {
  std::size_t number = head.x;
  if (const auto* rounding = std::get_if<Rescale>(&numbered(program, number))) number = rounding->x;
  require<UsageError>(number > 0, "trainable", "the head reads the input itself");
  const Instruction& pool = numbered(program, number);
  require<UsageError>(
      std::holds_alternative<MeanPool>(pool) || std::holds_alternative<Last>(pool), "trainable",
      "expected a mean pool or the last step before the head, found {}; without it only the head can be "
      "trained",
      name_of(pool));
  return number;
}

std::size_t scan_before(const Program& program, std::size_t pool) {
  for (std::size_t number = pool; number-- > 1;) {
    const Instruction& i = numbered(program, number);
    if (std::holds_alternative<Scan>(i) || std::holds_alternative<ScanShear>(i)) return number;
    require<UsageError>(order_of(i) == Order::any, "trainable",
                        "expected a layer of S5 on top, found {}: only the head of such a model can be trained",
                        name_of(i));
  }
  fail<UsageError>("trainable", "expected a layer of S5 on top, found no recurrence");
}

/// The last value before the recurrence on which everything up to the pool rests.
Ref entry_before(const Program& program, std::size_t scan, std::size_t pool) {
  auto entry = static_cast<Ref>(scan - 1);
  for (bool found = false; !found && entry > 0;) {
    found = true;
    for (std::size_t number = entry + 1; number < pool; ++number) {
      for (const Ref x : operands_of(numbered(program, number))) {
        if (x >= entry) continue;
        entry = x;
        found = false;
      }
    }
  }
  require<UsageError>(entry > 0, "trainable", "the top layer reads the input itself");
  for (std::size_t number = entry + 1; number < scan; ++number) {
    const Instruction& i = numbered(program, number);
    require<UsageError>(order_of(i) == Order::any, "trainable",
                        "the top layer reads what comes before the {} of the layer below, not its result alone",
                        name_of(i));
  }
  return entry;
}

}  // namespace

FoundLayer find_layer(const Program& program, const TrainableHead& head) {
  require<UsageError>(can_stream(program), "trainable",
                      "this model reads sequences from both ends: only its head can be trained");
  FoundLayer found;
  found.pool = pool_before(program, head);
  found.scan = scan_before(program, found.pool);
  found.entry = entry_before(program, found.scan, found.pool);
  found.trained.assign(found.pool, false);
  const Ref last = operands_of(numbered(program, found.pool))[0];
  for (std::size_t number = found.scan + 1; number <= last; ++number) {
    const Instruction& i = numbered(program, number);
    const std::vector<Ref> operands = operands_of(i);
    found.trained[number] =
        std::holds_alternative<Linear>(i) || std::holds_alternative<Scale>(i) ||
        std::any_of(operands.begin(), operands.end(), [&](Ref x) { return bool{found.trained[x]}; });
  }
  require<UsageError>(found.trained[last], "trainable", "nothing between the recurrence and the pool can be trained");
  return found;
}

}  // namespace bitstate::program
