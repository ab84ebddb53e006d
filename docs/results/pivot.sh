#!/bin/bash
# Prints a table of this folder from raw/*.csv of a sweep over axis.bits: a row for each part and form, a column for
# each number of bits. Accuracies are in per cent; mean and deviation are those of the seeds.
#   docs/results/pivot.sh FILE.csv [FACTOR]      FACTOR: on errors; 1000 for millivolts
set -euo pipefail
if [ ! -f "${1:-}" ]; then
  echo "usage: docs/results/pivot.sh FILE.csv [FACTOR]; there is no file '${1:-}'" >&2
  exit 2
fi
exec awk -v factor="${2:-1}" '
  # The fields of a line; a field in double quotes may hold commas, and "" in it is one quote.
  function fields(line,   n, field) {
    n = 0
    while (line != "") {
      if (match(line, /^"([^"]|"")*"/)) {
        field = substr(line, 2, RLENGTH - 2)
        gsub(/""/, "\"", field)
      } else {
        match(line, /^[^,]*/)
        field = substr(line, 1, RLENGTH)
      }
      value[++n] = field
      line = substr(line, RLENGTH + 2)
    }
    return n
  }
  function name(spec) {
    if (spec ~ /^weight:\*\.ssm\.A/) {
      sub(/^weight:\*\.ssm\.A/, "", spec)
      sub(/ form=/, "", spec)
      return "A, " (spec == "" ? "cartesian" : spec)
    }
    if (match(spec, /^weight:\*\.ssm\.[BCD]/)) return substr(spec, RLENGTH, 1)
    if (spec ~ /^weight:\*/) return "other weights"
    if (spec ~ /^act:\*\.ssm/) return "activations of the SSM"
    if (spec ~ /^act:\*/) return "other activations"
    if (spec ~ /^state:\*/) return "state" (match(spec, /rounding=[a-z]+/) ? ", " substr(spec, RSTART + 9, RLENGTH - 9) : "")
    return spec
  }
  function number(v, scale) { return scale == 100 ? sprintf("%.2f", 100 * v) : sprintf("%.3g", scale * v) }
  function cell(mean, deviation, n, diverged) {
    if (mean == "") return diverged + 0 > 0 ? "diverges" : ""
    if (mean + 0 > 1000) return "above 1000"
    return number(mean, scale) (deviation == "" ? "" : " ± " number(deviation, scale)) (diverged + 0 > 0 ? " (" diverged " of " n + diverged " diverge)" : "")
  }
  { split("", value); count = fields($0) }
  NR == 1 { for (i = 1; i <= count; ++i) at[value[i]] = i; next }
  {
    scale = value[at["metric"]] == "accuracy" ? 100 : factor
    text = cell(value[at["test_mean"]], value[at["test_std"]], value[at["n"]], value[at["diverged"]])
    spec = value[at["bits"]]
    gsub(/"/, "", spec)
    if (spec == "" || spec == "none") { float = text; next }
    split(spec, words, " ")
    bits = words[2]
    sub(" " bits, "", spec)
    row = name(spec)
    if (!(row in seen)) { seen[row] = ++rows; label[rows] = row }
    if (!(bits in width)) { width[bits] = ++columns; column[columns] = bits }
    cells[row, bits] = text
  }
  END {
    for (i = 1; i <= columns; ++i) for (j = i + 1; j <= columns; ++j)
      if (column[j] + 0 > column[i] + 0) { t = column[i]; column[i] = column[j]; column[j] = t }
    printf "| float: %s |", float
    for (i = 1; i <= columns; ++i) printf " %s bits |", column[i]
    printf "\n|---|"
    for (i = 1; i <= columns; ++i) printf "---:|"
    print ""
    for (r = 1; r <= rows; ++r) {
      printf "| %s |", label[r]
      for (i = 1; i <= columns; ++i) printf " %s |", cells[label[r], column[i]]
      print ""
    }
  }' "$1"
