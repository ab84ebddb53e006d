#!/usr/bin/env bash
# data show says what is in a file, as far as it can be read, and what a training would make of it.
set -euo pipefail
fail() { echo "$*" >&2; exit 1; }
says() { grep -qF -- "$1" said || fail "expected: $1; said: $(cat said)"; }

awk 'BEGIN { print "t,u,y,state"; for (k = 0; k < 100; ++k) printf "%d,%.3f,%.3f,%s\n", k, sin(k / 5), 5, k % 4 ? "on" : "off" }' > a.csv
"$BITSTATE" data show a.csv > said
says '100 rows in 1 sequence of 1 file, 4 columns'
says 'on × 75, off × 25'
says 'constant'
says 'train own reads nothing yet: [input] a table needs --input=COLUMN,...'
[ "$(LC_ALL=C grep -cP '^(\xE2[\xA0-\xA3][\x80-\xBF])+$' said)" -eq 8 ] || fail "no plots: $(cat said)"

# cells that are missing are counted; what a training needs is said
sed '7s/,[^,]*/,/' a.csv > hole.csv
"$BITSTATE" data show hole.csv --time=t --input=u --target=y --svg=plots.svg > said
grep -qE '^u +numbers +input +99 +1 ' said || fail "$(cat said)"
says '(t in steps of 1)'
says 'train own reads nothing yet: [csv] hole.csv, line 7: column u'
says 'plots.svg is written'
grep -q '^<svg xmlns=' plots.svg
"$BITSTATE" data show hole.csv --input=u --target=y --missing=linear > said
says 'train own reads: 1 training, 1 validation and 1 test sequences of at most 80 steps; 1 input, 1 target per step;'

# a folder, its parts, and the same files one by one
mkdir -p parts/train parts/test
cp a.csv parts/train/a.csv
cp a.csv parts/test/b.csv
"$BITSTATE" data show parts > said
says 'training: 100 rows'
says 'test: 100 rows'
"$BITSTATE" data show --train=a.csv --test=hole.csv --input=u --target=y > said
says 'training: 100 rows'
grep -qE '^u +numbers +input +99 +1 ' said || fail "$(cat said)"

# nothing in a file gets to the terminal as it is, nor into what is written
printf 'u\033[31m,\302\233y,z\n1,2,\033]0;title\007\n3,4,\342\200\256\n' > evil.csv
for row in $(seq 20); do echo "$row,$row,a"; done >> evil.csv
"$BITSTATE" data show evil.csv --svg=evil.svg > said 2>&1
says 'u\x1B[31m'
says '\x1B]0;title\x07'
"$BITSTATE" data check own --data=evil.csv --input=0 --target=2 > error 2>&1 && fail "a text was read as a number"
"$BITSTATE" data check own --data=evil.csv --input=0 --target=1 > check
for file in said evil.svg error check; do
  if LC_ALL=C grep -nP '[\x00-\x09\x0B-\x1F\x7F]|\xC2[\x80-\x9F]|\xE2\x80\xAE' "$file"; then fail "$file has control characters"; fi
done

# expect <code> <words> <argument>...
expect() {
  local code=0 expected=$1 words=$2
  shift 2
  "$BITSTATE" data "$@" > out 2> said || code=$?
  [ "$code" -eq "$expected" ] || fail "bitstate data $*: exit $code (expected $expected), said: $(cat said)"
  [ "$(wc -l < said)" -eq 1 ] || fail "bitstate data $*: $(cat said)"
  says "$words"
}
expect 1 'absent.csv does not exist' show absent.csv
expect 2 'needs one file or folder, or the parts' show
expect 2 'needs one file or folder' show a.csv --data=a.csv
expect 2 'a.csv has no column "v"' show a.csv --input=v
expect 2 'neither a folder nor a .csv' show plots.svg
expect 2 'svg] is for data show' check own --data=a.csv --svg=no.svg
expect 1 'absent/no.svg' show a.csv --svg=absent/no.svg
head -c 40 /dev/urandom > noise.h5
expect 1 'noise.h5' show noise.h5
: > empty.csv
expect 1 'empty.csv holds no row' show empty.csv
expect 2 "'shw' is not a command of it; did you mean 'show'?" shw a.csv
