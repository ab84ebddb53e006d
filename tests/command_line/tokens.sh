#!/usr/bin/env bash
# A user's own text is learnt byte by byte, shown in bits and as a perplexity, and evaluated as a stream.
set -euo pipefail
fail() { echo "$*" >&2; exit 1; }

# refused <exit code> <words of the message> <argument>...
refused() {
  local code=0 wanted=$1 words=$2 output
  shift 2
  output=$("$BITSTATE" "$@" 2>&1 > /dev/null) || code=$?
  [ "$code" -eq "$wanted" ] && [ "$(wc -l <<< "$output")" -eq 1 ] && grep -qF -- "$words" <<< "$output" && return
  fail "bitstate $*: exit $code, said: $output"
}

awk 'BEGIN { for (i = 0; i < 400; ++i) printf "%s", i % 3 ? "abcab\n" : "the cat\n" }' > text.txt
cat > text.ini <<'END'
dataset = own
model = mamba
window = 16
n_layers = 1
d_model = 8
d_state = 4
ssm_lr_base = 0.01
lr_factor = 1
weight_decay = 0
warmup_end = 0
bsz = 8
epochs = 4
seed = 0
END
"$BITSTATE" data check own --data=text.txt --window=16 > check.log
grep -q 'tokens below 256, 256 classes per step; 2668 bytes of text.txt$' check.log || fail "$(cat check.log)"
"$BITSTATE" train text.ini --data=text.txt --out=run > train.log
grep -qE '^test bits_per_byte [0-9.]+  perplexity [0-9.]+  loss ' train.log || fail "$(cat train.log)"
grep -qE 'val_bits_per_byte [0-9.]+  perplexity [0-9.]+' train.log
sed -n 1p run/curves.csv > header
grep -q ',val_loss,val_perplexity,val_bits_per_byte$' header || fail "$(cat header)"
"$BITSTATE" eval run --json > json.log
tail -n 1 json.log > line
tr ',' '\n' < line | sed 's/[{}"]//g' > fields
awk -F: '$1 == "test_bits_per_byte" { bits = $2 } $1 == "test_perplexity" { seen = $2 }
  END { exit !(seen > 1 && (2 ^ bits - seen) ^ 2 < 1e-6) }' fields || fail "$(cat line)"
"$BITSTATE" report run > report.log
grep -qE '^test bits per byte +perplexity ' report.log || fail "$(cat report.log)"

# a carried state knows what came before a window
bits() { "$BITSTATE" eval run "$@" > eval.log && awk '$1 == "test" { print $3 }' eval.log; }
none=$(bits)
carried=$(bits --stream=carry)
reset=$(bits --stream=carry_reset --document_end=10)
[ "$none" != "$carried" ] && [ "$carried" != "$reset" ] || fail "none $none, carried $carried, reset $reset"
refused 2 '[stream] expected one of none, carry, carry_reset' eval run --stream=on
refused 2 '[stream] a model that reads sequences in both directions' train text.ini --data=text.txt --bidirectional \
  --stream=carry --out=both
refused 2 'is quantized, and only a float model carries its state' train --from=run --quant=w8a8 --stream=carry --out=bits

head -c 300 text.txt > cut.npy
refused 1 'cut.npy] offset 0: is not an array of NumPy' train text.ini --data=cut.npy --out=bad
: > empty.txt
refused 1 'empty.txt] is empty' train text.ini --data=empty.txt --out=bad
refused 1 'text.txt] element 0: expected a token id below the vocabulary of 100, got 116' \
  train text.ini --data=text.txt --vocabulary=100 --out=bad
[ ! -e bad ] && [ ! -e both ] && [ ! -e bits ] || fail "what was refused has left files"
