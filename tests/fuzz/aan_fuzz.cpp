// Lines of pairs of documents.
#include "datasets/sets/retrieval.h"
#include "datasets/vocabulary.h"
#include "tests/fuzz/target.h"

namespace bitstate::fuzz {

Target target() {
  return {{{"1.0\tP1\tP2\tfirst text\tsecond \"text"},
           {"0\t\t\ta\t\xc3\xa4"},
           {"1.0\tP1\tP2\tfirst", Claim::refused},
           {"1.0\ta\tb\tc\td\te", Claim::refused},
           {"2\ta\tb\tc\td", Claim::refused},
           {"nan\ta\tb\tc\td", Claim::refused},
           {"1\ta\tb\t\td", Claim::refused},
           {"1\ta\tb\tc\t\xff", Claim::refused},
           {std::string(100000, '\t'), Claim::refused}},
          [](std::string_view input) {
            const datasets::TextPair pair = datasets::parse_text_pair(input, "fuzz");
            promise(pair.label <= 1, "a label");
            std::string content = std::to_string(pair.label);
            for (const std::string_view text : pair.texts) {
              promise(!text.empty() && text.data() >= input.data() &&
                          text.data() + text.size() <= input.data() + input.size(),
                      "views of the line");
              append(content, datasets::code_points(text, "fuzz"));
            }
            return content;
          }};
}

}  // namespace bitstate::fuzz
