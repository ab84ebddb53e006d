// Lines of Pathfinder's metadata: images and labels.
#include "datasets/formats/npy.h"
#include "datasets/sets/pathfinder.h"
#include "tests/fuzz/target.h"

#include <algorithm>

namespace bitstate::fuzz {
namespace {

std::string read(std::string_view input) {
  std::string content;
  for (const auto& fields : datasets::read_table(in_file(input))) {
    const auto [name, label] = datasets::parse_pathfinder_entry(fields, "fuzz");
    const std::filesystem::path file = name;
    promise(file.is_relative() && std::find(file.begin(), file.end(), "..") == file.end(), "an image below the folder");
    promise(label == 0 || label == 1, "a label");
    content += name + '\n' + std::to_string(label) + '\n';
  }
  return content;
}

}  // namespace

Target target() {
  return {{{"imgs/0 sample_0.png 0 1 1.0 14 4 2 0.5 1 1\nimgs/0 sample_1.png 1 0 1.0 14 4 2 0.5 1 1\n"},
           {"imgs/10 sample_999.png 999 0"},
           {"imgs/.../..a b..png 0 1\n"},
           {"imgs/0 sample_0.png 0\n", Claim::refused},
           {"imgs/0 sample_0.png 0 2\n", Claim::refused},
           {"imgs/0 sample_0.png 0 01\n", Claim::refused},
           {"../imgs sample_0.png 0 1\n", Claim::refused},
           {"imgs/0 ../../../x.png 0 1\n", Claim::refused},
           {"imgs/0 /etc/passwd 0 1\n", Claim::refused},
           {"/etc passwd 0 1\n", Claim::refused},
           {"imgs/0 sample_0.png 0 1\n\xff", Claim::refused},
           {"", Claim::refused}},
          read};
}

}  // namespace bitstate::fuzz
