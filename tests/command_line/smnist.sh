#!/usr/bin/env bash
# The sequential-MNIST commands of docs/data.md, a few sequences each, on made-up files in the official format.
set -euo pipefail
fail() { echo "$*" >&2; exit 1; }

# digits <name> <number, a multiple of 10>: images of noise and labels 0 to 9
digits() {
  local name=$1 n=$2
  {
    printf '\0\0\10\3\0\0'
    printf "\\x$(printf %02x $((n / 256)))\\x$(printf %02x $((n % 256)))\0\0\0\34\0\0\0\34"
    awk -v n=$((n * 784)) 'BEGIN { srand(1); for (i = 0; i < n; ++i) printf "%c", 32 + int(95 * rand()) }'
  } | gzip > "mnist/$name-images-idx3-ubyte.gz"
  {
    printf '\0\0\10\1\0\0'
    printf "\\x$(printf %02x $((n / 256)))\\x$(printf %02x $((n % 256)))"
    for _ in $(seq $((n / 10))); do printf '\0\1\2\3\4\5\6\7\10\11'; done
  } | gzip > "mnist/$name-labels-idx1-ubyte.gz"
}
mkdir mnist
digits train 300
digits t10k 40
export BITSTATE_DATA=$PWD/mnist

code=0
"$BITSTATE" data check > said || code=$?
[ "$code" -eq 1 ] || fail "data check of made-up files: exit $code"
[ "$(grep -c 'not the official' said)" -eq 4 ] || fail "$(cat said)"

few=(--limit_train=50 --limit_test=20 --epochs=1)
"$BITSTATE" train smnist-small "${few[@]}" --out=small --json > said
[[ $(tail -n 1 said) == *'"test_accuracy"'* ]] || fail "$(cat said)"
"$BITSTATE" train smnist --quant w4a8-ssm8 "${few[@]}" --out=full
"$BITSTATE" sweep smnist-small --out=swept --jobs 2 "${few[@]}"
"$BITSTATE" report swept
[ "$(grep -cE '^\| (float|quant=(w8a8|w4a8-ssm8|w2a8)) ' swept/table.md)" -eq 4 ]
