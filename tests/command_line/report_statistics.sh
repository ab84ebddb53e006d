#!/usr/bin/env bash
# Every digit of the tables (Markdown, CSV, LaTeX, the page) and of the data of plots is what awk makes of what the runs
# left.
set -euo pipefail

# run FOLDER QUANT SEED RESULT: as training leaves it; without a RESULT it has none
run() {
  mkdir -p "$1"
  printf 'dataset = %s\nquant = %s\nseed = %s\n' "$data" "$2" "$3" > "$1/settings.ini"
  [ -z "${4:-}" ] || printf '%s\n' "$4" > "$1/result.json"
}

# collect FOLDER: a line per run of it
#   quant, seed, status, metric, test, validation, size in bits, seconds, stored bits, products and width of A, folder,
#   instructions
collect() {
  local settings folder
  for settings in "$1"/runs/*/settings.ini; do
    folder=${settings%/settings.ini}
    [ -e "$folder/result.json" ] || echo '{}' > "$folder/none.json"
    awk -v folder="${folder#"$1"/}" '
      function text(name) { return match($0, "\"" name "\":\"[^\"]*") ? substr($0, RSTART + length(name) + 4, RLENGTH - length(name) - 4) : "-" }
      function number(name) { return match($0, "\"" name "\":[-+.0-9e]+") ? sprintf("%.17g", substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3)) : "-" }
      FILENAME ~ /ini$/ { if ($1 == "quant") quant = $3; if ($1 == "seed") seed = $3; next }
      { print quant, seed, $0 == "{}" ? "missing" : text("status"), text("metric"), number("test_" text("metric")), number("val_" text("metric")),
              number("size_bits"), number("seconds"), number("a_stored_bits"), number("a_products"), number("a_width"), folder, instructions }
    ' instructions="$(sed -n 's/^in all,1,[^,]*,\([^,]*\),.*/\1/p' "$folder/instructions.csv" 2> /dev/null || true)" "$settings" "$folder"/*.json
    rm -f "$folder/none.json"
  done
}

# front FILE: the Pareto front of a plot's points
front() {
  sort -g -k 2 <(sed 's/.* \([^ ]* [^ ]* [^ ]* [^ ]*\)$/- \1/' "$1") | awk -v larger="$([ "$data" = smnist ] && echo 1 || echo -1)" '
    NR == 1 || larger * ($3 - best) > 0 { best = $3; print "Pareto front", $2, $3, "-", "-" }
    { last = $2 }
    END { print "Pareto front", last, best, "-", "-" }'
}

# expected FOLDER: expected.md, .csv and .tex of its runs, whose quantizations stand in $order
expected() {
  collect "$1" > collected
  awk -v order="$order" -v labelled="$([ ! -e "$1/plan.json" ] || echo 1)" '
    function mean(list, n, i, sum) { for (i = 1; i <= n; i++) sum += list[i]; return sum / n }
    function deviation(list, n, i, m, sum) { m = mean(list, n); for (i = 1; i <= n; i++) sum += (list[i] - m) ^ 2; return sqrt(sum / (n - 1)) }
    function values(row, what, list, n, i) { split("", list); for (i = 1; i <= seeds; i++) if ((row, i) in at && of[at[row, i], what] != "-") list[++n] = of[at[row, i], what]; return n + 0 }
    # the differences of the seeds that both rows have
    function pairs(a, b, list, n, i) { split("", list); for (i = 1; i <= seeds; i++) if ((a, i) in done && (b, i) in done) list[++n] = done[a, i] - done[b, i]; return n + 0 }
    function shown(x, s) { s = metric == "accuracy" ? sprintf("%.2f", 100 * x) : sprintf("%#.4g", x); sub(/\.$/, "", s); return s }
    function decimals(x, s) { s = shown(x); return index(s, ".") ? length(s) - index(s, ".") : 0 }
    function with_sign(x, beside, s) { s = sprintf("%+." decimals(beside) "f", metric == "accuracy" ? 100 * x : x); sub(/^-/, "−", s); if (s !~ /[1-9]/) sub(/^(−|[+])/, "", s); return s }
    function plus_minus(list, n, s) {
      if (n == 0) return "–"
      s = shown(mean(list, n))
      if (n > 1) s = s " ± " (metric == "accuracy" ? shown(deviation(list, n)) : sprintf("%." decimals(mean(list, n)) "f", deviation(list, n)))
      return s
    }
    function half(list, n) { return t[n - 1] * deviation(list, n) / sqrt(n) }
    function digits(x) { return sprintf("%.12g", x) }
    function tex(s) { gsub(/%/, "\\%", s); gsub(/_/, "\\_", s); gsub(/±/, "$\\pm$", s); gsub(/−/, "$-$", s); gsub(/–/, "--", s); return s }
    # all its seeds are done, and it is better than every other quantized row that has a result
    function best(row, i, other, list, n, l, m, others, d) {
      if (!values(row, "test", list) || count[row, "diverged"] + count[row, "missing"] > 0) return 0
      m = mean(list, values(row, "test", list))
      for (i = 1; i <= rows; i++) {
        other = name[i]
        n = values(other, "test", list)
        if (other == row || n == 0 || (other == "none") != (row == "none")) continue
        others++
        d = (m - mean(list, n)) * (metric == "accuracy" ? 1 : -1)
        n = pairs(row, other, list)
        if (d <= 0 || n < 2 || mean(list, n) * (metric == "accuracy" ? 1 : -1) - half(list, n) <= 0) return 0
      }
      return others > 0
    }
    BEGIN {
      split("12.7062047361747046 4.30265272974946385 3.18244630528370959 2.77644510519779436 2.57058183563631551", t, " ")
      rows = split(order, name, " ")
    }
    {
      of[NR, "status"] = $3; of[NR, "test"] = $3 == "done" ? $5 : "-"; of[NR, "val"] = $3 == "done" ? $6 : "-"
      of[NR, "size"] = $7; of[NR, "stored"] = $9; of[NR, "products"] = $10; of[NR, "width"] = $11
      of[NR, "instructions"] = NF > 12 ? $13 : "-"; if (NF > 12) any_instructions = 1
      of[NR, "seconds"] = $3 == "done" ? $8 : "-";
      of[NR, "line"] = $1 " " $2 " " $3 " " $5 " " $6 " " $7 " " $8 " " $12
      at[$1, $2] = NR
      if ($3 == "done") { done[$1, $2] = $5; metric = $4 }
      if ($2 > seeds) seeds = $2
      count[$1, $3]++
      if ($3 == "diverged") any_diverged = 1
      for (i = 9; i <= 11; i++) if ($i != "-") { if (i in first && first[i] != $i) differ[i] = 1; first[i] = $i }
    }
    END {
      show_stored = 9 in differ; show_products = 10 in differ || 11 in differ
      title = metric == "accuracy" ? "test accuracy, %" : metric == "mse" ? "test MSE" : "test"
      print "| " (labelled ? "configuration" : "quant") " | " title " | difference to float | size (KiB) |" (any_instructions ? " instructions/step |" : "") (show_stored ? " A stored bits |" : "") (show_products ? " A products |" : "") " validation | n | diverged | missing | seconds |" > "expected.md"
      print "|---|---:|---:|---:|---:|---:|---:|---:|---:|" (any_instructions ? "---:|" : "") (show_stored ? "---:|" : "") (show_products ? "---:|" : "") > "expected.md"
      print (labelled ? "stage,label," : "") "quant,metric,test_mean,test_std,difference_to_float,val_mean,val_std,n,diverged,missing,seconds_mean,size_kib,a_multiplier_bits,running,a_products,a_stored_bits,best,difference_low,difference_high,difference_std,difference_n,one_source,qs5,cortex_m4_instructions" > "expected.csv"
      print "  " (labelled ? "configuration" : "quant") " & " tex(title) " & difference to float & size (KiB)" (any_instructions ? " & instructions/step" : "") (show_stored ? " & A stored bits" : "") (show_products ? " & A products" : "") " & n" (any_diverged ? " & diverged" : "") " \\\\" > "expected.tex"
      for (r = 1; r <= rows; r++) {
        row = name[r]; star = best(row)
        n = values(row, "test", test); v = values(row, "val", val); s = values(row, "seconds", seconds); z = values(row, "size", size)
        p = pairs(row, "none", d)
        stored = values(row, "stored", list) ? list[1] : ""; width = values(row, "width", list) ? list[1] : ""
        products = values(row, "products", list) ? list[1] : ""
        difference = "–"
        if (p > 0) difference = with_sign(mean(d, p), mean(test, n))
        if (p > 1) difference = difference " [" with_sign(mean(d, p) - half(d, p), mean(test, n)) ", " with_sign(mean(d, p) + half(d, p), mean(test, n)) "]"
        if (p > 0 && p < n) difference = difference " (" p " pair" (p == 1 ? "" : "s") ")"
        if (row == "none") difference = "reference"
        steps = values(row, "instructions", list) ? list[1] : ""
        cost = (any_instructions ? " | " (steps == "" ? "–" : sprintf("%.0f", steps)) : "") (show_stored ? " | " (stored == "" ? "–" : stored) : "") (show_products ? " | " (width == "" ? "–" : products == "" ? width " bits" : products " x " width) : "")
        tex_cost = cost; gsub(/\|/, "\\&", tex_cost)
        label = row == "none" ? "float" : labelled ? "quant=" row : row
        result = plus_minus(test, n) (star ? " *" : ""); kib = z ? sprintf("%.2f", size[z] / 8192) : "–"
        diverged = count[row, "diverged"] + 0; missing = count[row, "missing"] + 0
        print "| " label " | " result " | " difference " | " kib cost " | " plus_minus(val, v) " | " n " | " diverged " | " missing " | " (s ? sprintf("%.1f", mean(seconds, s)) : "–") " |" > "expected.md"
        print "  " label " & " tex(result) " & " tex(difference) " & " tex(kib) tex(tex_cost) " & " n (any_diverged ? " & " diverged : "") " \\\\" > "expected.tex"
        print (labelled ? "," label "," : "") row "," (n ? metric : "") "," (n ? digits(mean(test, n)) : "") "," (n > 1 ? digits(deviation(test, n)) : "") "," (p ? digits(mean(d, p)) : "") "," \
          (v ? digits(mean(val, v)) : "") "," (v > 1 ? digits(deviation(val, v)) : "") "," n "," diverged "," missing "," (s ? digits(mean(seconds, s)) : "") "," (z ? digits(size[z] / 8192) : "") \
          "," width ",0," products "," stored "," star + 0 "," (p > 1 ? digits(mean(d, p) - half(d, p)) : "") "," (p > 1 ? digits(mean(d, p) + half(d, p)) : "") "," (p > 1 ? digits(deviation(d, p)) : "") "," p ",0,," steps > "expected.csv"
        scale = metric == "accuracy" ? 100 : 1
        if (n && z) print (labelled ? label : "quant " label), digits(size[z] / 8192), digits(scale * mean(test, n)), \
          (n > 1 ? digits(scale * (mean(test, n) - half(test, n))) " " digits(scale * (mean(test, n) + half(test, n))) : "- -") > "expected.size"
        for (i = 1; i <= seeds; i++) if ((row, i) in at) print of[at[row, i], "line"] > "expected.runs"
      }
    }' collected
}

# page_table FILE: the rows of the page's table as they stand in Markdown
page_table() {
  awk '/<table id="rows">/ { inside = 1; sub(/.*<th>runs<\/th>/, "") } /<\/table>/ { inside = 0 }
    inside { sub(/^<tr><td><details>.*<\/details><\/td>/, ""); sub(/<\/tr>.*/, "")
      gsub(/<t[dh][^>]*>/, "| "); gsub(/<\/t[dh]>/, " "); gsub(/&lt;/, "<"); gsub(/&gt;/, ">"); gsub(/&quot;/, "\""); gsub(/&#39;/, "\047"); gsub(/&amp;/, "\\&")
      if (/^\|/) print $0 "|" }' "$1"
}

# points FILE: what a plot shows, with twelve digits: label, x, y, low, high
points() {
  awk -F, 'function digits(s) { return s == "" ? "-" : sprintf("%.12g", s) }
    NR > 1 { gsub(/"/, "", $8); print $8, digits($2), digits($3), digits($4), digits($5) }' "$1"
}

# check FOLDER: its report says what was expected
check() {
  rm -f expected.*
  expected "$1"
  "$BITSTATE" report "$1" > report.log
  awk '/^\| (quant|configuration) /, !/^\|/ { if (/^\|/) print }' "$1/table.md" | diff expected.md -
  page_table "$1/index.html" | diff <(sed 2d expected.md) -
  diff expected.csv "$1/table.csv"
  points "$1/plots/size.csv" | diff <(front expected.size; cat expected.size) -
  awk '/toprule/ { inside = 1; next } /bottomrule/ { inside = 0 } inside && !/midrule/' "$1/table.tex" | diff expected.tex -
  awk -F, 'NR > 1 {
    for (i = 1; i <= NF; i++) if ($i == "") $i = "-"; else if (i ~ /^(5|6|8|10)$/) $i = sprintf("%.17g", $i)
    print $1, $2, $3, $5, $6, $8, $10, $NF }' <(if [ -e "$1/plan.json" ]; then cut -d, -f3- "$1/runs.csv"; else cat "$1/runs.csv"; fi) | diff expected.runs -
}

order='none w8a8 w4a8 w2a8'
data=smnist
run a/runs/r1 none 1 '{"status":"done","metric":"accuracy","test_accuracy":0.98123,"val_accuracy":0.97,"size_bits":327680,"seconds":12.25,"a_stored_bits":64,"a_products":4,"a_width":32}'
run a/runs/r2 none 2 '{"status":"done","metric":"accuracy","test_accuracy":0.98554,"val_accuracy":0.975,"size_bits":327680,"seconds":13.5,"a_stored_bits":64,"a_products":4,"a_width":32}'
run a/runs/r3 none 3 '{"status":"done","metric":"accuracy","test_accuracy":0.97981,"val_accuracy":0.981,"size_bits":327680,"seconds":11,"a_stored_bits":64,"a_products":4,"a_width":32}'
run a/runs/r4 w8a8 1 '{"status":"done","metric":"accuracy","test_accuracy":0.97911,"val_accuracy":0.968,"size_bits":81920,"seconds":20.1,"a_stored_bits":16,"a_products":2,"a_width":8}'
run a/runs/r5 w8a8 2 '{"status":"done","metric":"accuracy","test_accuracy":0.98301,"val_accuracy":0.971,"size_bits":81920,"seconds":21.7,"a_stored_bits":16,"a_products":2,"a_width":8}'
run a/runs/r6 w8a8 3 '{"status":"done","metric":"accuracy","test_accuracy":0.97705,"val_accuracy":0.9777,"size_bits":81920,"seconds":19.9,"a_stored_bits":16,"a_products":2,"a_width":8}'
run a/runs/r7 w4a8 1 '{"status":"done","metric":"accuracy","test_accuracy":0.95,"val_accuracy":0.9,"size_bits":40961,"seconds":20.1,"a_width":16}'
run a/runs/r8 w4a8 2 '{"status":"done","metric":"accuracy","test_accuracy":0.96127,"val_accuracy":0.9,"size_bits":40961,"seconds":20.1,"a_width":16}'
run a/runs/r9 w4a8 3 '{"status":"diverged","reason":"loss is NaN","metric":"accuracy","test_accuracy":0.0981,"size_bits":40961,"seconds":5}'
run a/runs/ra w2a8 1 '{"status":"diverged","reason":"loss is NaN","metric":"accuracy","seconds":3}'
run a/runs/rb w2a8 2
check a
[ "$(grep -c ' \* |' a/table.md || true)" -eq 0 ]
# with seeds enough for a judgement, the best quantized row is marked
run a/runs/r9 w4a8 3 '{"status":"done","metric":"accuracy","test_accuracy":0.953,"val_accuracy":0.9,"size_bits":40961,"seconds":20.1,"a_width":16}'
check a
[ "$(grep -c '^| w8a8 .* \* |' a/table.md)" -eq 1 ]
# unless one of its seeds has no result
run a/runs/rc w8a8 4
check a
[ "$(grep -c ' \* |' a/table.md || true)" -eq 0 ]

data=lorenz
order='none w8a8 w4a8'
for seed in 1 2 3 4 5; do
  run b/runs/f$seed none $seed "{\"status\":\"done\",\"metric\":\"mse\",\"test_mse\":$((seed * seed)).1234567,\"val_mse\":0.00012$seed,\"size_bits\":5000,\"seconds\":$seed}"
  run b/runs/q$seed w8a8 $seed "{\"status\":\"done\",\"metric\":\"mse\",\"test_mse\":$((seed * seed)).$((seed * 3 % 5))7,\"val_mse\":$((1000 * seed + 7)).5,\"size_bits\":2500,\"seconds\":0.$seed}"
  [ $seed = 4 ] || run b/runs/s$seed w4a8 $((seed + 1)) "{\"status\":\"done\",\"metric\":\"mse\",\"test_mse\":90$seed,\"val_mse\":1.5,\"size_bits\":1250}"
done
check b

# two settings make a table of one by the other
for a in none 4; do
  for x in none 8; do
    for seed in 1 2; do
      folder=c/runs/a$a-x$x-$seed
      run "$folder" none $seed "{\"status\":\"done\",\"metric\":\"mse\",\"test_mse\":${#a}${#x}.${seed}7${#a}}"
      printf 'a_bits = %s\nssm_act_bits = %s\n' "$a" "$x" >> "$folder/settings.ini"
    done
  done
done
"$BITSTATE" report c > report.log
for a in none 4; do
  printf '| %s ' "${a/none/float}"
  for x in none 8; do
    cat c/runs/a$a-x$x-*/result.json | awk -F'test_mse":' '
      { value[NR] = $2 + 0; sum += $2 + 0 }
      END {
        mean = sprintf("%#.4g", sum / NR)
        printf "| %s ± %." length(mean) - index(mean, ".") "f ", mean, sqrt(((value[1] - sum / NR) ^ 2 + (value[2] - sum / NR) ^ 2) / (NR - 1))
      }'
  done
  [ $a = none ] || printf '* '  # all seeds agree that the last one is the best
  echo '|'
done > expected.matrix
awk 'inside && /^\|/ && !/^\|--/; /^\| a_bits \\\\? ssm_act_bits/ { inside = 1 }' c/table.md | diff expected.matrix -
sed -n 's/ \\\\$//; s/^  \(float\|4\) & /| \1 | /p' c/pivot.tex | sed 's/ & / | /g; s/\$\\pm\$/±/g; s/$/ |/' | diff expected.matrix -

awk -F, 'NR > 1 { if ($1 == 0) printf "%s| %s ", (NR > 2 ? "|\n" : ""), ($8 ~ /float/ ? "float" : 4); gsub(/"/, "", $6); printf "| %s ", $6
  split($6, shown, " ± "); if (sprintf("%#.4g", $3) != shown[1] || sprintf("%.2f", $4) != sprintf("%.2f", shown[2])) print "not", $3, $4 }
  END { print "|" }' c/plots/heat-map.csv | diff <(sed 's/ \*//' expected.matrix) -

# bits and epochs: means and paired differences with intervals, and means of curves
for a in none 2 4 8; do
  for seed in 1 2 3; do
    run d/runs/a$a-$seed none $seed "{\"status\":\"done\",\"metric\":\"mse\",\"test_mse\":$((${#a} * seed)).${seed}3${a/none/7}}"
    printf 'a_bits = %s\n' "$a" >> d/runs/a$a-$seed/settings.ini
    for epoch in 1 2; do echo "{\"epoch\":$epoch,\"train_loss\":$((9 - seed * epoch)).${#a}$seed}"; done > d/runs/a$a-$seed/metrics.jsonl
  done
done
"$BITSTATE" report d > report.log
for a in 2 4 8 none; do
  cat d/runs/a$a-*/result.json d/runs/anone-*/result.json | awk -F'test_mse":' -v a=$a '
    function say(label, mean, half) { printf "%s %.12g %.12g %.12g %.12g\n", label, (a == "none" ? 12.8 : a), mean, mean - half, mean + half }
    function deviation(list, mean) { return sqrt(((list[1] - mean) ^ 2 + (list[2] - mean) ^ 2 + (list[3] - mean) ^ 2) / 2) }
    { value[NR] = $2 + 0 }
    END {
      mean = (value[1] + value[2] + value[3]) / 3
      say("bits", mean, 4.30265272974946385 * deviation(value, mean) / sqrt(3))
      for (i = 1; i <= 3; i++) value[i] -= value[i + 3]
      mean = (value[1] + value[2] + value[3]) / 3
      if (a != "none") say("difference", mean, 4.30265272974946385 * deviation(value, mean) / sqrt(3))
    }'
done > expected.bits
points d/plots/bits-a-bits.csv | sed 's/^a_bits/bits/' | diff <(grep '^bits' expected.bits) -
points d/plots/difference-a-bits.csv | sed 's/^a_bits/difference/' | diff <(grep '^difference' expected.bits; echo 'float 2 0 - -'; echo 'float 8 0 - -') -
for a in none 2 4 8; do
  cat d/runs/a$a-*/metrics.jsonl | awk -F'[:,}]' -v label="a_bits ${a/none/float}" '
    { sum[$2] += $4 }
    END { for (e = 1; e <= 2; e++) printf "%s %d %.12g - -\n", label, e, sum[e] / 3 }'
done | diff - <(points d/plots/curve-train-loss.csv)

# a real sweep
printf 'recipe = lorenz-small\nseeds = 1 2 3\nquant = w8a8\nset.epochs = 2\nset.trajectories = 20\n' > real.ini
"$BITSTATE" sweep real.ini --out=real > sweep.log
order='none w8a8'
check real

# stages: each seed is compared with the float run that it started from
printf 'recipe = lorenz-small\nseeds = 1 2 3\nset.epochs = 2\nset.trajectories = 20\nrow.Float = quant=none\nrow.W8A8 & more = quant=w8a8\nstage.float =\nstage.ptq = epochs=0\n' > stages.ini
"$BITSTATE" sweep stages.ini --out=stages > sweep.log
"$BITSTATE" report stages > report.log
grep -q '^| stage | configuration | test MSE |' stages/table.md
grep -q '^  ptq & W8A8 \\& more & ' stages/table.tex
awk -F, '
  NR == FNR { if (FNR == 1) for (i = 1; i <= NF; i++) { if ($i == "seed") seed = i; if ($i == "test") test = i }
              else of[$1, $seed] = $test
              next }
  FNR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
  $1 == "ptq" { for (s = 1; s <= 3; s++) sum += of["ptq", s] - of["float", s]
                found = $at["difference_n"] == 3 && $at["difference_to_float"] == sprintf("%.12g", sum / 3) && $at["one_source"] == 0 }
  END { exit !found }' stages/runs.csv stages/table.csv || { cat stages/runs.csv stages/table.csv; exit 1; }

# two sweeps side by side: B - A over the seeds that both have
sed 's/^seeds.*/seeds = 2 3 4/; s/epochs = 2/epochs = 3/' real.ini > longer.ini
"$BITSTATE" sweep longer.ini --out=longer > sweep.log
"$BITSTATE" report longer > report.log
"$BITSTATE" report real longer --out=both > report.log
awk -F, '
  function mean(list, i, sum) { for (i = 1; i <= 3; i++) sum += list[i]; return sum / 3 }
  function deviation(list, i, sum) { for (i = 1; i <= 3; i++) sum += (list[i] - mean(list)) ^ 2; return sqrt(sum / 2) }
  FNR == 1 { file++; next }
  { of[file, $2, $4] = $7 }
  END {
    print "configuration,metric,a_mean,a_std,a_n,b_mean,b_std,b_n,difference,difference_low,difference_high,difference_std,difference_n"
    split("float quant=w8a8", names, " ")
    for (r = 1; r <= 2; r++) {
      for (i = 1; i <= 3; i++) { a[i] = of[1, names[r], i]; b[i] = of[2, names[r], i + 1] }
      first = of[2, names[r], 2] - of[1, names[r], 2]; second = of[2, names[r], 3] - of[1, names[r], 3]
      m = (first + second) / 2; s = sqrt((first - m) ^ 2 + (second - m) ^ 2); half = 12.7062047361747046 * s / sqrt(2)
      printf "%s,mse,%.12g,%.12g,3,%.12g,%.12g,3,%.12g,%.12g,%.12g,%.12g,2\n", names[r], mean(a), deviation(a), mean(b), deviation(b), m, m - half, m + half, s
    }
  }' real/runs.csv longer/runs.csv | diff - both/comparison.csv
