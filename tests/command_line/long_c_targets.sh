#!/usr/bin/env bash
# The C of a trained model on Cortex-M3, M4 and M7 under QEMU: the hash of the output codes is that of this host, and
# nothing of a float library is linked. With folders of model.h, model.c, model_test.c as arguments it takes these instead
# of training a model.
set -euo pipefail
for tool in cc arm-none-eabi-gcc arm-none-eabi-nm qemu-system-arm; do
  if ! command -v "$tool" > /dev/null; then
    echo "skipped: there is no $tool"
    exit 77
  fi
done
source_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
support=$source_folder/support/cortex_m
warnings=(-std=c99 -Wall -Wextra -Wpedantic -Wconversion -Werror)
# what compilers call where there is no FPU, in the names of the Arm ABI and in GCC's own
float_helpers='__aeabi_(c?[fd](add|sub|rsub|mul|div|neg|cmp|2)|u?[il]2[fd]|h2f)|__[a-z]+[sdt]f[0-9]?$'

# run_on <board> <cpu> <level>: builds for the board, runs, expects $expected
run_on() {
  local board=$1 cpu=$2 level=$3 image=$work/$1$3.elf output helpers
  arm-none-eabi-gcc "${warnings[@]}" -mcpu="$cpu" -mthumb -mfloat-abi=soft "$level" -ffreestanding -DMODEL_BARE \
    -I"$c" "$c/model.c" "$c/model_test.c" "$support/startup.c" -nostdlib -T "$support/link.ld" -lgcc -o "$image"
  if helpers=$(arm-none-eabi-nm "$image" | grep -E "$float_helpers"); then
    echo "float helpers are linked for $cpu: $helpers"
    return 1
  fi
  output=$(timeout 120 qemu-system-arm -M "$board" -nographic -monitor none -serial none \
    -semihosting-config enable=on,target=native -kernel "$image" 2>&1) || { echo "$board ($cpu, $level): $output"; return 1; }
  if [ "$output" != "$expected" ]; then
    echo "$board ($cpu, $level) prints '$output', this host '$expected'"
    return 1
  fi
  echo "$cpu $level: $output"
}

# check_folder <folder of the C>
check_folder() {
  c=$1
  cc "${warnings[@]}" -O2 -I"$c" "$c/model.c" "$c/model_test.c" -o "$work/host"
  expected=$("$work/host") || { echo "the self-test fails on this host: $expected"; return 1; }
  echo "host -O2: $expected"
  local level
  for level in -Os -O2; do
    run_on mps2-an385 cortex-m3 "$level"
    run_on mps2-an386 cortex-m4 "$level"
    run_on mps2-an500 cortex-m7 "$level"
  done
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ $# -gt 0 ]; then
  for folder in "$@"; do
    check_folder "$folder"
  done
else
  "$BITSTATE" train lorenz-small --trajectories=20 --bsz=4 --epochs=1 --quant=w8a8 --out=run
  "$BITSTATE" export run --format c --out c
  check_folder "$PWD/c"
fi
