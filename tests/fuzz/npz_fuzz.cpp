// Archives of arrays.
#include "datasets/formats/npz.h"
#include "tests/datasets/formats/npy_files.h"
#include "tests/fuzz/target.h"
#include "tests/support/archives.h"

#include <cmath>

namespace bitstate::fuzz {
namespace {

std::string read(std::string_view input) {
  const NamedTensors tensors = datasets::read_npz(in_file(input));
  promise(!tensors.shapes.empty(), "arrays");
  std::string content;
  for (const auto& [name, shape] : tensors.shapes) {
    const std::vector<float> numbers = tensors.read(name);
    std::size_t count = 1;
    for (const std::size_t size : shape) count *= size;
    promise(count == numbers.size(), "as many numbers as the shape says");
    for (const float v : numbers) promise(std::isfinite(v), "finite numbers");
    content += name + '\n';
    append(content, shape);
    append(content, numbers);
  }
  return content;
}

}  // namespace

Target target() {
  using tests::npy_of;
  const std::vector<tests::Member> arrays = {{"a.npy", npy_of<float>("<f4", "(2, 2, 1)", {1, -2, 0.5F, 0})},
                                             {"b/c.npy", npy_of<float>("<c8", "(1,)", {1, 2})}};
  const std::string zeros(std::size_t{1} << 22U, '\0');
  return {{{tests::zip_of(arrays, false)},
           {tests::zip_of(arrays, true)},
           {tests::zip_of({arrays[0], arrays[0]}, false), Claim::refused},
           {tests::zip_of({{"a.npy", npy_of<float>("<f4", "(4294967296, 4294967296)", {1})}}, false), Claim::refused},
           {tests::zip_of({{"a.npy", zeros}}, true), Claim::refused},
           {tests::zip_of({{"a.npy", "x"}}, false), Claim::refused},
           {"", Claim::refused}},
          read};
}

}  // namespace bitstate::fuzz
