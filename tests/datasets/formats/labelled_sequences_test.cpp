// .ts, .arff and text with a sequence per row, as the UEA and UCR archives have them.
#include "core/error.h"
#include "datasets/formats/arff.h"
#include "datasets/formats/sequence_rows.h"
#include "datasets/formats/ts.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace bitstate::datasets::labelled_sequences_test {
namespace {

using tests::error_of;
using tests::says;
using tests::TempFolder;
using Doubles = std::vector<double>;
using Sizes = std::vector<std::size_t>;
using Names = std::vector<std::string>;

template <LabelledSequences (*read)(const std::filesystem::path&, std::size_t)>
LabelledSequences of(const std::string& text) {
  const TempFolder folder;
  tests::write_quickly(folder / "file", text);
  return read(folder / "file", std::size_t{1} << 20);
}

template <LabelledSequences (*read)(const std::filesystem::path&, std::size_t)>
std::string refusal(const std::string& text) {
  return error_of<Error>([&] { (void)of<read>(text); });
}

const std::string ts_head =
    "# a comment\n@problemName Made Up\n@timeStamps false\n@univariate false\n@dimensions 2\n@equalLength false\n";

}  // namespace

TEST_CASE("ts: dimensions of several lengths, classes in the order of the header, and what pads") {
  const LabelledSequences read = of<read_ts>(ts_head +
                                             "@classLabel true b a 3.0\r\n\n@data\n1,2,3:4,5,6:a\r\n% note\n"
                                             "7,?:8,NaN:b\n-1.5e-3 : 2 :3");
  CHECK(read.columns == 2);
  CHECK(read.lengths == Sizes{3, 1, 1});
  CHECK(read.x == Doubles{1, 4, 2, 5, 3, 6, 7, 8, -1.5e-3, 2});
  CHECK(read.labels == Names{"a", "b", "3"});
  CHECK(read.declared == Names{"b", "a", "3"});
  CHECK_FALSE(read.values);
  const LabelledSequences values = of<read_ts>("@targetlabel true\n@data\n1,2:0.5\n");
  CHECK(values.values);
  CHECK(values.labels == Names{"0.5"});
  const LabelledSequences none = of<read_ts>("@classLabel false\n@data\n1,2:3,4\n");
  CHECK(none.columns == 2);
  CHECK(none.labels.empty());
}

TEST_CASE("ts: what is damaged is refused with file and line") {
  const std::string head = ts_head + "@classLabel true a b\n@data\n";
  says(refusal<read_ts>(""), "has no line @data");
  says(refusal<read_ts>(head), "holds no sequence");
  says(refusal<read_ts>("1,2,3\n"), "line 1] expected a line that begins with @ or #, got \"1,2,3\"");
  says(refusal<read_ts>("@timeStamps true\n"), "line 1] time stamps are not read");
  says(refusal<read_ts>(head + "(0,1),(1,2):a\n"), "line 9] time stamps are not read");
  says(refusal<read_ts>(head + "1,2:3,4:c\n"), "line 9] the label \"c\" is not one that @classLabel lists: a, b");
  says(refusal<read_ts>(head + "1,2:3:a\n"), "line 9] dimension 2 has 1 steps, but dimension 1 has 2");
  says(refusal<read_ts>(head + "1,2:3,4:a\n1,2:b\n"),
       "line 10] the sequence has 1 dimensions, but those before have 2");
  says(refusal<read_ts>(head + "1,x:3,4:a\n"), "line 9] expected a number, or ? for a missing one, got \"x\"");
  says(refusal<read_ts>(head + "1,inf:3,4:a\n"), "got \"inf\"");
  says(refusal<read_ts>(head + "?,2:3,4:a\n"), "line 9] step 1 of dimension 1 is missing; only ends may be");
  says(refusal<read_ts>(head + "1,2,3:3,?,4:a\n"), "line 9] step 2 of dimension 2 is missing; only ends may be");
  says(refusal<read_ts>(head + "1,2:3,?:a\n"), "line 9] step 2 of dimension 2 is missing; only ends may be");
  says(refusal<read_ts>(head + "?,?:?,?:a\n"), "line 9] the sequence has no step");
  says(refusal<read_ts>(head + "a\n"), "line 9] expected the numbers of a sequence before its label");
  says(refusal<read_ts>("@classLabel true\n@data\n"), "lists no class");
  says(refusal<read_ts>("@classLabel maybe\n@data\n"), "expected true or false behind @classLabel, got \"maybe\"");
}

TEST_CASE("ts: a line without its label is refused as such, whether classes are listed or numbers are predicted") {
  for (const std::string& head : {ts_head + "@classLabel true a b\n", ts_head + "@targetLabel true\n"}) {
    for (const char* label : {"", "?", "NaN", "3,4"}) {
      CAPTURE(label);
      says(refusal<read_ts>(head + "@data\n1,2:" + label + "\n"),
           std::string("line 9] the label is missing: expected it behind the last colon, got \"") + label + "\"");
    }
  }
  CHECK(of<read_ts>("@classLabel true a,b none\n@data\n5:a,b\n6:none\n").labels == Names{"a,b", "none"});
}

TEST_CASE("ts: sequences have the lengths that the header says, with what pads them") {
  const std::string data = "@classLabel true a\n@data\n1,2,3:a\n4,5,?:a\n";
  const std::string longer = data + "1,2,3,4:a\n";
  CHECK(of<read_ts>("@equalLength true\n" + data).lengths == Sizes{3, 2});
  CHECK(of<read_ts>("@equalLength true\n@seriesLength 3\n" + data).lengths == Sizes{3, 2});
  for (const char* none : {"", "@equalLength false\n@seriesLength 3\n", "@seriesLength 0\n", "@seriesLength -1\n"}) {
    CHECK(of<read_ts>(none + longer).lengths == Sizes{3, 2, 4});
  }
  says(refusal<read_ts>("@equalLength true\n" + longer),
       "line 6] the sequence has 4 steps, but @equalLength says that all have 3");
  for (const char* said : {"@seriesLength 4\n", "@equalLength TRUE\n@serieslength 4\n"}) {
    says(refusal<read_ts>(said + data), "] the sequence has 3 steps, but @seriesLength says that all have 4");
  }
  for (const char* bad : {"x", "3x", "", "1e3", "99999999999999999999"}) {
    says(refusal<read_ts>(std::string("@seriesLength ") + bad + "\n" + data),
         "line 1] expected a number of steps behind @seriesLength");
  }
}

TEST_CASE("labelled sequences: each knows its line") {
  CHECK(of<read_ts>("@classLabel true a\n\n@data\n1:a\n# note\n\n2:a\n").lines == Sizes{4, 7});
  CHECK(of<read_arff>("@attribute a numeric\n@attribute c {u}\n@data\n1,u\n%\n2,u\n").lines == Sizes{4, 6});
  const LabelledSequences rows = of<read_sequence_rows>("class,t0\n1,2\n\n1,3\n");
  CHECK(rows.lines == Sizes{2, 4});
  CHECK(rows.named);
  CHECK(rows.place("a.csv", 1) == "a.csv, line 4");
  CHECK_FALSE(of<read_sequence_rows>("1,2\n").named);
  CHECK(LabelledSequences().place("a.h5", 1) == "a.h5: sequence 1");
}

TEST_CASE("arff: a numeric attribute per step, or a line per dimension in a relational one") {
  const LabelledSequences one = of<read_arff>(
      "% UCR\n@RELATION x\n@ATTRIBUTE 'att 1' NUMERIC\n@attribute att2 real\n@attribute target {1, 'two words'}\n\n"
      "@DATA\n1,2,1\n3,?,'two words'\n");
  CHECK(one.columns == 1);
  CHECK(one.lengths == Sizes{2, 1});
  CHECK(one.x == Doubles{1, 2, 3});
  CHECK(one.labels == Names{"1", "two words"});
  CHECK(one.declared == Names{"1", "two words"});
  const LabelledSequences two = of<read_arff>(
      "@relation x\n@attribute r relational\n@attribute t1 numeric\n@attribute t2 numeric\n@end r\n"
      "@attribute class {a,b}\n@data\n\"1,2\\n3,4\",b\n'5,6\\n7,8' , a\n");
  CHECK(two.columns == 2);
  CHECK(two.x == Doubles{1, 3, 2, 4, 5, 7, 6, 8});
  CHECK(two.labels == Names{"b", "a"});
  const LabelledSequences values = of<read_arff>("@attribute a numeric\n@attribute y numeric\n@data\n1,0.5\n");
  CHECK(values.values);
  CHECK(values.labels == Names{"0.5"});
}

TEST_CASE("arff: what is damaged is refused with file and line") {
  const std::string head = "@relation x\n@attribute a numeric\n@attribute c {u,v}\n@data\n";
  says(refusal<read_arff>("@relation x\n"), "has no line @data");
  says(refusal<read_arff>(head), "holds no sequence");
  says(refusal<read_arff>("@attribute a date\n"), "line 1] the attribute a has the type \"date\"");
  says(refusal<read_arff>("@attribute a {x\n"), "line 1] the list of the values of a has no end");
  says(refusal<read_arff>("@attribute a string\n@attribute c {u}\n@data\n"),
       "expected numeric attributes, or one relational one, before the label, but a is none");
  says(refusal<read_arff>("@attribute a relational\n@data\n"), "the relational attribute a has no @end");
  says(refusal<read_arff>("@attribute a numeric\n@data\n"), "expected attributes of a sequence and, behind them, its");
  says(refusal<read_arff>(head + "{0 1}\n"), "line 5] sparse rows are not read");
  says(refusal<read_arff>(head + "1\n"), "line 5] the row has 1 cells for 2 attributes");
  says(refusal<read_arff>(head + "1,w\n"), "line 5] the label \"w\" is not one of c: u, v");
  says(refusal<read_arff>(head + "1,?\n"), "line 5] expected a class (a whole number or a name), got \"?\"");
  says(refusal<read_arff>(head + "1,'u\n"), "line 5] a quote has no end");
  says(refusal<read_arff>(head + "1,'u'v\n"), "line 5] there is text behind the quote of \"u\"");
  says(refusal<read_arff>("hello\n"), "expected @relation, @attribute or @data, got \"hello\"");
}

TEST_CASE("sequence rows: the label first, NaN or empty cells behind the end of shorter sequences") {
  const LabelledSequences read = of<read_sequence_rows>("1.0\t0.5\t-2\t1e-3\n-1\t3\tNaN\tNaN\nup\t4\t5\t\n");
  CHECK(read.columns == 1);
  CHECK(read.lengths == Sizes{3, 1, 2});
  CHECK(read.x == Doubles{0.5, -2, 1e-3, 3, 4, 5});
  CHECK(read.labels == Names{"1.0", "-1", "up"});
  CHECK(of<read_sequence_rows>("class,t0,t1\n2,1,2\n1,3,4\n").lengths == Sizes{2, 2});
  says(refusal<read_sequence_rows>("1\t2\t3\n2\tx\t5\n"),
       "line 2] expected a number, or ? for a missing one, got \"x\"");
  says(refusal<read_sequence_rows>("1\t2\t3\n2\tNaN\t5\n"), "line 2] step 1 of dimension 1 is missing");
  says(refusal<read_sequence_rows>("a,b,c\n\n1,2,3\n2,4,5\n2,4\n"),
       "line 5] the row has 2 cells, but line 3 has 3; shorter sequences end with empty cells or NaN");
  says(refusal<read_sequence_rows>("1,2,3\n2,4,5,6\n"), "line 2] the row has 4 cells, but line 1 has 3;");
  says(refusal<read_sequence_rows>("1,?\n2,3\n"), "line 1] the sequence has no step");
  says(refusal<read_sequence_rows>("1\n2\n"), "line 1] the sequence has no step");
  says(refusal<read_sequence_rows>(""), "holds no sequence");
}

}  // namespace bitstate::datasets::labelled_sequences_test
