#!/usr/bin/env bash
# Documentation has lines of fewer than 120 characters: every .md file but those that a
# program has written (docs/results/reports), and the comments of recipes and configurations.
#   check_line_length.sh <repository>
set -euo pipefail
cd "$1"
folders=()
for folder in docs core autograd models datasets experiments tests bench examples cmake; do
  [ ! -d "$folder" ] || folders+=("$folder")
done
{
  find . -maxdepth 1 -name '*.md' -print0
  [ ${#folders[@]} -eq 0 ] || find "${folders[@]}" ! -path "docs/results/reports/*/*" \( -name '*.md' -o -name '*.ini' -o -name '*.quant' \) -print0
} |
  # A character of UTF-8 is one byte and continuation bytes, which are left out of the count: not every awk knows UTF-8.
  LC_ALL=C xargs -0 --no-run-if-empty awk '
    FILENAME ~ /\.(ini|quant)$/ && !/^#/ { next }
    { gsub(/[\200-\277]/, "") }
    length($0) > 119 { printf "%s:%d has %d characters, more than 119\n", FILENAME, FNR, length($0); ++long }
    END { exit long > 0 }'
