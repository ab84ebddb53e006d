#!/usr/bin/env bash
# The report's page in a browser: at 1200 and 390 pixels, light and dark, nothing is wider than the window, no text leaves
# its plot, the console stays empty, and the table sorts and filters. The pages of a comparison and of a sweep in progress
# are looked at, too. Screenshots are left in the working folder.
set -euo pipefail

fail() { echo "$*" >&2; exit 1; }
browser=$(command -v chromium || command -v chromium-browser || true)
if [ -z "$browser" ]; then
  echo "skipped: chromium is not installed"
  exit 77
fi

# made-up runs: two long settings and a width of bits, three seeds, each with what a run leaves
count=0
# run <bits> <width of activations> <seed> <result>: makes a run, and its name $run
run() {
  run=sweep/runs/$(printf 'a-form-that-has-a-long-name-%s-%04d' "$2" "$count")
  count=$((count + 1))
  mkdir -p "$run"
  printf 'dataset = smnist\nbits = %s\nssm_act_bits = %s\nseed = %s\n' "$1" "$2" "$3" > "$run/settings.ini"
  [ -z "$4" ] || printf '%s' "$4" > "$run/result.json"
  awk -v seed="$3" -v n="$count" 'BEGIN { for (e = 1; e <= 12; e++)
    printf "{\"epoch\":%d,\"train_loss\":%f,\"val_accuracy\":%f}\n", e, 2.3 * exp(-e * (1 + n % 7) / 30) + 0.01 * seed, 1 - 0.9 * exp(-e * (1 + n % 5) / 8)
  }' > "$run/metrics.jsonl"
  awk 'BEGIN { print "site,kind,bits,low,high,saturated"
    for (l = 0; l < 4; l++) {
      printf "weight:layers.%d.ssm.A,weight,4,-0.7,1,0\n", l
      printf "act:layers.%d.ssm.u,act,8,-%f,%f,%f\n", l, 2.5 + l, 3.5 * (l + 1), 0.001 * l
      printf "act:layers.%d.glu.gate.output.with.a.rather.long.name,act,8,0,%f,%f\n", l, 4 + l, 0.004 / (l + 1)
    } }' > "$run/sites.csv"
  awk 'BEGIN { print "layer,state,re,im,rounded_re,rounded_im"
    for (l = 0; l < 3; l++) for (p = 0; p < 24; p++) {
      r = exp(-0.02 * (p + 1) / (l + 1)); a = 0.125 * p + 0.05 * l; b = int(a * 8 + 0.5) / 8; s = int(r * 16 + 0.5) / 16
      printf "layers.%d,%d,%f,%f,%f,%f\n", l, p, r * cos(a), r * sin(a), s * cos(b), s * sin(b)
    } }' > "$run/eigenvalues.csv"
}
forms=('' ' form=log-polar' ' form=shear magnitude=3 granularity=channel' ' form=delta' ' form=polar'
       '; weight:*.ssm.B 8 range=absmax granularity=channel edge=half; weight:decoder none')
for activations in none 8; do
  for seed in 1 2 3; do
    run none "$activations" "$seed" "{\"status\":\"done\",\"test_accuracy\":0.98$seed,\"val_accuracy\":0.97,\"seconds\":9,\"size_bits\":4000000,\"a_width\":32,\"a_products\":4,\"a_stored_bits\":64}"
    for f in "${!forms[@]}"; do
      for bits in 2 3 4 6; do
        result=$(awk -v b="$bits" -v s="$seed" -v f="$f" -v a="$activations" 'BEGIN {
          printf "{\"status\":\"done\",\"test_accuracy\":%f,\"val_accuracy\":%f,\"seconds\":%f,\"size_bits\":%d,\"a_width\":%d,\"a_products\":%d,\"a_stored_bits\":%d}",
            0.98 - 0.8 * exp(-(b - 1) * (f + 2) / 4) - 0.01 * ((s * 7 + f) % 5) / b - (a == "8") * 0.01, 0.9, 20 + b, 400000 * b + 60000 * f + (a == "8") * 20000, b + 8 * (f % 3), 4 - 2 * (f % 2), 2 * b }')
        [ "$bits$seed" != 23 ] || result='{"status":"diverged","reason":"loss is NaN in step 7 of an epoch that cannot be named in few words"}'
        [ "$bits$f$activations" != 258 ] || result='{"status":"diverged","reason":"loss is NaN"}'  # a row without a figure
        [ "$bits$seed$f" != 421 ] || result=
        run "weight:*.ssm.A $bits${forms[f]}" "$activations" "$seed" "$result"
        if [ -z "$result" ] && [ "$activations" = 8 ]; then running=$run; fi
      done
    done
  done
done
exec 8> "$running/.lock"
flock 8  # as a process that trains holds it

"$BITSTATE" report sweep > said 8>&- || fail "$(cat said)"
for plot in bits-bits difference-bits heat-map size multiplier curve-train-loss curve-val-accuracy; do
  for extension in svg pdf csv gnuplot; do
    [ -s "sweep/plots/$plot.$extension" ] || fail "there is no plots/$plot.$extension: $(ls sweep/plots)"
  done
done

# a page that looks into the report, as wide as its query says, and writes what it sees into its title
cat > look.html <<'END'
<!doctype html><meta charset="utf-8"><style>body { margin: 0 } iframe { border: 0; height: 6000px }</style>
<iframe id="page"></iframe>
<script>
const frame = document.getElementById('page');
frame.style.width = location.hash.slice(1) + 'px';
const main = location.search === '';
frame.src = main ? 'sweep/index.html' : location.search.slice(1) + '/index.html';
const sort_and_filter = (page, check) => {
  const rows = page.querySelector('#rows tbody').rows, first = rows[0];
  const head = [...page.querySelectorAll('#rows th button')].find(button => button.textContent.startsWith('test'));
  const place = head.parentElement.cellIndex, value = row => parseFloat(row.cells[place].textContent);
  const sorted = sign => [...rows].every((row, i) => i === 0 || !(sign * value(row) < sign * value(rows[i - 1])));
  const dashes_last = () => {
    const has = [...rows].map(row => !isNaN(value(row)));
    return has.includes(false) && has.indexOf(false) > has.lastIndexOf(true);
  };
  head.click(); check(sorted(1) && dashes_last(), 'not sorted upwards');
  head.click(); check(sorted(-1) && dashes_last(), 'not sorted downwards');
  head.click(); check(rows[0] === first, 'not in the order of the report');
  const filter = page.getElementById('filter');
  filter.value = 'shear 8'; filter.oninput();
  const shown = [...rows].filter(row => !row.hidden);
  check(shown.length > 0 && shown.length < rows.length, 'the filter shows ' + shown.length + ' rows');
  check(shown.every(row => row.textContent.includes('shear')), 'the filter shows other rows');
  filter.value = ''; filter.oninput();
};
frame.onload = () => {
  const page = frame.contentDocument, faults = [];
  const check = (good, words) => { if (!good) faults.push(words); };
  page.querySelectorAll('section details').forEach((details, i) => { details.open = i < 2; });
  const root = page.documentElement;
  check(frame.contentWindow.innerWidth === +location.hash.slice(1), 'the window is ' + frame.contentWindow.innerWidth);
  check(page.querySelectorAll('table').length > 1, 'there is no table');
  const compares = [...page.querySelectorAll('h2')].some(head => head.textContent === 'B against A');
  check(compares === (location.search === '?both'), compares ? 'two sweeps are compared' : 'nothing is compared');
  check((page.querySelector('meta[http-equiv=refresh]') !== null) === (location.search === '?live'), 'not as live as it is');
  check(root.scrollWidth <= frame.contentWindow.innerWidth, 'the page is ' + root.scrollWidth + ' wide');
  for (const svg of page.querySelectorAll('figure svg')) {
    const room = svg.getBoundingClientRect();
    for (const text of svg.querySelectorAll('text')) {
      const box = text.getBoundingClientRect();
      check(box.left > room.left - 1 && box.right < room.right + 1, 'outside of its plot: ' + text.textContent);
    }
  }
  if (main) sort_and_filter(page, check);
  const dark = frame.contentWindow.matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  document.title = [dark, frame.contentWindow.getComputedStyle(page.body).backgroundColor, ...faults.slice(0, 9)].join(' | ');
};
</script>
END

# browse <option>...: the browser without a window, a network and the user's own settings
browse() {
  timeout 120 "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --no-first-run --user-data-dir="$PWD/profile" \
    --host-resolver-rules='MAP * ~NOTFOUND' --allow-file-access-from-files --enable-logging=stderr --virtual-time-budget=4000 "$@"
}
# look_at <query> <width> <scheme>: fails where the page has a fault
look_at() {
  local code title background
  code=$([ "$3" = dark ] && echo 0 || echo 1)
  view=(--blink-settings="preferredColorScheme=$code" --window-size="1200,6000" "file://$PWD/look.html$1#$2")
  browse --dump-dom "${view[@]}" > dom 2> log 8>&- || fail "$browser: $(tail -5 log)"
  ! grep 'CONSOLE' log || fail "the console of the page$1 at $2 pixels, $3, is not empty"
  title=$(sed -n 's/.*<title>\(.*\)<\/title>.*/\1/p' dom)
  background=$([ "$3" = dark ] && echo 'rgb(20, 24, 27)' || echo 'rgb(255, 255, 255)')
  [ "$title" = "$3 | $background" ] || fail "the page$1 at $2 pixels, $3: $title"
}
for width in 1200 390; do
  for scheme in dark light; do
    look_at "" "$width" "$scheme"
    browse --screenshot="$PWD/page-$width-$scheme.png" "${view[@]}" > said 2>&1 8>&- || fail "$(cat said)"
    [ "$(wc -c < "page-$width-$scheme.png")" -gt 50000 ] || fail "page-$width-$scheme.png shows nothing"
  done
done

# the page that compares two sweeps, and that of a sweep in progress
"$BITSTATE" report sweep sweep/runs --out=both > said 8>&- || fail "$(cat said)"
look_at '?both' 390 light
printf 'recipe = lorenz-small\nquant = none w8a8\nset.epochs = 100000\nset.trajectories = 20\n' > long.ini
"$BITSTATE" sweep long.ini --out=live > sweep.log 2>&1 8>&- &
sweep=$!
trap 'kill "$sweep" 2> /dev/null || true' EXIT
for _ in $(seq 300); do ! grep -qs 'http-equiv="refresh"' live/index.html || break; sleep 0.1; done
look_at '?live' 390 dark
kill "$sweep"
wait "$sweep" || [ $? = 75 ] || fail "the sweep ended otherwise: $(cat sweep.log)"
