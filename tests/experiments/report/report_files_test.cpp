// The report as CSV and for LaTeX.
#include "experiments/report/report.h"
#include "tests/support/made_up_runs.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>

namespace {

using namespace bitstate::experiments;
using bitstate::tests::contains;
using bitstate::tests::MadeUpRuns;

}  // namespace

TEST_CASE("report: the CSV has its numbers in full, empty fields for what is absent, and quotes where needed") {
  MadeUpRuns runs;
  runs.add("bits = act:* 8, or \"so\"\nseed = 1\n", R"({"status":"done","test_mse":0.125})");
  runs.add("bits = \nseed = 1\n", R"({"status":"done","test_mse":0.0625,"seconds":3})");
  CHECK(report_csv(runs.report()) ==
        "bits,metric,test_mean,test_std,difference_to_float,val_mean,val_std,n,diverged,missing,seconds_mean,size_kib,"
        "a_multiplier_bits,running,a_products,a_stored_bits,best,difference_low,difference_high,difference_std,"
        "difference_n,one_source,qs5,cortex_m4_instructions\n"
        ",mse,0.0625,,0,,,1,0,0,3,,,0,,,0,,,,1,0,,\n"
        "\"act:* 8, or \"\"so\"\"\",mse,0.125,,0.0625,,,1,0,0,,,,0,,,0,,,,1,0,,\n");
}

TEST_CASE("report: what LaTeX takes for its own is escaped in a table") {
  MadeUpRuns runs;
  runs.accuracy("quant = \"[a_b & 5% of $x^2 ~ {\\\\c}] #1 <|>\"\n", 0.5);
  runs.accuracy("quant = none\n", 0.5);
  const std::string text = report_tex(runs.report());
  CHECK(contains(text,
                 "  {}[a\\_b \\& 5\\% of $\\$$x\\textasciicircum{}2 \\textasciitilde{} "
                 "\\{\\textbackslash{}c\\}] \\#1 $<$$|$$>$ & 50.00"));
  CHECK(contains(text, "\\begin{tabular}{lrrrr}\n  \\toprule\n  quant & test accuracy, \\% & "));
}

TEST_CASE("report: mathematics between dollars stays in LaTeX, and what is none is escaped") {
  const auto tex = [](const std::string& label) {
    MadeUpRuns runs;
    runs.accuracy("quant = \"" + label + "\"\n", 0.5);
    runs.accuracy("quant = none\n", 0.5);
    const std::string text = report_tex(runs.report());
    const auto line = text.rfind(" & 50.00");
    const auto begin = text.rfind('\n', line) + 3;
    return text.substr(begin, line - begin);
  };
  CHECK(tex("$x_1^{2}$, 4 bits") == "$x_1^{2}$, 4 bits");
  CHECK(tex("A_$i$ and $B$") == "A\\_$i$ and $B$");
  CHECK(tex("$\\\\bar{A}$") == "$\\bar{A}$");
  CHECK(tex("$a\\\\$b$") == "$a\\$b$");
  const std::string dollar = "$\\$$";
  for (const auto& [label, expected] :
       {std::pair<std::string, std::string>{"from $5 to $6", "from " + dollar + "5 to " + dollar + "6"},
        {"$x", dollar + "x"},
        {"$ x$", dollar + " x" + dollar},
        {"$x $", dollar + "x " + dollar},
        {"$$", dollar + dollar},
        {"$x}$", dollar + "x\\}" + dollar},
        {"$x}{y$", dollar + "x\\}\\{y" + dollar},
        {"${x$", dollar + "\\{x" + dollar},
        {"$a & b$", dollar + "a \\& b" + dollar},
        {"$a %$", dollar + "a \\%" + dollar},
        {"$x\\\\$", dollar + "x\\textbackslash{}" + dollar}}) {
    CHECK(tex(label) == expected);
  }
}

TEST_CASE(
    "report: runs.csv has all digits of every run, in the order of the rows and of the seeds, repeated ones last") {
  MadeUpRuns runs;
  runs.add("quant = w8a8\nseed = 10\n", R"({"status":"done","test_mse":0.1234567890123456,"seconds":1.5})");
  runs.add("quant = w8a8\nseed = 9\n",
           R"({"status":"done","test_mse":2,"program":"0.1.0, commit x","date":"2026-11-28"})");
  runs.add("quant = none\nseed = 9\n", "");
  runs.add("quant = w8a8\nseed = 9\n", R"({"status":"done","test_mse":3})");
  Report report = runs.report();
  report.folder = runs.folder / "somewhere";
  CHECK(runs_csv(report) ==
        "quant,seed,status,metric,test,validation,test_loss,size_bits,epochs_done,seconds,program,date,machine,reason,"
        "folder\n"
        "none,9,missing,,,,,,,,,,,no result.json,../runs/run2\n"
        "w8a8,9,done,mse,2,,,,,,\"0.1.0, commit x\",2026-11-28,,,../runs/run1\n"
        "w8a8,10,done,mse,0.1234567890123456,,,,,1.5,,,,,../runs/run0\n"
        "w8a8,9,repeated,mse,3,,,,,,,,,\"" +
            report.repeated[0].reason + "\",../runs/run3\n");
}
