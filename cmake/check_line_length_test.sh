#!/usr/bin/env bash
# The check of line lengths must name each line that is too long, count characters, and pass on all others.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
long=$(printf 'x%.0s' {1..120})
wide=$(printf 'λ%.0s' {1..119})

# refuses <file> <text>: a tree with only this file must be refused, by the name of the file
refuses() {
  rm -rf "${root:?}"/*
  mkdir -p "$root/$(dirname "$1")"
  printf '# A title\n%s\n' "$2" > "$root/$1"
  if output=$(bash "$here/check_line_length.sh" "$root"); then
    echo "not caught: $1"
    exit 1
  fi
  [[ $output == *"$1:2 has 120 characters"* ]] || { echo "the message does not name $1: $output"; exit 1; }
}

# allows <file> <text>
allows() {
  rm -rf "${root:?}"/*
  mkdir -p "$root/$(dirname "$1")"
  printf '# A title\n%s\n' "$2" > "$root/$1"
  output=$(bash "$here/check_line_length.sh" "$root") || { echo "refused, but allowed: $output"; exit 1; }
}

refuses README.md "$long"
refuses docs/adr/0001-a-decision.md "${wide}x"
refuses examples/edge/README.md "$long"
refuses experiments/recipes/lorenz.ini "# ${long:2}"
refuses experiments/configs/w8a8.quant "# ${long:2}"

allows README.md "${long:1}"
allows docs/numerics.md "$wide"
allows experiments/sweeps/demo.ini "axis.bits = $long"
allows core/tensor.h "// $long"
echo "the check of line lengths catches what it should"
