#!/usr/bin/env bash
# What cppcheck's MISRA addon finds in an exported model, counted by rule: docs/c-api.md explains each.
#   bench/misra.sh C_FOLDER [NAME]
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,3s/^# *//p' "$0" >&2; exit 2; }
folder=$1 name=${2:-model}
command -v cppcheck > /dev/null || { echo "there is no cppcheck (Debian's package cppcheck)" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$folder"
# each finding once, also where a header is checked with several files
cppcheck --addon=misra --std=c99 -DMODEL_NO_FLOAT --template='{id} {file}:{line}:{column}' --quiet "$name.c" \
  2> "$work/found" > /dev/null || { cat "$work/found" >&2; exit 1; }
sort -u "$work/found" | grep -o '^misra-c2012-[0-9.]*' | sort | uniq -c | sort -k1,1nr -k2 |
  awk '{ sub("misra-c2012-", "", $2); printf "%-6s %d\n", $2, $1 }'
