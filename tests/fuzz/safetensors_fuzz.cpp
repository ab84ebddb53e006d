// Headers and numbers of safetensors.
#include "core/io/safetensors.h"
#include "tests/fuzz/target.h"
#include "tests/support/safetensors_file.h"

#include <cmath>

namespace bitstate::fuzz {
namespace {

std::string read(std::string_view input) {
  const NamedTensors tensors = open_safetensors(in_file(input));
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

std::string one(const std::string& shape, const std::string& offsets) {
  return tests::safetensors_of(R"({"w":{"dtype":"F32","shape":[)" + shape + R"(],"data_offsets":[)" + offsets + "]}}",
                               "\x01\x02\x03\x04");
}

}  // namespace

Target target() {
  const tests::WrittenTensors tensors = {{"a", {{2, 2}, {1.0F, -2.0F, 0.5F, 0.0F}}}, {"b.c", {{1}, {3.0F}}}};
  const std::string most = "18446744073709551615";
  return {{{tests::safetensors_of(tensors), Claim::cuts_show},
           {tests::safetensors_of(tensors, "F16"), Claim::cuts_show},
           {tests::safetensors_of(tensors, "BF16"), Claim::cuts_show},
           {one("1", "0,4"), Claim::cuts_show},
           {one(most, "0,4"), Claim::refused},
           {one("4294967296,4294967296,1", "0,4"), Claim::refused},
           {one("1", "0," + most), Claim::refused},
           {one("1", most + ",4"), Claim::refused},
           {tests::safetensors_of(std::string(1U << 16U, '['), ""), Claim::refused},
           {std::string(8, '\xff') + "{}", Claim::refused},
           {"", Claim::refused}},
          read};
}

}  // namespace bitstate::fuzz
