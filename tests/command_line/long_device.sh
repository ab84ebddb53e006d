#!/usr/bin/env bash
# The firmware of examples/device under QEMU: its classes are those of the same C on this machine, although it sleeps
# deeply in the middle of windows; a step that takes too long is noticed.
set -euo pipefail
source_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
fail() { echo "$*" >&2; exit 1; }
for tool in cc arm-none-eabi-gcc arm-none-eabi-size qemu-system-arm; do
  command -v "$tool" > /dev/null || { echo "skipped: there is no $tool"; exit 77; }
done

# two tones, in windows of 50 samples
awk 'BEGIN {
  srand(1)
  print "a,k"
  for (i = 0; i < 3000; ++i) {
    if (i % 50 == 0) k = rand() < 0.5
    printf "%.4f,%d\n", sin(i * (k ? 0.9 : 0.3)) + 0.2 * rand(), k
  }
}' > tones.csv
cat > own.ini <<'END'
dataset = own
input = a
target = k
task = classification
window = 50
n_layers = 1
d_model = 16
ssm_size_base = 16
blocks = 1
activation_fn = half_glu1
batchnorm = false
ssm_lr_base = 0.01
lr_factor = 1
bsz = 4
epochs = 30
seed = 1
END
"$BITSTATE" train own.ini --data=tones.csv --quant=w8a8 --out=run > /dev/null
"$BITSTATE" export run --format=c --adc_bits=12 --adc_lsb=0.001 --adc_offset=-1 --out=c > /dev/null
awk -F, 'NR > 1 { printf "%d\n", ($1 + 1) / 0.001 + 0.5 }' tones.csv > counts.csv

cat > host.c <<'C'
#include "model.h"

#include <stdio.h>

int main(void) {
  static model_state s;
  int count, step = 0, window = 0;
  model_init(&s);
  while (scanf("%d", &count) == 1) {
    const int8_t code = model_encode_adc(count, 0);
    model_step(&s, &code);
    if (++step % 50 != 0) continue;
    printf("window %d class %d\n", window++, model_classify(&s));
    model_init(&s);
  }
  return 0;
}
C
cc -std=c99 -O2 -Ic host.c c/model.c -o host
head -n -1 counts.csv | ./host > expected  # the last sample ends the recording
[ "$(cut -d" " -f4 expected | sort -u | wc -l)" -eq 2 ] || fail "the model gives one class: $(cat expected)"

"$source_folder/examples/device/run_in_qemu.sh" c counts.csv -DWINDOW=50 > said || fail "$(cat said)"
diff expected <(sed -n 's/^\(window .*\) slowest.*/\1/p' said) || fail "the device gives other classes"
[ "$(grep -c '^deep sleep$' said)" -ge 10 ] || fail "it does not sleep: $(cat said)"
! grep -q watchdog said || fail "the watchdog ran out: $(cat said)"

# a step takes about 0.4 of a sample's time at 1,000 samples per second
code=0
"$source_folder/examples/device/run_in_qemu.sh" c counts.csv -DSAMPLE_RATE=5000 > said || code=$?
[ "$code" -eq 1 ] && grep -q 'a sample was lost' said || fail "exit $code: $(cat said)"
