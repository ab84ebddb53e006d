#!/usr/bin/env bash
# Counts the instructions of kernels of the C++ runner on AArch64 under QEMU, plain and NEON, and their ratio. Counts are
# exact and repeatable. They are instructions, not cycles. Needs cc, and what tests/support/aarch64.sh needs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/support/aarch64.sh
has_aarch64 || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cc -shared -fPIC -O2 -Wall -Wextra -o "$work/plugin.so" bench/count_instructions.c
build_aarch64 "$work" "$work/kernels" bench/counted_kernels.cpp
address() { aarch64-linux-gnu-nm "$work/kernels" | awk -v name="$1" '$3 == name { print "0x" $1 }'; }
plugin=$work/plugin.so,out=$work/counts,begin=$(address span_begins),end=$(address span_ends)
# run <set> <kernel>: sets `codes`, a hash of the results, and `count`
run() {
  codes=$(qemu-aarch64 -plugin "$plugin" "$work/kernels" "$@")
  count=0
  while read -r _ of_address; do count=$((count + 16#$of_address)); done < <(sed 1d "$work/counts")
}
for kernel in linear8 linear4 scan; do
  run plain "$kernel"
  plain_codes=$codes plain=$count
  run neon "$kernel"
  [ "$codes" = "$plain_codes" ] || { echo "$kernel: the codes differ" >&2; exit 1; }
  echo "$kernel: plain $plain, NEON $count, $(awk -v a="$count" -v b="$plain" 'BEGIN { printf "%.2f", a / b }')"
done
