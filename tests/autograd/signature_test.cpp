// The signature of the arithmetic: its value, what it does not depend on, and what it does.
#include "autograd/signature.h"
#include "core/program/run/runner.h"
#include "tests/support/plain_program.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace bitstate::tests::signature_test {
namespace {

using program::Isa;
using program::Program;

// Every trained model and every exported program relies on the arithmetic that this stands for. A commit that changes
// it says so in its message, and why.
constexpr const char* value = "d52f07e921872b8f";

TEST_CASE("signature: it is what it was") { CHECK(signature() == value); }

TEST_CASE("signature: it does not depend on the instruction set") {
  for (const Isa isa : program::instruction_sets) {
    if (!program::is_available(isa)) continue;
    CAPTURE(program::name_of(isa));
    CHECK(signature([&](const Program& p, std::span<const std::int32_t> x) {
            return program::Runner(p, isa).run(x);
          }) == value);
  }
}

TEST_CASE("signature: it is that of the formulas, and another where halves are rounded down") {
  std::set<std::size_t> kinds;
  CHECK(signature([&](const Program& p, std::span<const std::int32_t> x) {
          for (const auto& instruction : p.instructions) kinds.insert(instruction.index());
          return plain_run(p, x);
        }) == value);
  CHECK(kinds.size() == std::variant_size_v<program::Instruction>);  // a new one must be hashed, too
  CHECK(signature([](const Program& p, std::span<const std::int32_t> x) { return plain_run(p, x, Halves::down); }) !=
        value);
}

TEST_CASE("signature: one code of one program is enough to change it") {
  std::size_t programs = 0;
  const auto with_change = [&](std::size_t changed) {
    programs = 0;
    return signature([&](const Program& p, std::span<const std::int32_t> x) {
      std::vector<std::int32_t> codes = program::Runner(p).run(x);
      if (programs++ == changed) ++codes.back();
      return codes;
    });
  };
  CHECK(with_change(static_cast<std::size_t>(-1)) == value);
  const std::size_t count = programs;
  CHECK(count > 20);
  for (std::size_t changed = 0; changed < count; changed += 9) CHECK(with_change(changed) != value);
}

}  // namespace
}  // namespace bitstate::tests::signature_test
