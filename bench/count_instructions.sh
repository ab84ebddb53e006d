#!/usr/bin/env bash
# Counts the instructions of a streaming step of exported C, by function, on a Cortex-M under QEMU:
#   bench/count_instructions.sh [--cpu=cortex-m4] [--level=-O2] [--flag=...]... FOLDER...
# FOLDER holds model.h, model.c and model_test.c as `bitstate export --format=c` writes them. Steps are those of the
# self-test, which must pass; what is counted is model_step and what it calls. Counts are exact and repeatable. They are
# instructions, not cycles. Needs arm-none-eabi-gcc, qemu-system-arm and cc.
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
abi=soft
case $cpu in
  cortex-m3) board=mps2-an385 ;;
  cortex-m4) board=mps2-an386 ;;
  cortex-m7) board=mps2-an500 ;;
  cortex-m33) board=mps3-an547 ;; # a Cortex-M55 without vectors runs the same instructions
  cortex-m55) board=mps3-an547 abi=hard ;; # with its vectors
  *) echo "--cpu: expected cortex-m3, cortex-m4, cortex-m7, cortex-m33 or cortex-m55, got $cpu" >&2; exit 2 ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cc -shared -fPIC -O2 -Wall -Wextra -o "$work/plugin.so" "$root/bench/count_instructions.c"

# address <symbol>: where a function of the image begins
address() { awk -v name="$1" '$3 == name { print "0x" $1 }' "$work/symbols"; }

# by_function <symbols in the order of addresses> <counts>: "INSTRUCTIONS SHARE FUNCTION", the largest first
by_function() {
  awk 'function number(text, n, i) {
         n = 0
         for (i = 1; i <= length(text); ++i) n = 16 * n + index("0123456789abcdef", substr(text, i, 1)) - 1
         return n
       }
       FNR == NR { if ($2 ~ /^[tT]$/) { start[++known] = number($1); name[known] = $3 } next }
       $1 == "spans" { spans = $2; next }
       {
         at = number($1)
         while (f < known && start[f + 1] <= at) ++f
         if (name[f] ~ /^(step_begins|step_ends|__wrap_model_step)$/) next
         count[name[f]] += number($2)
         sum += number($2)
       }
       END {
         printf "%.0f instructions per step, %d steps\n", sum / spans, spans
         for (n in count) printf "%9.0f %5.1f%%  %s\n", count[n] / spans, 100 * count[n] / sum, n | "sort -rn"
       }' "$1" "$2"
}

for folder in "$@"; do
  [ -f "$folder/model.c" ] && [ -f "$folder/model_test.c" ] || { echo "$folder: no model.c or model_test.c" >&2; exit 1; }
  if ! grep -q 'void model_step(' "$folder/model.h"; then
    echo "$folder: a model that reads whole sequences has no streaming step" >&2
    exit 1
  fi
  arm-none-eabi-gcc -std=c99 -mcpu="$cpu" -mthumb -mfloat-abi=$abi "$level" -ffreestanding -DMODEL_BARE \
    ${flags[@]+"${flags[@]}"} -I"$folder" "$folder/model.c" "$folder/model_test.c" "$root/bench/counted_step.c" \
    "$support/self_test.c" "$support/cortex_m.c" -nostdlib -Wl,--wrap=model_step -T "$support/cortex_m.ld" -lgcc \
    -o "$work/image.elf"
  arm-none-eabi-nm -n "$work/image.elf" > "$work/symbols"
  plugin=$work/plugin.so,out=$work/counts,begin=$(address step_begins),end=$(address step_ends)
  timeout 600 qemu-system-arm -M "$board" -nographic -monitor none -serial none \
    -semihosting-config enable=on,target=native -plugin "$plugin" -kernel "$work/image.elf" > "$work/output" 2>&1 ||
    { echo "$folder: the self-test fails under QEMU: $(cat "$work/output")" >&2; exit 1; }
  echo "$folder, $cpu $level${flags[*]:+ ${flags[*]}}: $(cat "$work/output")"
  by_function "$work/symbols" "$work/counts"
done
