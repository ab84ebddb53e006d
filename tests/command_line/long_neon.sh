#!/usr/bin/env bash
# The NEON kernels of the C++ runner on AArch64, under QEMU: the tests of the kernels compare them with the formulas and
# with the plain kernels. A case that is there on AArch64 only says that NEON is what a runner takes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/support/aarch64.sh
has_aarch64 || exit 77
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

build_aarch64 "$work" "$work/tests" tests/support/{main,plain_program}.cpp \
  tests/core/program/{program,selective,watched}_kernels_test.cpp
qemu-aarch64 "$work/tests" --no-colors
qemu-aarch64 "$work/tests" --no-colors --success -tc='*a runner takes NEON' > "$work/output"
grep -F 'CHECK( best_isa() == Isa::neon )' "$work/output" > /dev/null ||
  { echo "the case that says that a runner takes NEON did not run: $(cat "$work/output")"; exit 1; }
