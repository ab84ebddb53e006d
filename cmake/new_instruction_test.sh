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
for file in analysis file plan c/functions c/memory onnx/onnx; do
  echo "#include \"core/program/$file.cpp\""
done > "$root/visitors.cpp"

# compiles <file>
compiles() { LC_ALL=C "$compiler" -std=c++20 -fsyntax-only -fmax-errors=0 -I "$root" "$1" 2>&1; }

# adds <members>: the instruction Added
adds() {
  sed -e "s|^/// What every instruction has|struct Added {\n$1\n  bool operator==(const Added\&) const = default;\n};\n\n&|" \
    -e 's|Last, Concatenate>;|Last, Concatenate, Added>;|' "$source/core/program/instructions.h" > "$header"
}

traits='  static constexpr Traits traits{"added", Rows::all, Place::own, Types::common, Then::nothing, Constants::all};'
operands='  std::array<Ref, 1> operands() const { return {0}; }'
order='  static constexpr Order order() { return Order::any; }'
kept='  static constexpr Kept kept(std::size_t cols) { return {cols, 0}; }'
shape='  static std::string shape() { return {}; }'

for missing in traits operands order kept shape; do
  members=$(for member in traits operands order kept shape; do [ $member = $missing ] || echo -n "${!member}"; done)
  adds "$members"
  if output=$(compiles "$header"); then
    echo "not caught: an instruction without $missing"
    exit 1
  fi
  grep -q "IsInstruction" <<< "$output" || { echo "the message does not name the concept: $(head -30 <<< "$output")"; exit 1; }
done

adds "$traits$operands$order$kept$shape"
output=$(compiles "$header") || { echo "refused, but complete: $(head -30 <<< "$output")"; exit 1; }
if output=$(compiles "$root/visitors.cpp"); then
  echo "not caught: an instruction that no visitor knows"
  exit 1
fi
errors=$(grep -E "(error:|required from).*Added" <<< "$output")
for visitor in Analyst::result_of Expense fields 'Planner&' widen_operands compute conclude keep_state '\<write\>'; do
  grep -q "$visitor" <<< "$errors" || { echo "compiles without $visitor: $(head -30 <<< "$output")"; exit 1; }
done
