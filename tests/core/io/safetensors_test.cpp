// Files of safetensors, and of those who forge them.
#include "core/io/safetensors.h"

#include "core/error.h"
#include "tests/support/safetensors_file.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

namespace bitstate::tests::safetensors_test {
namespace {

const WrittenTensors two = {{"a.weight", {{2, 3}, {0.0F, -0.0F, 1.5F, -2.25F, 65504.0F, 6.1035156e-05F}}},
                            {"b", {{2}, {5.9604645e-08F, -1023.0F / 16777216.0F}}}};

std::string refusal(const std::string& bytes) {
  const TempFolder folder;
  write_quickly(folder / "m.safetensors", bytes);
  const std::string said = error_of<Error>([&] { (void)open_safetensors(folder / "m.safetensors"); });
  CHECK(said.starts_with("[" + (folder / "m.safetensors").string() + "] "));
  return said;
}

/// The header of one tensor called w, and so many bytes of data.
std::string one(const std::string& entry, std::size_t bytes = 8) {
  return safetensors_of(R"({"w":)" + entry + "}", std::string(bytes, '\0'));
}

bool says(const std::string& sentence, const std::string& words) { return sentence.find(words) != sentence.npos; }

TEST_CASE("safetensors: names, shapes and numbers of all types come back") {
  const TempFolder folder;
  for (const char* const dtype : {"F32", "F16"}) {  // these numbers are halves
    write_quickly(folder / "m.safetensors", safetensors_of(two, dtype));
    const NamedTensors tensors = open_safetensors(folder / "m.safetensors");
    REQUIRE(tensors.shapes.size() == 2);
    for (const auto& [name, written] : two) {
      CHECK(tensors.shapes.at(name) == written.shape);
      CHECK(tensors.read(name) == written.numbers);
    }
    CHECK(std::signbit(tensors.read("a.weight")[1]));
  }
  const WrittenTensors brains = {{"w", {{3}, {1.0F, -3.140625F, 1e38F}}}};
  write_quickly(folder / "m.safetensors", safetensors_of(brains, "BF16"));
  const auto numbers = open_safetensors(folder / "m.safetensors").read("w");
  CHECK(numbers[0] == 1.0F);
  CHECK(numbers[1] == -3.140625F);
  CHECK(numbers[2] == doctest::Approx(1e38).epsilon(0.004));
}

TEST_CASE("safetensors: a header that lies is refused before anything is read") {
  CHECK(says(refusal(""), "has 0 bytes, too few for a header"));
  CHECK(says(refusal(std::string(8, '\xff')), "claims 18446744073709551615 bytes, but 0 follow"));
  CHECK(says(refusal(safetensors_of("{", "")), "no JSON"));
  CHECK(says(refusal(safetensors_of("[]", "")), "no JSON object"));
  CHECK(says(refusal(safetensors_of(std::string(100000, '['), "")), "nests deeper"));
  CHECK(says(refusal(safetensors_of(R"({"w":1e999})", "")), "out of range"));
  CHECK(says(refusal(safetensors_of(R"({"\u0007":1})", "")), "not printable"));
  CHECK(says(refusal(safetensors_of(R"({"w":1,"w":2})", "")), "the name w occurs twice"));
  CHECK(says(refusal(one("7")), "w does not have dtype, shape and data_offsets"));
  CHECK(says(refusal(one(R"({"dtype":"I64","shape":[1],"data_offsets":[0,8]})")), "w has the dtype I64;"));
  CHECK(says(refusal(one(R"({"dtype":"F32","shape":[-1],"data_offsets":[0,8]})")), "the shape of w"));
  CHECK(says(refusal(one(R"({"dtype":"F32","shape":[2],"data_offsets":[0.0,8]})")), "the data_offsets of w"));
  CHECK(says(refusal(one(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})")), "w has the bytes 8 to 0"));
  CHECK(says(refusal(one(R"({"dtype":"F32","shape":[3],"data_offsets":[0,12]})")), "but there are 8"));
  CHECK(says(refusal(one(R"({"dtype":"F32","shape":[1],"data_offsets":[0,8]})")), "ask for 4"));
  CHECK(says(refusal(one(R"({"dtype":"F32","shape":[0],"data_offsets":[0,0]})", 0)), "sizes of w do not match"));
  const std::string overflows = R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]})";
  CHECK(says(refusal(one(overflows)), "sizes of w do not match"));
  CHECK(says(refusal(one(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]})")), "4 to 8, at the end, belong to no"));
  CHECK(says(refusal(one(R"({"dtype":"F32","shape":[1],"data_offsets":[4,8]})")), "0 to 4, before w, belong to no"));
  const std::string entry = R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
  CHECK(says(refusal(safetensors_of(R"({"a":)" + entry + R"(,"b":)" + entry + "}", std::string(8, '\0'))),
             "b begins at byte 0, within another tensor"));
}

TEST_CASE("safetensors: a file that is cut anywhere is refused") {
  const std::string whole = safetensors_of(two);
  for (std::size_t length = 0; length < whole.size(); ++length) CHECK(!refusal(whole.substr(0, length)).empty());
}

TEST_CASE("safetensors: numbers that are not finite are refused with their place") {
  const TempFolder folder;
  for (const char* const dtype : {"F32", "BF16"}) {
    WrittenTensors bad = two;
    bad["a.weight"].numbers[4] = std::numeric_limits<float>::infinity();
    write_quickly(folder / "m.safetensors", safetensors_of(bad, dtype));
    const NamedTensors tensors = open_safetensors(folder / "m.safetensors");
    CHECK(says(error_of<Error>([&] { (void)tensors.read("a.weight"); }), "element 4 of a.weight is inf"));
    CHECK(tensors.read("b").size() == 2);
  }
  write_quickly(folder / "m.safetensors", one(R"({"dtype":"F16","shape":[1],"data_offsets":[0,2]})", 0) + "\x01\xfe");
  const NamedTensors tensors = open_safetensors(folder / "m.safetensors");
  CHECK(says(error_of<Error>([&] { (void)tensors.read("w"); }), "element 0 of w is"));
}

TEST_CASE("safetensors: an index joins the files of its folder, and no others") {
  const TempFolder folder;
  write_quickly(folder / "m-1.safetensors", safetensors_of(WrittenTensors{{"a", {{1}, {1.0F}}}}));
  write_quickly(folder / "m-2.safetensors", safetensors_of(WrittenTensors{{"b", {{1}, {2.0F}}}}));
  const auto index = folder / "model.safetensors.index.json";
  const auto refused = [&](const std::string& map) {
    write_quickly(index, R"({"metadata":{"total_size":8},"weight_map":)" + map + "}");
    return error_of<Error>([&] { (void)open_safetensors(folder.path()); });
  };
  CHECK(refused(R"({"a":"m-1.safetensors","b":"m-2.safetensors"})").empty());
  for (const auto& path : {folder.path(), index}) {
    const NamedTensors tensors = open_safetensors(path);
    CHECK(tensors.read("a") == std::vector{1.0F});
    CHECK(tensors.read("b") == std::vector{2.0F});
  }
  CHECK(says(refused("7"), "has no weight_map"));
  CHECK(says(refused(R"({"a":"../m-1.safetensors"})"), "in the folder of the index"));
  CHECK(says(refused(R"({"a":"/etc/passwd"})"), "in the folder of the index"));
  CHECK(says(refused(R"({"a":"m-1.safetensors","a":"m-2.safetensors"})"), "the name a occurs twice"));
  CHECK(says(refused(R"({"a":"m-1.safetensors","c":"m-1.safetensors"})"), "c is not in m-1.safetensors"));
  CHECK(says(refused(R"({"b":"m-1.safetensors"})"), "does not say that a is in m-1.safetensors"));
  CHECK(says(refused(R"({"a":"m-3.safetensors"})"), "m-3.safetensors"));
  const TempFolder empty;
  CHECK(says(error_of<UsageError>([&] { (void)open_safetensors(empty.path()); }), "model.safetensors] does not exist"));
}

}  // namespace
}  // namespace bitstate::tests::safetensors_test
