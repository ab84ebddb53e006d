#include "experiments/plots/page_text.h"

#include "experiments/plots/canvas.h"

#include <fmt/format.h>

namespace bitstate::experiments {

namespace {

constexpr std::string_view css = R"css(
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 74rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Helvetica, Arial, "Liberation Sans", sans-serif;
  overflow-wrap: break-word; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.15rem; margin: 2.75rem 0 .75rem; padding-top: 1rem; border-top: 1px solid var(--rule); }
h3 { font-size: 1rem; margin: 1.25rem 0 .4rem; }
p, li, summary { color: var(--soft); } .note { margin: .25rem 0 0; font-size: .9rem; } a { color: var(--s0); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .75rem 0; font-size: .9rem; }
dt { color: var(--soft); } dd { margin: 0; min-width: 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .55rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--rule);
  vertical-align: top; }
th { color: var(--soft); font-weight: 600; font-size: .85rem; vertical-align: bottom; white-space: normal; }
.words { text-align: left; white-space: normal; } .long { min-width: 12rem; } .aside { font-size: .85em; min-width: 7rem; overflow-wrap: anywhere; }
tbody tr:hover { background: var(--band); }
.best { color: var(--best); font-weight: 700; } .warn { color: var(--s1); font-weight: 600; }
th button { all: unset; cursor: pointer; } th button:focus-visible { outline: 2px solid var(--s0); outline-offset: 2px; }
th[aria-sort=ascending] button::after { content: " ▲"; } th[aria-sort=descending] button::after { content: " ▼"; }
#filter { font: inherit; color: inherit; background: var(--band); border: 1px solid var(--rule); border-radius: .35rem;
  padding: .35rem .6rem; width: min(22rem, 100%); margin: 0 0 .75rem; }
td details { text-align: left; font-size: .85rem; } td ul { margin: 0; padding: 0; list-style: none; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(29rem, 100%), 1fr)); gap: 2.5rem 2rem;
  align-items: start; }
figure { margin: 0; min-width: 0; } figcaption { font-weight: 600; font-size: .95rem; margin-bottom: .4rem; }
figure svg { width: 100%; max-width: 44rem; height: auto; display: block; }
figure svg g:hover > path[fill=none] { stroke-width: 3; }
.files { font-size: .85rem; margin: .1rem 0 0; }
section details { margin: .5rem 0; } section summary { cursor: pointer; } section details[open] > summary { margin-bottom: 1rem; }
@media (max-width: 40rem) { body { padding: 1.25rem .9rem 3rem; } th, td { padding: .35rem .5rem; } }
@media print { #filter { display: none; } }
)css";

constexpr std::string_view javascript = R"js(
(() => {
  const table = document.getElementById('rows'), body = table.tBodies[0], rows = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  const text = (row, i) => row.cells[i].textContent.trim();
  const number = value => parseFloat(value.replace('\u2212', '-'));
  const rank = value => value === '\u2013' ? 2 : isNaN(number(value)) ? 1 : 0;
  const before = (a, b, sign) => {  // numbers, words, what has no value, whatever the sign
    if (rank(a) !== rank(b)) return rank(a) - rank(b);
    return sign * (rank(a) === 0 ? number(a) - number(b) : a.localeCompare(b));
  };
  heads.forEach((head, i) => {
    const button = document.createElement('button');
    button.append(...head.childNodes);
    head.append(button);
    button.onclick = () => {
      const order = {none: 'ascending', ascending: 'descending', descending: 'none'}[head.ariaSort || 'none'];
      heads.forEach(other => other.removeAttribute('aria-sort'));
      if (order !== 'none') head.setAttribute('aria-sort', order);
      const sign = order === 'descending' ? -1 : 1;
      const sorted = order === 'none' ? rows : [...rows].sort((a, b) => before(text(a, i), text(b, i), sign));
      body.append(...sorted);
    };
  });
  const filter = document.getElementById('filter');
  filter.hidden = false;
  filter.oninput = () => {
    const words = filter.value.toLowerCase().split(/\s+/);
    for (const row of rows) {
      const all = row.textContent.toLowerCase();
      row.hidden = !words.every(word => all.includes(word));
    }
  };
})();
)js";

/// The declarations of the palette's variables.
std::string variables(std::string_view Colour::*shade) {
  std::string text;
  for (const auto& colour : palette) text += fmt::format(" --{}: {};", colour.name, colour.*shade);
  return text;
}

}  // namespace

std::string page_style() {
  return fmt::format(
             ":root {{ color-scheme: light dark;{} --band: #f4f6f7; --best: #0b6e5f; }}\n"
             "@media (prefers-color-scheme: dark) {{ :root {{{} --band: #1b2125; --best: #5fd9c4; }} }}",
             variables(&Colour::light), variables(&Colour::dark)) +
         std::string(css);
}

std::string html_escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string_view page_script() { return javascript; }

}  // namespace bitstate::experiments
