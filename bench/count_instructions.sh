#!/usr/bin/env bash
# Counts the instructions of a streaming step of exported C, by function, on a Cortex-M or RV32IM under QEMU:
#   bench/count_instructions.sh [--cpu=cortex-m4] [--level=-O2] [--flag=...]... FOLDER...
# FOLDER holds model.h, model.c and model_test.c as `bitstate export --format=c` writes them. Steps are those of the
# self-test, which must pass; what is counted is model_step and what it calls. What the compiler put into model_step is
# counted for the function that model_step calls in the source. Counts are exact and repeatable. They are instructions,
# not cycles. Needs cc, and arm-none-eabi-gcc and qemu-system-arm, or riscv64-unknown-elf-gcc and qemu-system-riscv32.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
support=$root/tests/support/bare_metal
usage() { echo "usage: bench/count_instructions.sh [--cpu=CPU] [--level=-O2] [--flag=FLAG]... FOLDER..." >&2; exit 2; }

cpu=cortex-m4 level=-O2 flags=()
while [[ ${1:-} == --* ]]; do
  case $1 in
    --cpu=*) cpu=${1#*=} ;;
    --level=*) level=${1#*=} ;;
    --flag=*) flags+=("${1#*=}") ;;
    *) usage ;;
  esac
  shift
done
[ $# -ge 1 ] || usage
tools=arm-none-eabi
target=(-mcpu="$cpu" -mthumb -mfloat-abi=soft)
qemu=(qemu-system-arm -M)
case $cpu in
  cortex-m3) qemu+=(mps2-an385) ;;
  cortex-m4) qemu+=(mps2-an386) ;;
  cortex-m7) qemu+=(mps2-an500) ;;
  cortex-m33) qemu+=(mps3-an547) ;; # a Cortex-M55 without vectors runs the same instructions
  cortex-m55) qemu+=(mps3-an547) target=(-mcpu="$cpu" -mthumb -mfloat-abi=hard) ;; # with its vectors
  rv32im) tools=riscv64-unknown-elf target=(-march=rv32im -mabi=ilp32) qemu=(qemu-system-riscv32 -M virt -bios none) ;;
  *)
    echo "--cpu: expected cortex-m3, cortex-m4, cortex-m7, cortex-m33, cortex-m55 or rv32im, got $cpu" >&2
    exit 2
    ;;
esac
support_name=cortex_m
[ "$cpu" != rv32im ] || support_name=riscv
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cc -shared -fPIC -O2 -Wall -Wextra -o "$work/plugin.so" "$root/bench/count_instructions.c"

# address <symbol>: where a function of the image begins
address() { awk -v name="$1" '$3 == name { print "0x" $1 }' "$work/symbols"; }

# by_function <counts by address>: "INSTRUCTIONS SHARE FUNCTION", the largest first
by_function() {
  # an address, and the functions around it from the inside out, each with its line
  sed 1d "$1" | cut -d ' ' -f 1 | "$tools-addr2line" -afi -e "$work/image.elf" |
    awk '/^0x/ { if (function_of != "") print function_of; function_of = ""; depth = 0; next }
         ++depth % 2 { if ($1 != "model_step" || function_of == "") function_of = $1 }
         END { print function_of }' > "$work/functions"
  sed 1d "$1" | paste -d ' ' - "$work/functions" |
    awk -v spans="$(head -n 1 "$1" | cut -d ' ' -f 2)" '
      function number(text, n, i) {
        n = 0
        for (i = 1; i <= length(text); ++i) n = 16 * n + index("0123456789abcdef", substr(text, i, 1)) - 1
        return n
      }
      $3 !~ /^(step_begins|step_ends|__wrap_model_step)$/ { count[$3] += number($2); sum += number($2) }
      END {
        printf "%.0f instructions per step, %d steps\n", sum / spans, spans
        for (n in count) printf "%9.0f %5.1f%%  %s\n", count[n] / spans, 100 * count[n] / sum, n | "sort -rn"
      }'
}

for folder in "$@"; do
  [ -f "$folder/model.c" ] && [ -f "$folder/model_test.c" ] || { echo "$folder: no model.c or model_test.c" >&2; exit 1; }
  if ! grep -q 'void model_step(' "$folder/model.h"; then
    echo "$folder: a model that reads whole sequences has no streaming step" >&2
    exit 1
  fi
  "$tools-gcc" -g -std=c99 "${target[@]}" "$level" -ffreestanding -DMODEL_BARE ${flags[@]+"${flags[@]}"} -I"$folder" \
    "$folder/model.c" "$folder/model_test.c" "$root/bench/counted_step.c" "$support/self_test.c" \
    "$support/$support_name.c" -nostdlib -Wl,--wrap=model_step -T "$support/$support_name.ld" -lgcc \
    -o "$work/image.elf"
  "$tools-nm" -n "$work/image.elf" > "$work/symbols"
  plugin=$work/plugin.so,out=$work/counts,begin=$(address step_begins),end=$(address step_ends)
  timeout 600 "${qemu[@]}" -nographic -monitor none -serial none -semihosting-config enable=on,target=native \
    -plugin "$plugin" -kernel "$work/image.elf" > "$work/output" 2>&1 ||
    { echo "$folder: the self-test fails under QEMU: $(cat "$work/output")" >&2; exit 1; }
  echo "$folder, $cpu $level${flags[*]:+ ${flags[*]}}: $(cat "$work/output")"
  by_function "$work/counts"
done
