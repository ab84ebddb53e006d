// Buffers shared by values that are not needed at the same time.
#pragma once

#include <cstddef>
#include <vector>

namespace bitstate::program {

/// When a value is needed, in numbers of operations from 0 on. A value that no operation of the sequence writes needs
/// no buffer; one that no operation of the sequence reads last keeps its buffer. Time is an integer, or what counts its
/// uses.
template <class Time>
struct Life {
  Time written;
  Time last_read;
};

/// The buffer of each value, from 0 on; 0 for a value that needs none. A value takes the buffer that became free last,
/// or a new one, so an operation's result never lies in the buffer of one of its operands. Looks at each value and at
/// each operation once.
template <class Time>
std::vector<std::size_t> shared_buffers(const std::vector<Life<Time>>& lives, std::size_t operations) {
  std::vector<std::vector<std::size_t>> written(operations), read_last(operations);
  for (std::size_t v = 0; v < lives.size(); ++v) {
    const std::size_t from = lives[v].written;
    const std::size_t to = lives[v].last_read;
    if (from >= operations) continue;
    written[from].push_back(v);
    if (to < operations) read_last[to].push_back(v);
  }
  std::vector<std::size_t> buffers(lives.size(), 0), free;
  std::size_t count = 0;
  for (std::size_t now = 0; now < operations; ++now) {
    for (const std::size_t v : written[now]) {
      if (free.empty()) free.push_back(count++);
      buffers[v] = free.back();
      free.pop_back();
    }
    for (const std::size_t v : read_last[now]) free.push_back(buffers[v]);
  }
  return buffers;
}

}  // namespace bitstate::program
