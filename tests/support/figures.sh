# figures FILE: prints table.csv or table.md without the columns that say how long runs took; to be sourced.
figures() {
  local separator=,
  case $1 in *.md) separator='|' ;; esac
  awk -F"$separator" -v OFS="$separator" '
    !gone && NF > 3 && /seconds/ { for (i = 1; i <= NF; i++) if ($i ~ /seconds/) gone = i }
    { if (gone && NF >= gone) $gone = ""; print }' "$1"
}
