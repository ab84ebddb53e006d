// Time series in Weka's format.
#include "datasets/formats/arff.h"
#include "tests/fuzz/labelled.h"

namespace bitstate::fuzz {

Target target() {
  return {{{"% c\n@relation x\n@attribute 'a 1' numeric\n@attribute b real\n@attribute c {u,\"v w\"}\n@data\n1,2,u\n"
            "3,?,'v w'\n"},
           {"@attribute r relational\n@attribute t numeric\n@end r\n@attribute y numeric\n@data\n\"1,2\\n3,4\",0.5\n"},
           {"@attribute a integer\r\n@attribute c string\r\n@data\r\n1,\"a\\\"b\"\r\n"},
           {"", Claim::refused},
           {"@data\n1\n", Claim::refused},
           {"@attribute a {\n", Claim::refused},
           {"@attribute a numeric\n@attribute b {x}\n@data\n1,'x\n", Claim::refused},
           {"@attribute a numeric\n@attribute b {x}\n@data\n{0 1}\n", Claim::refused},
           {"@attribute " + std::string(std::size_t{1} << 16, '{') + "\n", Claim::refused}},
          [](std::string_view input) { return content_of(datasets::read_arff(in_file(input), std::size_t{1} << 20)); }};
}

}  // namespace bitstate::fuzz
