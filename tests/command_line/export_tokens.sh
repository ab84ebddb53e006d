#!/usr/bin/env bash
# A model of tokens under a named configuration becomes a program, C and ONNX; one of pairs of documents cannot, and says
# so before it is trained.
set -euo pipefail
fail() { echo "$*" >&2; exit 1; }
tiny=(--quant=w8a8 --n_layers=1 --d_model=8 --ssm_size_base=8 --blocks=1 --epochs=1 --bsz=20)

"$BITSTATE" data make listops --train=40 --val=10 --test=10 --min-length=5 --max-length=20 --out=lo > /dev/null
"$BITSTATE" train listops-small --data=lo "${tiny[@]}" --out=run > said 2>&1
if grep -q 'will refuse' said; then fail "$(cat said)"; fi
for format in program c onnx; do
  "$BITSTATE" export run --data=lo --format=$format > said || fail "$(cat said)"
  grep -q '^equal: 0 of 10 test sequences (100 codes) differ$' said || fail "$(cat said)"
done

"$BITSTATE" data make retrieval --train=20 --val=4 --test=4 --out=aan > /dev/null
"$BITSTATE" train aan-small --data=aan "${tiny[@]}" --out=pairs > said 2>&1
grep -q 'bitstate export will refuse this run: .*a program reads one sequence, not a pair of documents' said ||
  fail "$(cat said)"
code=0
"$BITSTATE" export pairs --data=aan > said 2>&1 || code=$?
[ "$code" -eq 1 ] || fail "exit $code, said: $(cat said)"
grep -q 'pairs compares pairs of documents, but a program reads one sequence' said || fail "$(cat said)"
"$BITSTATE" inspect pairs --data=aan > said 2>&1 || fail "$(cat said)"
grep -q 'not an integer program: at act:decoder.0 a program reads one sequence' said || fail "$(cat said)"
