#!/usr/bin/env bash
# Builds the firmware for QEMU's Cortex-M4 and runs it on a recording. Its output is that of the board's debugger.
#   run_in_qemu.sh C_FOLDER COUNTS.csv [GCC_OPTION...]
# C_FOLDER holds model.h and model.c; COUNTS.csv has a line per sample, with the count of the ADC for each input.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# -ge 2 ] || { sed -n '2,4s/^# *//p' "$0" >&2; exit 2; }
model=$1 counts=$2
shift 2
grep -q model_encode_adc "$model/model.h" || {
  echo "$model/model.h has no model_encode_adc: export it with --adc_bits, --adc_lsb and --adc_offset" >&2
  exit 2
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
{
  echo 'static const uint16_t recording[][MODEL_INPUTS] = {'
  sed 's/.*/{&},/' "$counts"
  echo '};'
} > "$work/recording.h"
arm-none-eabi-gcc -std=c99 -Wall -Wextra -Wconversion -Werror -mcpu=cortex-m4 -mthumb -Os -ffreestanding "$@" \
  -I"$model" -I"$work" -I"$here" "$model/model.c" "$here/main.c" "$here/board_mps2.c" \
  -nostdlib -T "$here/mps2.ld" -lgcc -o "$work/firmware.elf"
arm-none-eabi-size "$work/firmware.elf" >&2
# -icount: the time is that of the instructions, 32 ns for each, whatever else this machine does
qemu-system-arm -M mps2-an386 -nographic -monitor none -serial none -icount shift=5,sleep=off \
  -semihosting-config enable=on,target=native -kernel "$work/firmware.elf" 2>&1
