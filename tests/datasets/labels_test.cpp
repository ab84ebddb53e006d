// Labels as files have them, and the classes that they become.
#include "datasets/labels.h"

#include "core/error.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace bitstate::datasets {
namespace {

using tests::error_of;
using Names = std::vector<std::string>;
using Numbers = std::vector<std::int32_t>;

Labels labels_of(const Names& texts) {
  Labels labels;
  for (const std::string& text : texts) labels.add(text);
  return labels;
}

TEST_CASE("labels: whole numbers are one label however they are written, other texts stay") {
  for (const char* one : {"1", "1.0", "+1", "1e0", "1.0000000e+00", "\"1\"", "01"}) CHECK(label_in(one) == "1");
  CHECK(label_in("-1.0") == "-1");
  CHECK(label_in("-0.0") == "0");
  CHECK(label_in("9007199254740991") == "9007199254740991");
  CHECK(label_in("up") == "up");
  CHECK(label_in("\"say \"\"up\"\"\"") == "say \"up\"");
  CHECK(label_in("1a") == "1a");
  for (const char* name : {"\xC3\xBC", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xED\x9F\xBF"})
    CHECK(label_in(name) == name);
  for (const char* name : {"none", "NA", "null", "-", "n/a"}) {  // missing numbers, but classes like others
    CHECK(label_in(name) == name);
    CHECK_FALSE(is_missing_label(name));
  }
  for (const char* missing : {"", "\"\"", "?", "\"?\"", "nan", "NaN", "-nan"}) CHECK(is_missing_label(missing));
  for (const char* none : {"", "\"\"", "?", "0.5", "nan", "-inf", "1e300", "9007199254740992", "a\tb", "a\x7F", "\xFC",
                           "a\xC3", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80"}) {
    CHECK_FALSE(label_in(none));
  }
  CHECK(label_in(std::string(100, 'a')));
  CHECK_FALSE(label_in(std::string(101, 'a')));
}

TEST_CASE("labels: the numbers 0 to k are their own classes, others are classes by size, and texts by their bytes") {
  const Classes dense = classes_of(labels_of({"2", "0", "1", "2"}));
  CHECK(dense.of == Numbers{2, 0, 1});
  CHECK(dense.names.empty());
  CHECK(dense.count == 3);
  const Classes gapped = classes_of(labels_of({"10", "9", "-1"}));
  CHECK(gapped.of == Numbers{2, 1, 0});
  CHECK(gapped.names == Names{"-1", "9", "10"});
  const Classes texts = classes_of(labels_of({"up", "10", "9"}));
  CHECK(texts.of == Numbers{2, 0, 1});
  CHECK(texts.names == Names{"10", "9", "up"});
  Labels declared;
  declared.declare({"up", "down"}, "a.ts");
  declared.add("down");
  CHECK(classes_of(declared).names == Names{"up", "down"});
  declared.declare({"up", "down"}, "b.ts");
  CHECK(error_of<Error>([&] { declared.declare({"up"}, "b.ts"); }).find("[b.ts] declares the classes up, but") == 0);
}

TEST_CASE("labels: those of a model that is trained stay, and others are refused by name") {
  Reading named;
  named.outputs = 3;
  named.classes = {"up", "down", "flat"};
  CHECK(classes_of(labels_of({"flat", "up"}), named).of == Numbers{2, 0});
  CHECK(classes_of(labels_of({"flat", "up"}), named).count == 3);
  CHECK(error_of<Error>([&] {
          (void)classes_of(labels_of({"up", "left"}), named);
        }) == "[data] the model was trained with the classes up, down, flat; these data also hold left");
  Reading numbered;
  numbered.outputs = 6;  // as runs of before had them, also of labels with gaps
  const Classes old = classes_of(labels_of({"5", "1"}), numbered);
  CHECK(old.of == Numbers{5, 1});
  CHECK(old.names.empty());
  CHECK(old.count == 6);
  CHECK(error_of<Error>([&] {
          (void)classes_of(labels_of({"5", "6", "x", "-1"}), numbered);
        }) == "[data] the model was trained with the classes 0 to 5; these data also hold 6, x, -1");
  CHECK(classes_of(labels_of({"7", "1"}), {}, 8).of == Numbers{7, 1});
  CHECK(error_of<Error>([&] { (void)classes_of(labels_of({"8"}), {}, 8); }) ==
        "[data] the file states the classes 0 to 7; these data also hold 8");
}

TEST_CASE("labels: more than 65536 are no classes") {
  Labels labels;
  for (int i = 0; i < 65536; ++i) labels.add(std::to_string(7 * i));
  CHECK(labels.add("7") == 1);
  CHECK(error_of<Error>([&] { labels.add("x"); }).find("more than 65536 different labels") != std::string::npos);
  CHECK(classes_of(labels).count == 65536);
}

}  // namespace
}  // namespace bitstate::datasets
