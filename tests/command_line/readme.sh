#!/usr/bin/env bash
# The commands of README.md and docs/data.md work: every block that opens with "```sh test" runs here, in one shell, in
# the order of the pages. With the argument `whole` they run as they are written, with all their epochs and seeds.
# The working folder looks like the repository after the build; what the commands write stays out of the repository.
set -euo pipefail
mkdir -p build/release
ln -s "$BITSTATE" build/release/bitstate
for entry in "$BITSTATE_SOURCE"/*; do
  name=$(basename "$entry")
  [ "$name" = build ] || [ "$name" = runs ] || ln -s "$entry" "$name"
done

# one seed stands for three and two epochs for all, so that the test is short: it shows the road and not the result
shorter=(-e 's/^seeds = 1 2 3$/seeds = 1\nset.epochs = 2/' -e '/--epochs/!s/ train [a-z-]*/& --epochs=2/')
[ "${1-}" != whole ] || shorter=(-e '')
for page in README.md docs/data.md; do
  awk '/^```sh test$/ { inside = 1; next } /^```/ { inside = 0 } inside' "$BITSTATE_SOURCE/$page" |
    sed "${shorter[@]}" > page.sh
  if [ ! -s page.sh ]; then
    echo "$page has no block that opens with \"\`\`\`sh test\""
    exit 1
  fi
  cat page.sh >> commands.sh
done
bash -euxo pipefail commands.sh < /dev/null
