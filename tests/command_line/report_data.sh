#!/usr/bin/env bash
# What report_statistics.sh leaves out, recomputed with awk from what the runs left: which float run a row is compared
# with, the runs that were given up, the data of plots of the multiplier width, of sites and of eigenvalues, and the
# tables that compare two sweeps.
set -euo pipefail

# run FOLDER SETTINGS RESULT: as training leaves it
run() {
  mkdir -p "$1"
  printf 'dataset = lorenz\n%b' "$2" > "$1/settings.ini"
  printf '{"status":"done",%s}\n' "$3" > "$1/result.json"
}

# points FILE: what a plot shows, with twelve digits: series, x, y, low, high, from where, label
points() {
  awk -F, 'function digits(s) { return s == "" ? "-" : sprintf("%.12g", s == 0 ? 0 : s) }
    NR > 1 { label = $0; sub(/^([^,]*,){7}/, "", label); split(label, parts, "\""); print $1, digits($2), digits($3), digits($4), digits($5), digits($6), digits($7), parts[2] }' "$1"
}

# float runs, what was rounded from them, and what both were after more training: two float rows
for seed in 1 2 3; do
  run "a/runs/f$seed" "a_bits = none\nepochs = 9\nseed = $seed\n" "\"test_mse\":$((seed + 1)).25,\"a_width\":32"
  run "a/runs/p$seed" "a_bits = 8\nepochs = 0\nseed = $seed\nfrom = ../f$seed\n" "\"test_mse\":$((seed * 2 + 3)).5,\"a_width\":8"
  run "a/runs/g$seed" "a_bits = none\nepochs = 3\nseed = $seed\nfrom = ../f$seed\n" "\"test_mse\":$((2 * seed % 3 + 1)).125,\"a_width\":32"
  run "a/runs/q$seed" "a_bits = 4\nepochs = 3\nseed = $seed\nfrom = ../f$seed\n" "\"test_mse\":$((seed * seed)).75,\"a_width\":4"
done
echo '{"status":"given up","reason":"no hope"}' > a/runs/q3/result.json
cat > a/runs/q2/sites.csv <<'END'
site,kind,bits,low,high,saturated
act:u,act,8,-1.5,2.25,0.125
act:v,act,4,0,3,0
END
cat > a/runs/q2/eigenvalues.csv <<'END'
layer,state,re,im,rounded_re,rounded_im
one,0,0.5,0.25,0.75,0.125
one,1,0.25,0.5,0.125,0.625
two,0,-0.5,0.75,-0.625,0.875
END
"$BITSTATE" report a > report.log

# expected.rows: the difference, its float and the number of runs given up of each row; expected.points: its mark
awk -F'[:,}]' '
  function mean(list, n, i, sum) { for (i = 1; i <= n; i++) sum += list[i]; return sum / n }
  function half(list, n, i, m, sum) { m = mean(list, n); for (i = 1; i <= n; i++) sum += (list[i] - m) ^ 2; return t[n - 1] * sqrt(sum / (n - 1) / n) }
  function sign(x, s) { s = sprintf("%+.3f", x); sub(/^-/, "−", s); return s }
  BEGIN { split("12.7062047361747046 4.30265272974946385", t, " ") }
  /given up/ { given_up[substr(FILENAME, 8, 1)]++; next }
  { kind = substr(FILENAME, 8, 1); of[kind, substr(FILENAME, 9, 1)] = $4; width[kind] = $6 }
  END {
    name["f"] = "epochs 9, from , a_bits float"; name["p"] = "epochs 0, from ../f{seed}, a_bits 8"
    name["g"] = "epochs 3, from ../f{seed}, a_bits float"; name["q"] = "epochs 3, from ../f{seed}, a_bits 4"
    float["p"] = "f"; float["q"] = "g"
    for (k in name) {
      n = 0; p = 0
      for (s = 1; s <= 3; s++) if ((k, s) in of) { value[++n] = of[k, s]; if (k in float) pair[++p] = of[k, s] - of[float[k], s] }
      if (p == 0) print name[k], "| reference | – |", given_up[k] + 0
      else print name[k], "| " sign(mean(pair, p)) " [" sign(mean(pair, p) - half(pair, p)) ", " sign(mean(pair, p) + half(pair, p)) "] |", name[float[k]], "|", given_up[k] + 0
      printf "%d %.12g %.12g %.12g - - %s\n", width[k], mean(value, n), mean(value, n) - half(value, n), mean(value, n) + half(value, n), name[k] > "points"
    }
  }' a/runs/*/result.json | sort > expected.rows
awk -F' *[|] *' '
  $2 == "epochs" { for (i = 2; i < NF; i++) at[$i] = i; next }
  length(at) && /^\|/ && !/---/ {
    print "epochs " $at["epochs"] ", from " $at["from"] ", a_bits " $at["a_bits"] " | " $at["difference to float"] " | " $at["which float"] " | " $at["given up"]
  }' a/table.md | sort | diff expected.rows -
points a/plots/multiplier.csv | awk '$1 > 0' | cut -d' ' -f2- | sort | diff <(sort points) -

# sites and eigenvalues are those of the one run that left them
saturation=(a/plots/row*-saturation-*.csv) range=(a/plots/row*-range-*.csv) eigenvalues=(a/plots/row*-eigenvalues-*.csv)
[ "${#saturation[@]} ${#range[@]} ${#eigenvalues[@]}" = '1 1 1' ]
awk -F, 'NR > 1 { printf "0 %.12g %d - - - - \n", 100 * $6, 2 - NR }' a/runs/q2/sites.csv | diff - <(points "${saturation[0]}")
awk -F, 'NR > 1 && $5 > 0 { printf "0 %.12g %d - - - - largest value\n", $5, 2 - NR }
         NR > 1 && $4 < 0 { printf "1 %.12g %d - - - - smallest value, negated\n", -$4, 2 - NR }' a/runs/q2/sites.csv | sort | diff - <(points "${range[0]}")
awk -F, 'NR > 1 { if (!($1 in place)) place[$1] = n++; printf "%d %.12g %.12g - - %.12g %.12g %s\n", place[$1], $5, $6, $3, $4, $1 }' a/runs/q2/eigenvalues.csv |
  diff - <(points "${eigenvalues[0]}")

# two sweeps: the tables of the comparison say what its numbers do, which report_statistics.sh recomputes
for sweep in b c; do
  for a in none 4; do
    for seed in 1 2 3; do
      run "$sweep/runs/$a-$seed" "a_bits = $a\nepochs = ${#sweep}\nseed = $seed\n" "\"test_mse\":$((${#a} + 2 * seed)).$((seed * seed))$([ $sweep = b ] && echo 5 || echo $((9 - 2 * seed)))"
    done
  done
done
rm -r c/runs/4-1
"$BITSTATE" report b c --out=both > report.log
awk -F, '
  function shown(x, s) { s = sprintf("%#.4g", x); sub(/\.$/, "", s); return s }
  function decimals(x) { return length(shown(x)) - index(shown(x), ".") }
  function sign(x, beside, s) { s = sprintf("%+." decimals(beside) "f", x); sub(/^-/, "−", s); if (s !~ /[1-9]/) sub(/^(−|[+])/, "", s); return s }
  NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; print "| a_bits | A: test MSE | n | B: test MSE | n | B − A | pairs |"; next }
  { a = $at["a_mean"]; b = $at["b_mean"]
    printf "| %s | %s ± %." decimals(a) "f | %d | %s ± %." decimals(b) "f | %d | %s [%s, %s] | %d |\n", $1, shown(a), $at["a_std"], $at["a_n"], shown(b), $at["b_std"], $at["b_n"], sign($at["difference"], b),
      sign($at["difference_low"], b), sign($at["difference_high"], b), $at["difference_n"] }' both/comparison.csv > expected.comparison
[ "$(wc -l < expected.comparison)" = 3 ]
awk '/^\| a_bits \| A: /, !/^\|/ { if (/^\|/ && !/---/) print }' both/table.md | diff expected.comparison -
awk '/toprule/ { inside = 1; next } /bottomrule/ { inside = 0 } inside && !/midrule/' both/comparison.tex |
  sed 's/ \\\\$/ |/; s/^  /| /; s/ & / | /g; s/\$\\pm\$/±/g; s/\$-\$/−/g; s/\\_/_/g' | diff expected.comparison -
