#!/usr/bin/env bash
# zsh completes commands, options, their values and names, in a shell of its own behind a pseudo terminal.
set -euo pipefail
zsh=${ZSH:-zsh}
command -v "$zsh" > /dev/null || { echo "skipped: there is no zsh"; exit 77; }
"$BITSTATE" completion zsh > _bitstate
"$zsh" -n _bitstate
ln -s "$BITSTATE" bitstate
touch mine.quant

# Types a line, then Tab and Ctrl-X q, which prints the line as it is then.
cat > complete.zsh <<'END'
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'PROMPT=; fpath=($PWD $fpath); autoload -U compinit; compinit -u -D; unsetopt beep
show() { print -r -- "<<$BUFFER>>"; zle send-break }; zle -N show; bindkey "^Xq" show; print ready'
zpty -r shell output '*ready*ready*'
zpty -n -w shell "$1"$'\t\C-Xq'
zpty -r shell output '*<<*>>*'
output=${output##*<<}
print -r -- "${output%%>>*}"
zpty -d shell
END
becomes() {
  local found
  found=$(timeout 20 "$zsh" -f complete.zsh "$1" | tr -d '\r')
  if [ "$found" != "$2" ]; then
    echo "'$1' becomes '$found', not '$2'"
    exit 1
  fi
}
becomes 'bitstate repo' 'bitstate report '
becomes 'bitstate train psmn' 'bitstate train psmnist '
becomes 'bitstate train smnist --checkpoint_s' 'bitstate train smnist --checkpoint_seconds='
becomes 'bitstate train smnist --quant=mine' 'bitstate train smnist --quant=mine.quant '
becomes 'bitstate train smnist --mode=la' 'bitstate train smnist --mode=last '
becomes 'bitstate sweep smnist-small-sev' 'bitstate sweep smnist-small-seven '
becomes 'bitstate list rec' 'bitstate list recipes '
