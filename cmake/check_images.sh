#!/usr/bin/env bash
# The pictures of docs/images that are drawn from tables of docs/results show what those tables say now.
#   check_images.sh <repository>
set -euo pipefail
images=$1/docs/images
drawn=$(mktemp -d)
trap 'rm -rf "$drawn"' EXIT
bash "$images/accuracy_bits.sh" "$drawn"
for image in "$drawn"/*; do
  cmp "$image" "$images/$(basename "$image")" || { echo "call docs/images/accuracy_bits.sh and commit"; exit 1; }
done
