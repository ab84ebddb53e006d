#!/usr/bin/env bash
# An instruction that is added must not compile before it says what it is, nor before every visitor knows it.
#   new_instruction_test.sh <compiler> <repository>
set -euo pipefail
compiler=$1
source=$2
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
cp -r "$source/core" "$root"
header=$root/core/program/instructions.h

# all visitors, compiled together
for file in analysis cost file run/plan c/functions c/memory onnx/onnx; do
  echo "#include \"core/program/$file.cpp\""
done > "$root/visitors.cpp"

# compiles <file>
compiles() { LC_ALL=C "$compiler" -std=c++20 -fsyntax-only -fmax-errors=0 -I "$root" "$1" 2>&1; }

members=(traits operands order kept shape)
traits='  static constexpr Traits traits{"added", Rows::all, Place::own, Types::common, Then::nothing, Constants::all};'
operands='  std::array<Ref, 1> operands() const { return {0}; }'
order='  static constexpr Order order() { return Order::any; }'
kept='  static constexpr Kept kept(std::size_t cols) { return {cols, 0}; }'
shape='  static std::string shape() { return {}; }'

# instruction <name> <without>: its struct, in one line
instruction() {
  local member
  echo -n "struct $1 { "
  for member in "${members[@]}"; do [ "$member" = "$2" ] || echo -n "${!member} "; done
  echo "bool operator==(const $1\&) const = default; };\n"
}

# adds <name> <struct>...: the instruction to those that there are
adds() {
  sed -e "s|^/// What every instruction has|$2\n&|" -e "s|Last, Concatenate>;|Last, Concatenate, $1>;|" \
    "$source/core/program/instructions.h" > "$header"
}

# Each by itself is refused, and so is one of them among the others.
without=
for missing in "${members[@]}"; do without+=$(instruction "Without_$missing" "$missing"); done
adds Without_shape "$without"
{
  echo '#include "core/program/instructions.h"'
  for missing in "${members[@]}"; do echo "using Only_$missing = bitstate::program::OneOf<bitstate::program::Without_$missing>;"; done
} > "$root/incomplete.cpp"
if output=$(compiles "$root/incomplete.cpp"); then
  echo "not caught: instructions that do not say what they are"
  exit 1
fi
for line in 'instructions\.h:[0-9]*' 'incomplete\.cpp:'{2..6}; do
  errors=$(grep -A8 -E "$line:[0-9]+: error:" <<< "$output") || true
  grep -q "IsInstruction" <<< "$errors" || { echo "no error at $line that names the concept: $output"; exit 1; }
done

adds Added "$(instruction Added none)"
output=$(compiles "$header") || { echo "refused, but complete: $(head -30 <<< "$output")"; exit 1; }
if output=$(compiles "$root/visitors.cpp"); then
  echo "not caught: an instruction that no visitor knows"
  exit 1
fi
errors=$(grep -E "(error:|required from).*Added" <<< "$output")
for visitor in Analyst::result_of Expense fields 'Planner&' widen_operands compute conclude keep_state '\<write\>'; do
  grep -q "$visitor" <<< "$errors" || { echo "compiles without $visitor: $(head -30 <<< "$output")"; exit 1; }
done
