// Archives of files.
#include "datasets/formats/archive.h"
#include "tests/fuzz/tar.h"
#include "tests/fuzz/target.h"

namespace bitstate::fuzz {
namespace {

std::string read(std::string_view input) {
  const auto wanted = [](std::string_view name) { return !name.ends_with(".bin"); };
  constexpr datasets::ArchiveLimits limits{
      .entries = 100, .file_bytes = std::size_t{1} << 16, .total_bytes = std::size_t{1} << 18};
  std::string content;
  datasets::for_each_file(
      in_file(input), wanted,
      [&](std::string_view name, const std::string& bytes) {
        promise(wanted(name) && bytes.size() <= limits.file_bytes, "a wanted file");
        promise(!name.starts_with('/') && ("/" + std::string(name) + "/").find("/../") == std::string::npos,
                "a name within the archive");
        content += std::string(name) + '\n' + std::to_string(bytes.size()) + '\n' + bytes;
      },
      limits);
  return content;
}

/// A tar whose only member claims to have `size` (12 characters of a header) bytes.
std::string claims(const std::string& name, const std::string& size) {
  std::string tar = tests::tar_of({{name, "x"}}, "");
  return tar_forge(tar.replace(124, 12, size));
}

}  // namespace

Target target() {
  using tests::tar_of;
  const std::vector<tests::Member> members = {{"a/one.txt", "first"}, {"b.bin", "skipped"}, {"two.txt", "second"}};
  const std::string zeros(std::size_t{1} << 17U, '\0');
  std::vector<Seed> seeds = {
      {tar_of(members, "")},
      {tar_of({{std::string(90, 'd') + "/" + std::string(90, 'n'), "long name"}}, "")},
      {claims("a.bin", std::string("\x80\0\0\0\x80\0\0\0\0\0\0\0", 12)), Claim::refused},  // 2^63
      {claims("a.txt", std::string("\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12)), Claim::refused},
      {claims("a.txt", std::string("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12)), Claim::refused},
      {claims("a.txt", "77777777777 "), Claim::refused},
      {tar_of({{"../a.txt", "x"}}, ""), Claim::refused},
      {tar_of({{"a/../../b.txt", "x"}}, "gzip"), Claim::refused},
      {tar_of({{"/etc/a.txt", "x"}}, "xz"), Claim::refused},
      {tar_of({{"a.txt", "/etc/passwd", 'l'}}, ""), Claim::refused},
      {tar_of({{"a.txt", "b", 'h'}}, ""), Claim::refused},
      {"", Claim::refused}};
  for (const char* filter : {"gzip", "xz", "bzip2"}) {
    seeds.push_back({tar_of(members, filter), Claim::changes_show});
    seeds.push_back({tar_of({{"a.txt", zeros}}, filter), Claim::refused});  // bombs, wanted
    seeds.push_back(
        {tar_of({{"a.bin", zeros}, {"b.bin", zeros}, {"c.bin", zeros}}, filter), Claim::refused});  // or not
  }
  return {std::move(seeds), read, tar_forge};
}

}  // namespace bitstate::fuzz
