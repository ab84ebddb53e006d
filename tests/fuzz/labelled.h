// What the readers of labelled sequences promise.
#pragma once

#include "datasets/formats/labelled_sequences.h"
#include "tests/fuzz/target.h"

#include <cmath>

namespace bitstate::fuzz {

/// Everything that was read, after what its header promises was checked.
inline std::string content_of(const datasets::LabelledSequences& read) {
  promise(!read.lengths.empty() && read.columns > 0, "sequences");
  std::size_t steps = 0;
  for (const std::size_t length : read.lengths) {
    promise(length > 0, "steps");
    steps += length;
  }
  promise(read.x.size() == steps * read.columns, "the numbers of all steps");
  promise(read.labels.empty() || read.labels.size() == read.lengths.size(), "a label for each");
  promise(read.lines.size() == read.lengths.size(), "a line for each");
  for (const double v : read.x) promise(std::isfinite(v), "finite numbers");
  std::string content = std::to_string(read.columns) + (read.values ? "v" : "c");
  append(content, read.lengths);
  append(content, read.x);
  for (const auto* texts : {&read.labels, &read.declared}) {
    for (const std::string& text : *texts) content += text + '\n';
  }
  return content;
}

}  // namespace bitstate::fuzz
