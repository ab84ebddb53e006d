#!/usr/bin/env bash
# The C of trained models on Cortex-M3, M4, M7 and M55, on RISC-V of 32 bits with and without a multiplier, on AArch64
# and on RISC-V of 64 bits, under QEMU: the hash of the output codes is that of this host, and nothing of a float
# library is linked on those without Linux. On RISC-V of 32 bits it prints the instructions per step, for both values of
# MODEL_MULTIPLIER where the model asks for it. With folders of model.h, model.c, model_test.c as arguments it takes
# these instead of training models.
set -euo pipefail
source_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
support=$source_folder/support/bare_metal
warnings=(-std=c99 -Wall -Wextra -Wpedantic -Wconversion -Werror)
# what compilers call where there is no FPU, in the names of the Arm ABI and in GCC's own
float_helpers='__aeabi_(c?[fd](add|sub|rsub|mul|div|neg|cmp|2)|u?[il]2[fd]|h2f)|__[a-z]+[sdt]f[0-9]?$'

# has_tools <what for> <tool>...
has_tools() {
  local tool
  for tool in "${@:2}"; do
    command -v "$tool" > /dev/null || { echo "skipped: $1: there is no $tool"; return 1; }
  done
}

# run_image <name> <nm> <qemu and its options>...: runs $image, which prints $expected and perhaps a second line
run_image() {
  local name=$1 nm=$2 output helpers
  if helpers=$("$nm" "$image" | grep -E "$float_helpers"); then
    echo "float helpers are linked for $name: $helpers"
    return 1
  fi
  output=$(timeout 300 "${@:3}" -nographic -monitor none -serial none -semihosting-config enable=on,target=native \
    -kernel "$image" 2>&1) || { echo "$name: $output"; return 1; }
  if [ "${output%%$'\n'*}" != "$expected" ]; then
    echo "$name prints '$output', this host '$expected'"
    return 1
  fi
  echo "$name: ${output//$'\n'/, }"
}

# on_cortex_m <board> <cpu> <level> <flag>...
on_cortex_m() {
  local board=$1 cpu=$2 level=$3 abi=soft
  [ "$cpu" != cortex-m55 ] || abi=hard # with vectors; Debian has no other libgcc for it
  image=$work/$1$3.elf
  arm-none-eabi-gcc "${warnings[@]}" -mcpu="$cpu" -mthumb -mfloat-abi=$abi "${@:3}" -ffreestanding -DMODEL_BARE \
    -I"$c" "$c/model.c" "$c/model_test.c" "$support/self_test.c" "$support/cortex_m.c" \
    -nostdlib -T "$support/cortex_m.ld" -lgcc -o "$image"
  run_image "${*:2}" arm-none-eabi-nm qemu-system-arm -M "$board"
}

# on_linux <compiler> <qemu> <level>
on_linux() {
  local output
  "$1" "${warnings[@]}" "$3" -static -I"$c" "$c/model.c" "$c/model_test.c" -o "$work/linux"
  output=$(timeout 300 "$2" "$work/linux") || { echo "$1 $3: $output"; return 1; }
  [ "$output" = "$expected" ] || { echo "$1 $3 prints '$output', this host '$expected'"; return 1; }
  echo "$1 $3: $output"
}

# on_riscv <instruction set> <level> <flag>...
on_riscv() {
  image=$work/$1$2.elf
  riscv64-unknown-elf-gcc "${warnings[@]}" -march="$1" -mabi=ilp32 "${@:2}" -ffreestanding -DMODEL_BARE \
    -I"$c" "$c/model.c" "$c/model_test.c" "$support/self_test.c" "$support/riscv.c" -Wl,--wrap=model_step \
    -nostdlib -T "$support/riscv.ld" -lgcc -o "$image"
  run_image "$*" riscv64-unknown-elf-nm qemu-system-riscv32 -M virt -bios none -icount shift=0
}

# check_folder <folder of the C>
check_folder() {
  c=$1
  cc "${warnings[@]}" -O2 -I"$c" "$c/model.c" "$c/model_test.c" -o "$work/host"
  expected=$("$work/host") || { echo "the self-test fails on this host: $expected"; return 1; }
  echo "$c, host -O2: $expected"
  local level set flag flags=('')
  ! grep -q MODEL_MULTIPLIER "$c/model.h" || flags=(-DMODEL_MULTIPLIER=1 -DMODEL_MULTIPLIER=0 '')
  for level in -Os -O2; do
    if [ "$arm" = yes ]; then
      on_cortex_m mps2-an385 cortex-m3 "$level"
      on_cortex_m mps2-an386 cortex-m4 "$level"
      on_cortex_m mps2-an386 cortex-m4 "$level" -DMODEL_DSP=0
      on_cortex_m mps2-an500 cortex-m7 "$level"
      on_cortex_m mps3-an547 cortex-m55 "$level"
      on_cortex_m mps3-an547 cortex-m55 "$level" -DMODEL_HELIUM=0
    fi
    [ "$aarch64" = no ] || on_linux aarch64-linux-gnu-gcc qemu-aarch64 "$level"
    [ "$riscv64" = no ] || on_linux riscv64-linux-gnu-gcc qemu-riscv64 "$level"
    [ "$riscv" = yes ] || continue
    for set in rv32im rv32i; do
      for flag in "${flags[@]}"; do on_riscv "$set" "$level" ${flag:+"$flag"}; done
    done
  done
}

has_tools "this test" cc || exit 77
arm=no riscv=no aarch64=no riscv64=no
! has_tools Cortex-M arm-none-eabi-gcc arm-none-eabi-nm qemu-system-arm || arm=yes
! has_tools RISC-V riscv64-unknown-elf-gcc riscv64-unknown-elf-nm qemu-system-riscv32 || riscv=yes
! has_tools AArch64 aarch64-linux-gnu-gcc qemu-aarch64 || aarch64=yes
! has_tools "RISC-V of 64 bits" riscv64-linux-gnu-gcc qemu-riscv64 || riscv64=yes
[[ $arm$riscv$aarch64$riscv64 == *yes* ]] || exit 77
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ $# -gt 0 ]; then
  for folder in "$@"; do
    check_folder "$folder"
  done
else
  train() { "$BITSTATE" train lorenz-small --trajectories=20 --bsz=4 --epochs=1 "$@"; }
  for form in cartesian delta shear; do
    bits=("--bits=weight:*.ssm.A 6 form=$form; state:* 8")
    [ "$form" != cartesian ] || bits=()
    train --quant=w8a8 "${bits[@]}" --out="$form"
  done
  # linear maps by rows, and norms
  for weights in w2a8 w4a8; do
    train --quant=$weights --d_model=16 --ssm_size_base=16 --batchnorm=false --out=$weights
  done
  for run in cartesian delta shear w2a8 w4a8; do
    "$BITSTATE" export $run --format c --out "c-$run"
    check_folder "c-$run"
  done
fi
