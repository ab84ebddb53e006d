#!/usr/bin/env bash
# bash completes commands, options, their values and names, from what the program prints.
set -euo pipefail

"$BITSTATE" completion bash > script.bash
bash -n script.bash
# shellcheck disable=SC1091
source script.bash
touch mine.quant mine.ini
mkdir folder

# completed <expected words, sorted> <word>... : the last word is completed; bash splits words at =
completed() {
  local expected=$1 found
  shift
  COMP_WORDS=(bitstate "$@")
  COMP_CWORD=$#
  _bitstate || true  # no set -e inside, as in a shell
  found=$(printf '%s\n' "${COMPREPLY[@]}" | sort | tr '\n' ' ')
  if [ "$found" != "$expected " ]; then
    echo "completion of '$*': $found"
    echo "expected: $expected"
    exit 1
  fi
}

completed 'train' tra
completed 'report run' r
completed 'lorenz lorenz-small' train lor
completed '--epochs=' train lorenz --ep
completed '--checkpoint_seconds=' train lorenz --epochs = 3 --checkp
completed 'last pool' train smnist --mode = ''
completed 'mine.quant' train smnist --quant = mine.q
completed 'w4a8 w4a8-a8 w4a8-ssm8' train smnist --quant = w4
completed 'w8a8' train smnist --quant w8
completed 'smnist-small smnist-small-ptq smnist-small-seven' sweep smn
completed 'mine.ini' sweep mine.i
completed '--jobs=' sweep demo --jo
completed '--engine=' sweep demo --eng
completed 'folder' eval fol
completed 'configs' list con
completed 'check' data ch
completed 'speech35 speech35-8k' data --data = folder fetch spee
completed 'bash zsh' completion ''
completed 'psmnist' help train psm
completed 'program' export folder --format pro

# every command and every option of its help is completed
checked=0
for command in $("$BITSTATE" --help | sed -nE 's/^  ([a-z]+) +.*/\1/p'); do
  "$BITSTATE" "$command" --help | sed -nE 's/^  (--[A-Za-z_0-9]+).*/\1/p' | sort > of_help
  COMP_WORDS=(bitstate "$command" --)
  COMP_CWORD=2
  _bitstate || true  # no set -e inside, as in a shell
  printf '%s\n' "${COMPREPLY[@]}" | sed 's/=$//' | grep -vxE -e '--(help|version)' | sort > of_completion || true
  diff of_help of_completion
  checked=$((checked + 1))
done
[ "$checked" -ge 12 ] || { echo "only $checked commands were found in the help"; exit 1; }
