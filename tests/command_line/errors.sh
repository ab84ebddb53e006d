#!/usr/bin/env bash
# Bad input gives one clear sentence, exit code 2 for usage and 1 for failure, and never costs a finished result.
set -euo pipefail

# expect <code> <words of the message> <argument>...
expect() {
  local code=0 expected=$1 words=$2 output
  shift 2
  output=$("$BITSTATE" "$@" 2>&1 > /dev/null) || code=$?
  if [ "$code" -ne "$expected" ] || ! grep -qF -- "$words" <<< "$output" || [ "$(wc -l <<< "$output")" -gt 6 ]; then
    echo "bitstate $*: exit $code (expected $expected), said: $output" >&2
    echo "expected the words: $words" >&2
    exit 1
  fi
}

# errors say what was expected and what was given, never "X is not allowed: Y is"
if grep -rnE 'is not allowed: |allowed are' "$BITSTATE_SOURCE"/{core,autograd,models,datasets,experiments} --include=*.cpp; then
  exit 1
fi

expect 2 'epochs' train lorenz-small --epoch=3
expect 2 '[n_layers] expected a whole number from 1 to 1024, got "0"' train lorenz-small --n_layers=0
expect 2 'lorenz-small' train lorenz-smal
expect 2 'train' trian lorenz-small
expect 2 'w8a8' train lorenz-small --quant=w8a9
expect 2 'd_model' train lorenz-small --d_model=0
expect 2 'd_model' train lorenz-small --d_model=99999999999999999999
expect 2 'ssm_lr_base' train lorenz-small --ssm_lr_base=nan
expect 2 'blocks' train lorenz-small --blocks=3
expect 2 'a_bits' train lorenz-small --a_bits=17
expect 2 'matches no site of this model; the nearest one is weight:layers.0.ssm.A' train lorenz-small --bits='weight:*.ssm.E 8'
expect 2 'bsz' train lorenz-small --bsz=5000 --trajectories=20
expect 1 'train-images-idx3-ubyte' train smnist-small --data=/nowhere
expect 2 'is not the folder of a run' eval /nowhere
mkdir damaged
printf 'not an HDF5 file' > damaged/checkpoint.h5
expect 1 'checkpoint.h5' train lorenz-small --out=damaged --resume
expect 2 '--resume' train lorenz-small --out=damaged

"$BITSTATE" train lorenz-small --trajectories=20 --bsz=4 --epochs=1 --out=done > /dev/null
before=$(cat done/result.json)
expect 2 'already holds a run' train lorenz-small --trajectories=20 --bsz=4 --epochs=2 --out=done
[ "$before" = "$(cat done/result.json)" ]

# a learning rate that blows up: the run stops in that step, names what is not finite, and leaves a valid result
code=0
"$BITSTATE" train lorenz-small --trajectories=20 --bsz=4 --epochs=50 --ssm_lr_base=100 --out=diverged --json > diverged.log 2>&1 || code=$?
[ "$code" -eq 1 ]
grep -q '"status":"diverged"' diverged/result.json
grep -qE 'epoch [0-9]+, (step [0-9]+|validation): \[(loss|gradient|scan|quantize)\] .*(loss|gradient of|state of|holds)' diverged.log

# the rules of a .quant file are part of the run
printf 'weight:* 8\n' > my.quant
small=(lorenz-small --trajectories=20 --bsz=4 --epochs=1 --quant=my.quant --out=rules)
"$BITSTATE" train "${small[@]}" > /dev/null
"$BITSTATE" train "${small[@]}" --resume > /dev/null
expect 1 'epochs' train "${small[@]}" --epochs=2 --resume
printf 'weight:* 2\n' > my.quant
"$BITSTATE" eval rules > /dev/null  # a run keeps its rules
expect 1 'other quantization rules' train "${small[@]}" --resume

# names of other programs are understood as hints
expect 2 "'lr' is not an option; here it is --ssm_lr_base" train lorenz-small --lr=0.1
expect 2 "'batch_size' is not an option; here it is --bsz" train lorenz-small --batch-size 8
expect 2 "'hidden' is not an option; here it is --d_model" train lorenz-small --hidden=8
expect 2 'bitstate runs on the CPU; --threads sets on how many threads' train lorenz-small --device=cuda
expect 2 "'num_layers' is not an option; here it is --n_layers" train lorenz-small --num_layers=2
printf 'dataset = lorenz\nlearning_rate = 0.1\n' > foreign.ini
expect 2 'here it is --ssm_lr_base' train foreign.ini

# the same help on three ways; lists; the version on two
"$BITSTATE" help train smnist > help
"$BITSTATE" train smnist --help | cmp - help
"$BITSTATE" train smnist -h | cmp - help
grep -qF 'number of layers [4]' help
"$BITSTATE" -h > all
"$BITSTATE" help | cmp - all
"$BITSTATE" --version > version
"$BITSTATE" -v | cmp - version
"$BITSTATE" train -v | cmp - version
for code in 0 1 2 75; do grep -qE "^  $code +[a-z]" all; done
"$BITSTATE" list > kinds
while read -r kind _; do
  "$BITSTATE" list "$kind" > list
  [ -s list ]
done < kinds
for kind in recipes configs datasets sweeps; do grep -q "^$kind " kinds; done
"$BITSTATE" list recipes > list
grep -q '^smnist  *Sequential MNIST' list
expect 2 "did you mean 'recipes'" list recipe
expect 2 '"x" is one argument too many' signature x
"$BITSTATE" signature > signature
grep -qE '^[0-9a-f]{16}$' signature
expect 2 'expected bash or zsh, got "fish"' completion fish
for command in train ptq eval import inspect export run sweep report data bench signature list completion; do
  "$BITSTATE" "$command" --help > "$command.help"
  grep -q "^usage: bitstate $command " "$command.help"
done

touch taken
expect 1 '[taken/runs] the file system says: Not a directory' sweep demo --out=taken --trajectories=20 --epochs=1 --seed=1
