#!/usr/bin/env bash
# C whose classifier head a device trains further: it is proven, and what cannot be trained is one sentence.
set -euo pipefail
fail() { echo "$*" >&2; exit 1; }

# refused <words of the message> <argument>...
refused() {
  local code=0 words=$1 output
  shift
  output=$("$BITSTATE" "$@" 2>&1 > /dev/null) || code=$?
  [ "$code" -eq 2 ] && grep -qF -- "$words" <<< "$output" && [ "$(wc -l <<< "$output")" -le 2 ] && return
  fail "bitstate $*: exit $code, said: $output; expected the words: $words"
}
tiny=(--data=lo --n_layers=1 --d_model=8 --ssm_size_base=8 --blocks=1 --epochs=1 --bsz=20 --quant=w8a8)

"$BITSTATE" data make listops --train=40 --val=10 --test=10 --min-length=5 --max-length=20 --out=lo > /dev/null
"$BITSTATE" train listops-small "${tiny[@]}" --out=run > /dev/null 2>&1
"$BITSTATE" export run --format=c --trainable=head --tune_rate=0.5 --parity=8 --data=lo --out=c > said
grep -q '^what is written: ' said
grep -qE '^training of the head: (proven on 8 sequences|not run here: no cc), [0-9]+ bytes more of RAM$' said ||
  fail "$(cat said)"
grep -qE '^ \* Training of the head, with a rate of 0.5: ' c/model.h || fail 'the header does not say how it trains'
if command -v cc > /dev/null; then
  cc -std=c99 -Wall -Wextra -Wpedantic -Wconversion -Werror -o self_test c/model.c c/model_test.c
  ./self_test > said
  grep -q ' 0 wrong$' said || fail "$(cat said)"
  # the self-test finds other training
  sed 's/label ? 65536/label ? 65500/' c/model.c > c/other.c
  cmp -s c/model.c c/other.c && fail 'nothing was changed'
  cc -std=c99 -o self_test c/other.c c/model_test.c
  ./self_test > said && fail "other training is not found: $(cat said)"
  grep -q ' 1 wrong$' said || fail "$(cat said)"
fi

# the top layer, too
"$BITSTATE" train listops-small "${tiny[@]}" --bidirectional=false --out=one > /dev/null 2>&1
"$BITSTATE" export one --format=c --trainable=top1 --layer_rate=0.1 --tune_steps=16 --parity=8 --data=lo --out=top > said
grep -qE '^training of the head and top layer: (proven on 8 sequences|not run here: no cc), [0-9]+ bytes more of RAM$' said ||
  fail "$(cat said)"
grep -qE '^ \* Training of the head and top layer, with a rate of 0.01 and 0.1: ' top/model.h || fail 'no rates in the header'
grep -q '^#define MODEL_TUNE_STEPS 16$' top/model.h || fail 'not the steps that were asked for'
if command -v cc > /dev/null; then
  cc -std=c99 -Wall -Wextra -Wpedantic -Wconversion -Werror -o self_test top/model.c top/model_test.c
  ./self_test > said
  grep -q ' 0 wrong$' said || fail "$(cat said)"
  # the self-test finds another way back
  sed 's/ \* 8192/ * 8191/' top/model.c > top/other.c
  cmp -s top/model.c top/other.c && fail 'nothing was changed'
  cc -std=c99 -o self_test top/other.c top/model_test.c
  ./self_test > said && fail "other training is not found: $(cat said)"
fi

refused 'expected none, head or top1, got "all"' export run --format=c --trainable=all
refused 'expected c with --trainable, which is for C, got "program"' export run --trainable=head
refused 'expected c with --trainable, which is for C, got "onnx"' export run --format=onnx --trainable=head
refused 'expected head or top1 with --tune_rate' export run --format=c --tune_rate=0.1
for rate in 0 -1 nan inf 1e9 1x; do
  refused '[tune_rate] expected a number above 0' export run --format=c --trainable=head --tune_rate=$rate
done

for rate in 0 -1 nan 1x; do
  refused '[layer_rate] expected a number above 0' export run --format=c --trainable=top1 --layer_rate=$rate
done
for steps in 0 -1 1x 99999999999; do
  refused '[tune_steps] expected a whole number from 1 to' export run --format=c --trainable=top1 --tune_steps=$steps
done
refused 'expected top1 with --layer_rate and --tune_steps' export run --format=c --trainable=head --layer_rate=1
refused 'expected top1 with --layer_rate and --tune_steps' export run --format=c --trainable=head --tune_steps=9
refused '[layer_rate] expected a larger rate' export one --data=lo --format=c --trainable=top1 --layer_rate=1e-30

"$BITSTATE" train lorenz-small --trajectories=20 --bsz=4 --epochs=1 --quant=w8a8 --out=values > /dev/null
refused 'the result of this program is no class' export values --format=c --trainable=head --out=no-c
# a class per step, of Mamba: a head of its own can be trained, one that is the token table cannot
mamba=(--length=16 --examples=320 --bsz=16 --epochs=1 --d_model=8 --d_state=4 --quant=w8a8)
"$BITSTATE" train induction "${mamba[@]}" --tie_embeddings=false --out=untied > /dev/null
"$BITSTATE" export untied --format=c --trainable=head --parity=8 --out=untied-c > said
grep -qE '^training of the head: (proven on 8 sequences|not run here: no cc), ' said || fail "$(cat said)"
refused 'expected a mean pool or the last step before the head, found rms_norm' \
  export untied --format=c --trainable=top1 --out=no-c
"$BITSTATE" train induction "${mamba[@]}" --out=tied > /dev/null
refused 'the head is tied to the token table' export tied --format=c --trainable=head --out=no-c
"$BITSTATE" train listops-small "${tiny[@]}" --bits='weight:decoder 1' --out=bit > /dev/null 2>&1
refused 'the weights of the head have 1 bits' export bit --data=lo --format=c --trainable=head --out=no-c
"$BITSTATE" train listops-small "${tiny[@]}" --bits='weight:decoder 4 sign=asymmetric' --out=asymmetric > /dev/null 2>&1
refused 'weight:decoder is asymmetric' export asymmetric --data=lo --format=c --trainable=head --out=no-c
refused 'reads sequences from both ends' export run --data=lo --format=c --trainable=top1 --out=no-c
"$BITSTATE" train listops-small "${tiny[@]}" --bidirectional=false --prenorm=false --out=postnorm > /dev/null 2>&1
refused 'expected C, D and a GLU between the recurrence and the pool, found' \
  export postnorm --data=lo --format=c --trainable=top1 --out=no-c
"$BITSTATE" train listops-small "${tiny[@]}" --bidirectional=false --bits='weight:*.D 1' --out=bit-d > /dev/null 2>&1
refused 'weight:layers.0.ssm.D has 1 bits' export bit-d --data=lo --format=c --trainable=top1 --out=no-c
[ ! -e no-c ] || fail 'a refused export leaves something'
