// What files of arrays promise.
#pragma once

#include "core/error.h"
#include "datasets/formats/array_file.h"
#include "tests/fuzz/target.h"

namespace bitstate::fuzz {

/// Everything that was read; arrays that are refused when they are read, by their names alone.
inline std::string content_of(const datasets::ArrayFile& read) {
  std::string content;
  for (const std::string& name : read.list()) {
    content += name + '\n';
    promise(read.exists(name), "what it lists");
    try {
      const std::vector<std::size_t> shape = read.shape(name);
      std::size_t count = 1;
      for (const std::size_t size : shape) count *= size;
      append(content, shape);
      if (read.stored(name) == datasets::Stored::texts) {
        const std::vector<std::string> texts = read.texts(name);
        promise(texts.size() == count, "as many texts as the shape says");
        for (const std::string& text : texts) content += text + '\n';
      } else {
        const std::vector<double> numbers = read.numbers(name);
        promise(numbers.size() == count, "as many numbers as the shape says");
        append(content, numbers);
      }
    } catch (const Error&) {
      content += "refused\n";
    }
  }
  return content;
}

}  // namespace bitstate::fuzz
