#!/usr/bin/env bash
# A float run is quantized without training and fine-tuned from its weights; both are runs like any other, and the float
# run's folder keeps its bytes.
set -euo pipefail

# refused <code> <words of the message> <argument>...
refused() {
  local code=0 expected=$1 words=$2 output
  shift 2
  output=$("$BITSTATE" "$@" 2>&1 > /dev/null) || code=$?
  [ "$code" -eq "$expected" ] && grep -qF -- "$words" <<< "$output" && return
  echo "bitstate $*: exit $code (expected $expected), said: $output" >&2
  exit 1
}
mse() { "$BITSTATE" eval "$1" --json | tail -n 1 | grep -o '"test_mse":[0-9.e+-]*'; }

"$BITSTATE" train lorenz-small --trajectories=40 --epochs=20 --out=runs/float > train.log
sum=$(cat runs/float/* | sha256sum)

"$BITSTATE" ptq runs/float --quant=w8a8 > ptq.log
folder=$(ls -d runs/float-ptq-*)
[ "$(mse "$folder")" = "$(grep -o '"test_mse":[0-9.e+-]*' "$folder/result.json")" ]
[ "$(mse "$folder")" != "$(mse runs/float)" ]
"$BITSTATE" ptq runs/float --a_bits=4 --batches=0 --out=runs/a4 > a4.log
"$BITSTATE" train --from=runs/float --quant=w8a8 --epochs=2 --from_lr_factor=0.1 --opt_config=qaft --out=runs/tuned > tuned.log
"$BITSTATE" train --from=runs/float --quant=w8a8 --epochs=2 --from_lr_factor=0.1 --opt_config=qaft --out=runs/tuned --resume > tuned.log
"$BITSTATE" ptq runs/float --balance --out=runs/balanced > balanced.log
[ "$(mse runs/balanced)" = "$(mse runs/float)" ] || { echo "balancing changed the float model"; exit 1; }
"$BITSTATE" train lorenz-small --trajectories=40 --epochs=5 --preset=qs5 --out=runs/qs5 > qs5.log
"$BITSTATE" ptq runs/qs5 --balance --out=runs/qs5-balanced > balanced.log
[ "$(mse runs/qs5-balanced)" = "$(mse runs/qs5)" ] || { echo "balancing changed the float model of qs5"; exit 1; }
"$BITSTATE" ptq runs/qs5 --quant=w4a8 --batches=0 > qs5.log
for a in discrete frozen; do
  "$BITSTATE" train --from=runs/float --quant=w8a8 --balance --epochs=1 --a_training="$a" --out="runs/$a" > train.log
done
cat > ptq.ini <<'END'
set.from = runs/float
set.epochs = 0
set.calibration_batches = 4
axis.a_training = continuous discrete
axis.a_bits = 4 8
END
"$BITSTATE" sweep ptq.ini --out=swept --jobs=2 > swept.log
"$BITSTATE" report swept > report.log
[ "$(grep -cE '^\| .* ?a_training=(continuous|discrete) ' swept/table.md)" -eq 6 ] || { cat swept/table.md; exit 1; }
[ "$sum" = "$(cat runs/float/* | sha256sum)" ] || { echo "the float run was changed"; exit 1; }

"$BITSTATE" report runs > report.log
[ "$(grep -cE '^\| .*(runs/float|float)' runs/table.md)" -ge 4 ]

refused 2 'needs what to change' ptq runs/float
refused 2 'w8a9' ptq runs/float --quant=w8a9
refused 2 '[batches] expected a whole number from 0 to 999999, got "-1"' ptq runs/float --quant=w8a8 --batches=-1
refused 2 'act:encoder keeps a range' ptq runs/float --quant=w8a8 --batches=0
refused 2 'choose another --out' ptq runs/float --quant=w8a8 --out=runs/float
refused 2 'already holds a run' ptq runs/float --quant=w8a8
refused 2 'has no settings.ini' ptq runs/nowhere --quant=w8a8
refused 2 'encoder.weight of shape [3, 3], but this model has [4, 3]' train lorenz-small --from=runs/float --d_model=4
refused 2 '[balance]' train lorenz-small --balance
refused 2 '[a_training] expected one of continuous, discrete, frozen, got "polar"' train lorenz-small --a_training=polar
refused 2 'holds no layers.0.ssm.Lambda_re' train --from=runs/discrete --a_training=frozen
refused 2 'holds layers.0.norm.bias' ptq runs/float --preset=qs5
refused 2 '[epochs]' train lorenz-small --epochs=0
"$BITSTATE" train lorenz-small --trajectories=40 --epochs=1 --seed=2 --out=runs/other > other.log
cp runs/other/best.h5 runs/float/best.h5
refused 1 'other weights' train --from=runs/float --quant=w8a8 --epochs=2 --from_lr_factor=0.1 --opt_config=qaft --out=runs/tuned --resume
