#!/usr/bin/env bash
# In no script a pipe ends in a command that leaves before its input does: under pipefail the writer's SIGPIPE would now
# and then be the result, on a busy machine.
set -euo pipefail
fail() { echo "$*" >&2; exit 1; }

early='(^|[^|])\|&?[[:space:]]*(grep[[:space:]]([^|]*[[:space:]])?(-[A-Za-z]*[qlm]|--quiet|--max-count)|head([[:space:]]|$|\))|sed[[:space:]]([^|]*[[:space:]])?[^|[:space:]]*[0-9/;$]q)'

# the pattern finds these, and not those
cat > early <<'END_EARLY'
program | grep -q x
program | grep -qF -- x
program |& grep -E --quiet x
program | grep -om1 x
[ "$(program | head -1)" = x ]
program | head
program | sed -n '1p;1q'
END_EARLY
cat > late <<'END_LATE'
grep -q x file
program | grep -oE 'x-quiet'
program | tail -n 1
program || head -n 1 log
program > log && head -n 1 log
grep -q x <<< "$(program)"
END_LATE
[ "$(grep -cE "$early" early)" -eq "$(wc -l < early)" ] || fail "not found: $(grep -vE "$early" early)"
[ "$(grep -cE "$early" late)" -eq 0 ] || fail "found: $(grep -E "$early" late)"

cd "$BITSTATE_SOURCE"
mapfile -t scripts < <(find check demo cmake bench examples tests -type f \( -name '*.sh' -o -path check -o -path demo \) \
  ! -path tests/command_line/pipes.sh)
[ "${#scripts[@]}" -gt 15 ] || fail "found only ${#scripts[@]} scripts: ${scripts[*]}"
! grep -HnE "$early" "${scripts[@]}" || fail "these pipes end in a reader that leaves early"
