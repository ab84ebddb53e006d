// CIFAR-10 in an archive of its binary version.
#include "datasets/sets/cifar.h"
#include "tests/fuzz/tar.h"
#include "tests/fuzz/target.h"

namespace bitstate::fuzz {
namespace {

constexpr std::size_t image = 1 + 3 * 1024;

std::string batches(const std::string& learned, const std::string& tested, std::string_view filter) {
  return tests::tar_of({{"x/data_batch_1.bin", learned}, {"x/batches.meta.txt", "?"}, {"x/test_batch.bin", tested}},
                       filter);
}

}  // namespace

Target target() {
  std::string one(image, 'v');
  one.front() = '\7';
  std::string unknown = one;
  unknown.front() = '\x0a';
  return {{{batches(one, one, "")},
           {batches(one + one, one + one, "gzip"), Claim::changes_show},
           {batches(unknown, one, "gzip"), Claim::refused},
           {batches(one + "x", one + "x", ""), Claim::refused},
           {batches("", "", ""), Claim::refused},
           {batches(one + one, one, ""), Claim::refused},
           {batches(std::string(10'001 * image, '\0'), std::string(10'001 * image, '\0'), "gzip"), Claim::refused},
           {tests::tar_of({{"test_batch.bin", one}}, ""), Claim::refused},
           {tests::tar_of({{"test_batch.bin", one}, {"data_batch_1.bin", "test_batch.bin", 'h'}}, ""), Claim::refused}},
          [](std::string_view input) { return content_of(datasets::cifar(in_file(input), input.size() % 2 == 0)); },
          tar_forge};
}

}  // namespace bitstate::fuzz
