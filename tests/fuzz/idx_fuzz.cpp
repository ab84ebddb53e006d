// idx files, raw and compressed.
#include "datasets/formats/idx.h"
#include "tests/datasets/formats/idx_files.h"
#include "tests/fuzz/target.h"

#include <numeric>

namespace bitstate::fuzz {

Target target() {
  using tests::gzip;
  using tests::idx_header;
  const std::string small = idx_header({2, 3, 2}) + "twelve bytes";
  return {{{small, Claim::cuts_show},
           {gzip(small), Claim::changes_show},
           {gzip(idx_header({40, 28, 28}) + std::string(40 * 28 * 28, '7')), Claim::changes_show},
           {idx_header({0xffffffff, 0xffffffff, 0xffffffff}) + "x", Claim::refused},
           {idx_header({0x80000000, 0x80000000, 4}) + "x", Claim::refused},  // 2^64
           {gzip(idx_header({1U << 10U, 1U << 10U, 60})), Claim::refused},
           {gzip(idx_header({1, 1, 1}) + std::string(std::size_t{1} << 24, '\0')), Claim::refused}},
          [](std::string_view input) {
            const datasets::Idx array = datasets::read_idx(in_file(input), 3, std::size_t{1} << 26);
            const std::size_t count =
                std::accumulate(array.shape.begin(), array.shape.end(), std::size_t{1}, std::multiplies<>());
            promise(array.shape.size() == 3 && count == array.values.size(), "a shape");
            std::string content;
            append(content, array.shape);
            append(content, array.values);
            return content;
          }};
}

}  // namespace bitstate::fuzz
