#!/usr/bin/env bash
# Draws accuracy_bits_light.svg and accuracy_bits_dark.svg: the table of three seeds in docs/results/smnist-small.md.
#   docs/images/accuracy_bits.sh [FOLDER]     FOLDER gets the images (default: the folder of this script)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:-$here}

# draw <colour of text> <of grid lines> <of log-polar> <of cartesian>
draw() {
  LC_ALL=C awk -v text="$1" -v grid="$2" -v ours="$3" -v theirs="$4" '
    function x_of(bits) { return 110 + (bits - 3) * 90 }
    function y_of(accuracy) { return 330 - accuracy * 2.8 }
    function label(x, y, anchor, colour, words) {
      printf "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" fill=\"%s\">%s</text>\n", x, y, anchor, colour, words
    }
    function rule(x1, y1, x2, y2, colour, more) {
      printf "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"%s/>\n", x1, y1, x2, y2, colour, more
    }
    # "97.80 +- 0.09", bold or not: [1] the mean, [2] the deviation; returns whether there is a mean
    function parse(cell, number) {
      gsub(/\*| |%/, "", cell)
      gsub(/\302\261/, " ", cell)
      return split(cell, number, " ") == 2
    }
    # adds the point (bits, cell) to the series `name`, whose markers and error bars are printed at once
    function point(name, bits, cell, colour, number, x, y) {
      if (!parse(cell, number)) {
        if (cell ~ /diverges/) crosses[name] = crosses[name] " " bits
        return
      }
      x = x_of(bits)
      y = y_of(number[1])
      path[name] = path[name] sprintf("%s%.1f %.1f", path[name] == "" ? "M" : " L", x, y)
      rule(x, y_of(number[1] + number[2]), x, y_of(number[1] - number[2]), colour, " stroke-width=\"2\"")
      if (name == "ours") printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5\" fill=\"%s\"/>\n", x, y, colour
      else printf "<rect x=\"%.1f\" y=\"%.1f\" width=\"9\" height=\"9\" fill=\"%s\"/>\n", x - 4.5, y - 4.5, colour
    }
    BEGIN {
      print "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 390\" width=\"760\" height=\"390\" role=\"img\""
      print "  font-family=\"-apple-system, Segoe UI, Helvetica, Arial, sans-serif\" font-size=\"14\">"
      print "<title>Test accuracy of sequential MNIST against the bits of the state matrix</title>"
      print "<!-- drawn by docs/images/accuracy_bits.sh from docs/results/smnist-small.md -->"
      for (a = 0; a <= 100; a += 20) {
        rule(70, y_of(a), 590, y_of(a), grid, "")
        label(60, y_of(a) + 5, "end", text, a)
      }
      for (b = 3; b <= 8; ++b) label(x_of(b), 352, "middle", text, b)
      label(330, 378, "middle", text, "bits per real component of the state matrix")
      label(14, 24, "start", text, "test accuracy, %; everything but the state matrix in float, mean of three seeds")
    }
    /^\| bits \| cartesian \(Q-S5\) \| log-polar \|$/ { inside = 1; next }
    inside && !/^\|/ { inside = 0 }
    inside {
      split($0, cell, / *\| */)
      if (cell[2] == "float" && parse(cell[4], number)) {
        rule(70, y_of(number[1]), 590, y_of(number[1]), text, " stroke-dasharray=\"6 4\"")
        label(598, y_of(number[1]) - 4, "start", text, "float")
      }
      if (cell[2] ~ /^[0-9]+$/) {
        point("theirs", cell[2], cell[3], theirs)
        point("ours", cell[2], cell[4], ours)
        ++rows
      }
    }
    END {
      if (rows != 5) exit 1
      printf "<path d=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>\n", path["theirs"], theirs
      printf "<path d=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>\n", path["ours"], ours
      count = split(crosses["theirs"], bits, " ")
      for (i = 1; i <= count; ++i) {
        x = x_of(bits[i])
        rule(x - 5, 325, x + 5, 335, theirs, " stroke-width=\"2\"")
        rule(x - 5, 335, x + 5, 325, theirs, " stroke-width=\"2\"")
        label(x + 10, 322, "start", theirs, "diverges")
      }
      label(598, y_of(92), "start", ours, "log-polar (bitstate)")
      label(366, y_of(60), "start", theirs, "cartesian (Q-S5)")
      print "</svg>"
    }' "$here/../results/smnist-small.md"
}

draw '#1f2328' '#d0d7de' '#0969da' '#bc4c00' > "$out/accuracy_bits_light.svg"
draw '#e6edf3' '#3d444d' '#58a6ff' '#f0883e' > "$out/accuracy_bits_dark.svg"
