#include "core/program/c/pieces.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace bitstate::program {

void CPieces::add(std::string text, CTargets targets, std::size_t bytes) {
  const auto known = std::find_if(pieces_.begin(), pieces_.end(), [&](const Piece& p) { return p.text == text; });
  if (known == pieces_.end()) {
    pieces_.push_back({std::move(text), targets, bytes});
    return;
  }
  known->targets.multiplying |= targets.multiplying;
  known->targets.adding |= targets.adding;
}

std::string CPieces::text(std::string_view macro) const {
  std::string text;
  CTargets open;
  const auto go_to = [&](CTargets targets) {
    if (targets == open) return;
    if (!open.all()) text.insert(text.size() - (text.ends_with("\n\n") ? 1 : 0), "#endif\n");
    if (!targets.all()) text += fmt::format("#if {}{}\n", targets.adding ? "!" : "", macro);
    open = targets;
  };
  for (const Piece& piece : pieces_) {
    go_to(piece.targets);
    text += piece.text;
  }
  go_to({});
  return text;
}

std::size_t CPieces::bytes(bool multiplying) const {
  std::size_t sum = 0;
  for (const Piece& p : pieces_) {
    if (multiplying ? p.targets.multiplying : p.targets.adding) sum += p.bytes;
  }
  return sum;
}

bool CPieces::all() const {
  return std::all_of(pieces_.begin(), pieces_.end(), [](const Piece& p) { return p.targets.all(); });
}

}  // namespace bitstate::program
