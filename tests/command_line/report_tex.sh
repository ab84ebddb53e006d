#!/usr/bin/env bash
# pdflatex compiles table.tex, pivot.tex and comparison.tex, whatever the labels are, and sets what they say.
set -euo pipefail

fail() { echo "$*" >&2; exit 1; }
if ! command -v pdflatex > /dev/null || ! kpsewhich booktabs.sty > /dev/null; then
  echo "skipped: pdflatex with booktabs is not installed (Debian: texlive-latex-recommended)"
  exit 77
fi

export HOME=$PWD TEXMFVAR=$PWD/texmf  # where fonts are kept that TeX makes

labels=('Float' '[z] 10 % of A & B_1 #2 {x} ~ ^ \ $5' '* <a> |b| "q" é ± − ≈ † × → ≤ Λ, 4 bits' "\$\\bar{B}_2\$ -- 'C' for \$5, 8 bits")
bits=(none none 'weight:*.ssm.A 4' 'weight:*.ssm.B 8')
# sweep FOLDER SHIFT: two seeds of each label in two stages, one of which diverged
sweep() {
  local count=0 rows=
  for stage in float p_t_q; do
    for i in "${!labels[@]}"; do
      local label=${labels[i]//\\/\\\\} runs=
      label=${label//\"/\\\"}
      for seed in 1 2; do
        count=$((count + 1))
        mkdir -p "$1/runs/r$count"
        printf 'dataset = smnist\nbits = %s\nquant = %s\nepochs = %s\nseed = %s\n' "${bits[i]}" "none$((i % 2))" "$([ $stage = float ] && echo 3 || echo 1)" "$seed" \
          > "$1/runs/r$count/settings.ini"
        printf '{"status":"%s","metric":"mse","test_mse":%s.%s25,"val_mse":1,"size_bits":%s,"seconds":2}\n' \
          "$([ $count = 4 ] && echo diverged || echo done)" $((count + $2)) "$seed" $((8192 * count)) > "$1/runs/r$count/result.json"
        runs+="${runs:+,}{\"seed\":$seed,\"hash\":\"$(printf %016x $count)\",\"folder\":\"r$count\"}"
      done
      rows+="${rows:+,}{\"label\":\"$label\",\"stage\":\"$stage\",\"runs\":[$runs]}"
    done
  done
  printf '{"version":1,"program":"1","command":"sweep 50%%_\\n&","date":"2026-01-01","machine":{"cpu":"C","cores":2},"data":"","rows":[%s]}\n' \
    "$rows" > "$1/plan.json"
}
sweep a 0
sweep b 3
"$BITSTATE" report a b --out=both --rows=configuration --columns=stage > said || fail "$(cat said)"
"$BITSTATE" report a --out=parts --rows=part --columns=width > said || fail "$(cat said)"

# compile FOLDER NAME: the table's text is left in FOLDER/NAME.txt
compile() {
  printf '\\documentclass{article}\n\\usepackage[landscape,margin=1cm]{geometry}\n\\usepackage{booktabs}\n\\begin{document}\\tiny\n\\input{%s}\n\\end{document}\n' \
    "$2" > "$1/document.tex"
  (cd "$1" && pdflatex -interaction=nonstopmode -halt-on-error document.tex > log) || fail "$1/$2.tex: $(tail -30 "$1/log")"
  ! grep -a 'Missing character\|LaTeX Warning' "$1/log" || fail "$1/$2.tex has no glyph for this"
  command -v pdftotext pdffonts > /dev/null || return 0
  ! pdffonts "$1/document.pdf" | grep 'Type 3' || fail "$1/$2.tex needs a font of pixels"
  pdftotext -layout "$1/document.pdf" "$1/$2.txt"
}
# says FILE WORDS...: one line has all the words, in their order
says() {
  [ -e "$1" ] || return 0
  local file=$1 pattern
  shift
  pattern=$(printf '%s\n' "$@" | sed 's/[][\\.*^$]/\\&/g' | paste -sd '\t' | sed 's/\t/ .*/g')
  grep -q -- "$pattern" "$file" || fail "$file does not say $*: $(cat "$file")"
}
compile both table
says both/table.txt float Float '1.675 ± 0.778'
says both/table.txt "’C’ for \$5, 8 bits"
says both/table.txt 'p t q' '* <a> |b|' '± − ≈ † × → ≤ Λ, 4 bits' '13.68 ± 0.78'
compile both comparison
says both/comparison.txt 'p t q' '[z] 10 % of A & B 1 #2 {x}' '\ $5' '11.68 ± 0.78' '14.68 ± 0.78' '+3.00 [+3.00, +3.00]'
compile both pivot
says both/pivot.txt configuration float 'p t q'
says both/pivot.txt '[z] 10 %' '3.125 (1 of 2 diverged)' '11.68 ± 0.78'
compile parts pivot
says parts/pivot.txt Float: 1.675
