// Text with a sequence per row.
#include "datasets/formats/sequence_rows.h"
#include "tests/fuzz/labelled.h"

namespace bitstate::fuzz {

Target target() {
  return {{{"1\t0.5\t-2\n-1\t3\tNaN\n"},
           {"class,t0,t1\r\nup,1,2\r\n\"do,wn\",3,\r\n"},
           {"", Claim::refused},
           {"1,2\n2,x\n", Claim::refused},
           {"1,nan,2\n", Claim::refused},
           {"1,2\n1,2,3\n", Claim::refused}},
          [](std::string_view input) {
            return content_of(datasets::read_sequence_rows(in_file(input), std::size_t{1} << 20));
          }};
}

}  // namespace bitstate::fuzz
