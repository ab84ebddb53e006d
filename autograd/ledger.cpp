#include "autograd/ledger.h"

#include "core/program/run/operands.h"

#include <set>

namespace bitstate {

std::vector<LedgerEntry> ledger(const Tape& tape) {
  std::vector<LedgerEntry> entries;
  std::set<const void*> known;
  const auto add = [&](Value node, std::string_view what, const void* memory, std::size_t bytes) {
    if (memory != nullptr && known.insert(memory).second) {
      entries.push_back({node, what, Arena::taken_by(bytes)});
    }
  };
  for (const Node& node : tape.nodes()) {
    if (node.op == nullptr) continue;  // the memory of a leaf is its caller's
    const Value v = tape.handle(node);
    add(v, "real numbers", node.real, node.size() * sizeof(float));
    const std::size_t codes = node.rows * node.codes.stride + program::row_multiple;
    if (node.codes.data != nullptr) add(v, "codes", node.codes.data, codes * program::bytes_of(node.codes.width));
    add(v, "clamp bits", node.unclamped.data(), node.unclamped.size());
    add(v, "starts", node.starts.data(), node.starts.size());
    add(v, "mask", node.mask.data(), node.mask.size());
    add(v, "numbers of rows", node.of_rows.data(), node.of_rows.size_bytes());
  }
  return entries;
}

}  // namespace bitstate
