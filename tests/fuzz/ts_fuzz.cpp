// Time series as sktime writes them.
#include "datasets/formats/ts.h"
#include "tests/fuzz/labelled.h"

namespace bitstate::fuzz {

Target target() {
  return {{{"# c\n@problemName x\n@timeStamps false\n@classLabel true a b\n@data\n1,2:3,4:a\n5:6:b\n"},
           {"@targetLabel true\n@data\n1,-2.5e-3,?:0.5\n7:-1"},
           {"@classLabel false\r\n@data\r\n1,2,NaN\r\n"},
           {"@equalLength true\n@seriesLength 3\n@classLabel true a none\n@data\n1,2,3:a\n4,5,?:none\n"},
           {"", Claim::refused},
           {"@seriesLength 2\n@classLabel true a\n@data\n1:a\n", Claim::refused},
           {"@targetLabel true\n@data\n1,2:3,4\n", Claim::refused},
           {"@data\n", Claim::refused},
           {"@data\n:\n", Claim::refused},
           {"@classLabel true a\n@data\n1:b\n", Claim::refused},
           {"@timestamps true\n@data\n(1,2):a\n", Claim::refused},
           {"@data\n" + std::string(std::size_t{1} << 16, ':') + "\n", Claim::refused}},
          [](std::string_view input) { return content_of(datasets::read_ts(in_file(input), std::size_t{1} << 20)); }};
}

}  // namespace bitstate::fuzz
