#!/usr/bin/env bash
# What export writes is run before it takes its place: the outcome is said, and what is wrong or cannot be run costs nothing.
set -euo pipefail
fail() { echo "$*" >&2; exit 1; }
# says <words>: in the file `said`
says() { grep -qF -- "$1" said || fail "expected the words: $1; said: $(cat said)"; }
# refused <words> <command>...: exits with 1, says the words, and leaves c, model.onnx and the folder as they were
refused() {
  local words=$1 before code=0
  shift
  before=$(ls -AR . && cat c/* model.onnx run/program.h5 | sha256sum)
  "$@" > said 2>&1 || code=$?
  [ "$code" -eq 1 ] || fail "$*: exit $code, said: $(cat said)"
  says "$words"
  rm said
  [ "$before" = "$(ls -AR . && cat c/* model.onnx run/program.h5 | sha256sum)" ] || fail "$*: files have changed"
}

"$BITSTATE" train lorenz-small --trajectories=20 --bsz=4 --epochs=1 --quant=w8a8 --out=run > /dev/null
"$BITSTATE" export run --json > said
says 'what is written: proven on 4 sequences'
says '"proof":"proven on 4 sequences"'
says '"proven_sequences":4'

# without the tools
export BITSTATE_NPM=$PWD/nowhere
CC=no-such-cc "$BITSTATE" export run --format=c --out=c > said
says 'what is written: not run here: no no-such-cc'
grep -q '^ \* This C: not run here: no no-such-cc\.$' c/model.h || fail "$(head -n 9 c/model.h)"
"$BITSTATE" export run --format=onnx --out=model.onnx --json > said
grep -qE '^what is written: not run here: no (node|onnxruntime-node)$' said || fail "$(cat said)"
says '"proven_sequences":0'
grep -qaE 'not run here: no (node|onnxruntime-node)' model.onnx || fail "model.onnx does not say that it was not run"
"$BITSTATE" export run --format=c --out=unproven --proof=none > said
says 'what is written: not run here: --proof=none'
rm said
mkdir bin
CC=no-such-cc refused '[proof] required, but there is no no-such-cc here' "$BITSTATE" export run --format=c --out=c --proof=required
refused '[proof] required, but there is no ' "$BITSTATE" export run --format=onnx --out=model.onnx --proof=required
code=0
"$BITSTATE" export run --proof=perhaps 2> said || code=$?
[ "$code" -eq 2 ]
says '[proof] expected auto, required or none, got "perhaps"'
rm said

if command -v cc > /dev/null; then
  "$BITSTATE" export run --format=c --out=c --parity=3 --proof=required > said
  says 'what is written: proven on 3 sequences'
  rm said
  grep -q '^ \* This C: proven on 3 sequences\.$' c/model.h || fail "$(head -n 9 c/model.h)"
  grep -qE '^ \* Mse of the first 3 of [0-9]+ test sequences: [0-9.]+ \([0-9.]+ in float\)\.$' c/model.h || fail "$(head -n 9 c/model.h)"
  grep -qE '^ \* Trained by bitstate [0-9.]+(, commit [0-9a-f]+(-dirty)?)?; the run ended on 20[0-9-]{8}\.$' c/model.h ||
    fail "$(head -n 9 c/model.h)"
  cat c/model.h c/model.c c/model_test.c > before
  CC="cc -O1" "$BITSTATE" export run --format=c --out=c --parity=3 > /dev/null
  cat c/model.h c/model.c c/model_test.c | cmp - before
  rm before

  # compilers that crash, complain, do nothing, and that make something else of the model: at all, and behind the self-test
  compiler() { printf '#!/bin/sh\n%s\n' "$2" > "bin/$1" && chmod +x "bin/$1"; }
  change='for word; do shift; case $word in */model.c) sed "s/sum += /sum -= /" "$word" > changed.c; word=changed.c;; esac; set -- "$@" "$word"; done; cc "$@"; code=$?; rm -f changed.c; exit $code'
  compiler crash 'kill -SEGV $$'
  compiler complain 'echo "no room"; echo more; exit 1'
  compiler idle 'exit 0'
  compiler wrong "$change"
  compiler late "case \"\$*\" in *driver.c*) ;; *) exec cc \"\$@\";; esac; $change"
  for out in c new/folder; do
    CC=bin/complain refused 'bin/complain does not compile the C (exit code 1: no room)' "$BITSTATE" export run --format=c --out=$out
    CC=bin/late refused 'the compiled C is wrong: in test sequence 0, output ' "$BITSTATE" export run --format=c --out=$out
    [ ! -e new ] || fail "a folder was left behind"
  done
  CC=bin/crash refused 'bin/crash does not compile the C (signal 11)' "$BITSTATE" export run --format=c --out=c
  CC="bin/idle -O3" refused 'bin/idle made no program of the C' "$BITSTATE" export run --format=c --out=c
  CC=bin/wrong refused 'the self-test of the C fails (exit code 1: model: hash' "$BITSTATE" export run --format=c --out=c
fi

# a model with another name, whatever PATH says of Arm's compiler
printf '#!/bin/sh\nfor word; do shift; case $word in -m*) ;; *) set -- "$@" "$word";; esac; done; exec cc "$@"\n' > bin/arm-none-eabi-gcc
printf '#!/bin/sh\nexec size "$@"\n' > bin/arm-none-eabi-size
chmod +x bin/*
if command -v cc > /dev/null && command -v size > /dev/null; then
  PATH=$PWD/bin:$PATH "$BITSTATE" export run --format=c --name=gait --out=gait --adc_lsb=0.01,0.02,0.03 --adc_offset=-20 > /dev/null
  [ "$(ls gait)" = "$(printf 'gait.c\ngait.h\ngait_test.c')" ]
  grep -qE '^ \* Cortex-M4 \(-Os\): [1-9][0-9]+ bytes of flash, [1-9][0-9]+ bytes of stack on the deepest path' gait/gait.h ||
    fail "$(head -n 9 gait/gait.h)"
  cc -std=c99 -Wall -Wextra -Werror -o self_test gait/gait.c gait/gait_test.c
  ./self_test > said
  grep -q '^gait: hash [0-9a-f]*, 0 wrong$' said || fail "$(cat said)"
fi
# usage <words> <argument>...: exit code 2
usage() {
  local words=$1 code=0
  shift
  "$BITSTATE" export run "$@" > said 2>&1 || code=$?
  [ "$code" -eq 2 ] || fail "export run $*: exit $code, said: $(cat said)"
  says "$words"
}
usage '[name] "while" is a keyword' --format=c --name=while
usage '[format] expected c with --name, --layout and --adc_lsb' --name=gait
usage '[adc_lsb] expected one number, or 3 as the model has columns, got 2' --format=c --adc_lsb=1,2
usage '[adc_lsb] expected what one count of the ADC stands for' --format=c --adc_bits=12
usage '[adc_bits] expected a whole number from 1 to 16' --format=c --adc_lsb=1 --adc_bits=s17
usage '[adc_lsb] expected a number' --format=c --adc_lsb=1,
usage '[adc_lsb] expected what one count stands for, which is not 0' --format=c --adc_lsb=1,0,1

# onnxruntime, and a node that changes what it gives
export BITSTATE_NPM=$BITSTATE_SOURCE/build/npm
if node=$(command -v node) && [ -d "$BITSTATE_NPM/node_modules/onnxruntime-node" ]; then
  "$BITSTATE" export run --format=onnx --out=model.onnx --proof=required > said
  says 'what is written: proven on 4 sequences'
  grep -qa 'bitstate.proof.*proven on 4 sequences' model.onnx || fail "model.onnx does not say that it was run"
  rm said
  printf '#!/bin/sh\n"%s" "$@" || exit 1\nif [ $# -gt 1 ]; then for file; do :; done; printf "\\123" | dd of="$file" conv=notrunc 2> /dev/null; fi\n' "$node" > bin/node
  chmod +x bin/node
  PATH=$PWD/bin:$PATH refused 'the ONNX model in onnxruntime is wrong: in test sequence 0, output 0' \
    "$BITSTATE" export run --format=onnx --out=model.onnx
  printf '#!/bin/sh\nif [ $# -gt 1 ]; then echo "it is broken" >&2; exit 1; fi\n' > bin/node
  PATH=$PWD/bin:$PATH refused 'the ONNX model in onnxruntime cannot be run (exit code 1: it is broken)' \
    "$BITSTATE" export run --format=onnx --out=model.onnx
fi
