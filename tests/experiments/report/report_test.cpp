#include "experiments/report/report.h"

#include "core/error.h"
#include "experiments/plots/page_text.h"
#include "experiments/results/texts.h"
#include "experiments/run_folder/source.h"
#include "experiments/run_folder/text_files.h"
#include "experiments/run_folder/train.h"
#include "tests/support/made_up_runs.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace bitstate::experiments;
using bitstate::UsageError;
using bitstate::tests::axis_of;
using bitstate::tests::contains;
using bitstate::tests::error_of;
using bitstate::tests::MadeUpRuns;
using bitstate::tests::row_at;
using bitstate::tests::TempFolder;
using bitstate::tests::write_quickly;

/// Q-S5's names with figures that can be averaged in the head.
void add_three_configurations(MadeUpRuns& runs) {
  runs.accuracy("quant = w4a8\nseed = 1\n", 0.10);
  runs.accuracy("quant = none\nseed = 1\n", 0.97);
  runs.accuracy("quant = none\nseed = 2\n", 0.98);
  runs.accuracy("quant = none\nseed = 3\n", 0.99);
  runs.accuracy("quant = w8a8\nseed = 1\n", 0.96);
  runs.accuracy("quant = w8a8\nseed = 2\n", 0.98);
  runs.add("quant = w8a8\nseed = 3\n", R"({"status":"diverged","reason":"loss is NaN in step 7","test_accuracy":0.0})");
  runs.add("quant = w4a8\nseed = 2\n", "");
}

}  // namespace

TEST_CASE("report: a table says when the best epoch was chosen on the test part") {
  MadeUpRuns runs;
  runs.accuracy("a_bits = 8\nseed = 1\n", 0.5);  // as on the validation part
  CHECK(contains(report_markdown(runs.report()), "the best epoch was chosen on the test part"));
  runs.accuracy("seed = 1\n", 0.6);
  CHECK(!contains(report_markdown(runs.report()), "chosen on the test part"));
}

TEST_CASE("report: rows are configurations, their figures those of a calculation by hand") {
  MadeUpRuns runs;
  add_three_configurations(runs);
  const Report report = runs.report();
  CHECK(report.columns == std::vector<std::string>{"quant"});
  REQUIRE(report.rows.size() == 3);

  const ReportRow& reference = report.rows[0];
  CHECK(reference.values == std::vector<std::string>{"none"});
  CHECK(reference.is_float);
  CHECK(reference.test.n == 3);
  CHECK(*reference.test.mean == doctest::Approx(0.98));
  CHECK(*reference.test.deviation == doctest::Approx(0.01));
  CHECK(*reference.seconds.mean == doctest::Approx(2.0));

  const ReportRow& w8a8 = report.rows[1];
  CHECK(w8a8.values == std::vector<std::string>{"w8a8"});
  CHECK_FALSE(w8a8.best);
  CHECK(w8a8.test.n == 2);
  CHECK(*w8a8.test.mean == doctest::Approx(0.97));
  CHECK(*w8a8.test.deviation == doctest::Approx(0.01 * std::sqrt(2.0)));
  CHECK(w8a8.difference.n == 2);  // seeds 1 and 2: -0.01 and 0
  CHECK(*w8a8.difference.mean == doctest::Approx(-0.005));
  CHECK(*w8a8.difference.deviation == doctest::Approx(0.01 / std::sqrt(2.0)));

  const ReportRow& w4a8 = report.rows[2];
  CHECK(w4a8.test.n == 1);
  CHECK_FALSE(w4a8.test.deviation.has_value());
  CHECK(w4a8.difference.n == 1);
  CHECK(*w4a8.difference.mean == doctest::Approx(-0.87));
  CHECK_FALSE(interval_95(w4a8.difference).has_value());
}

TEST_CASE("report: a deviation has as many decimals as its mean") {
  CHECK(statistic_text("mse", statistic({472.0, 572.0})) == "522.0 ± 70.7");
  CHECK(statistic_text("mse", statistic({3.1, 3.2})) == "3.150 ± 0.071");
  CHECK(statistic_text("mse", statistic({3007.0, 3009.0})) == "3008 ± 1");
  CHECK(statistic_text("mse", statistic({99.0, 101.0})) == "100.0 ± 1.4");
  CHECK(statistic_text("mse", statistic({1e-7, 3e-7})) == "2.000e-07 ± 1.4e-07");
  CHECK(statistic_text("smape", statistic({123456.0, 123458.0})) == "1.235e+05 ± 1.4e+00");
  CHECK(statistic_text("accuracy", statistic({0.971, 0.973})) == "97.20 ± 0.14");
  CHECK(statistic_text("mse", statistic({1.0})) == "1.000");
  CHECK(statistic_text("mse", statistic({})) == "–");
}

TEST_CASE("report: diverged and missing runs are counted and listed, and are in no mean") {
  MadeUpRuns runs;
  add_three_configurations(runs);
  const Report report = runs.report();
  CHECK(report.rows[1].diverged == 1);
  CHECK(report.rows[2].missing == 1);
  REQUIRE(report.diverged.size() == 1);
  CHECK(report.diverged[0].reason == "loss is NaN in step 7");
  REQUIRE(report.missing.size() == 1);
  for (const std::string& text : {report_markdown(report), report_terminal(report), report_html(report)}) {
    CHECK(contains(text, "Diverged (1)"));
    CHECK(contains(text, "seed 3, quant w8a8"));
    CHECK(contains(text, "loss is NaN in step 7"));
    CHECK(contains(text, "Missing (1)"));
    CHECK(contains(text, "seed 2, quant w4a8"));
  }
}

TEST_CASE("report: a result that is torn or holds no finite metric is missing, not averaged") {
  MadeUpRuns runs;
  runs.accuracy("seed = 1\n", 0.5);
  runs.add("seed = 2\n", R"({"status":"done","test_accuracy":0.)");
  runs.add("seed = 3\n", R"({"status":"done","test_accuracy":null})");
  runs.add("seed = 4\n", "[]");
  const Report report = runs.report();
  REQUIRE(report.rows.size() == 1);
  CHECK(report.rows[0].test.n == 1);
  CHECK(report.rows[0].missing == 3);
}

TEST_CASE("report: the Markdown table reads as written by hand") {
  MadeUpRuns runs;
  add_three_configurations(runs);
  const std::string text = report_markdown(runs.report());
  CHECK(contains(text,
                 "| quant | test accuracy, % | difference to float | size (KiB) | validation | n | diverged | missing "
                 "| seconds |\n"));
  CHECK(contains(text, "| float | 98.00 ± 1.00 | reference | – | 50.00 ± 0.00 | 3 | 0 | 0 | 2.0 |\n"));
  CHECK(contains(text, "| w8a8 | 97.00 ± 1.41 | −0.50 [−6.85, +5.85] | – | 50.00 ± 0.00 | 2 | 1 | 0 | 2.0 |\n"));
  CHECK(contains(text, "| w4a8 | 10.00 | −87.00 | – | 50.00 | 1 | 0 | 1 | 2.0 |\n"));
}

TEST_CASE("report: the size stands beside the accuracy, and what A costs where the runs differ in it") {
  MadeUpRuns runs;
  const auto add = [&](const std::string& quant, const std::string& figures) {
    return runs.add("quant = " + quant + "\n", R"({"status":"done","test_mse":1.0)" + figures + "}");
  };
  add("none", R"(,"size_bits":327680,"a_width":32,"a_products":4,"a_stored_bits":64)");
  add("w8a8", R"(,"size_bits":81920,"a_width":8,"a_products":2,"a_stored_bits":16)");
  const auto counted = add("w4a8", R"(,"size_bits":40960,"a_width":16)");
  add("old", "");
  CHECK(!contains(report_markdown(runs.report()), "instructions"));
  write_quickly(counted / "instructions.csv", "function,cortex-m4\nscan,160.5\nin all,160.5\n");
  write_quickly(counted.parent_path() / "run0" / "instructions.csv", "function,cortex-m4\nscan,9\nsign,\nin all,\n");
  const Report report = runs.report();
  const std::string text = report_markdown(report);
  CHECK(contains(text,
                 "| difference to float | size (KiB) | instructions/step | A stored bits | A products | validation |"));
  CHECK(contains(text, "| float | 1.000 | reference | 40.00 | – | 64 | 4 x 32 | – |"));
  CHECK(contains(text, "| w8a8 | 1.000 | 0.000 | 10.00 | – | 16 | 2 x 8 | – |"));
  CHECK(contains(text, "| w4a8 | 1.000 | 0.000 | 5.00 | 160 | – | 16 bits | – |"));
  CHECK(contains(text, "| old | 1.000 | 0.000 | – | – | – | – | – |"));
  CHECK(contains(report_terminal(report), "size (KiB)  instructions/step  A stored bits  A products"));
  CHECK(contains(report_html(report),
                 "<th>size (KiB)</th><th>instructions/step</th><th>A stored bits</th><th>A products</th>"));
  CHECK(contains(report_csv(report), ",0,0,,10,8,0,2,16,0,,,,1,0,,\n"));
  CHECK(contains(report_csv(report), ",0,0,,5,16,0,,,0,,,,1,0,,160.5\n"));
  CHECK(contains(report_csv(report), ",0,0,,,,0,,,0,,,,1,0,,\n"));
}

TEST_CASE("report: a result keeps its size in JSON, and one of an older version is read without") {
  TrainResult result;
  result.status = "done";
  result.metric_name = "mse";
  CHECK_FALSE(contains(to_json(result), "size_bits"));
  CHECK_FALSE(contains(to_json(result), "a_"));
  CHECK(result_from_json(to_json(result), "old").size_bits == 0);
  result.size_bits = 81920;
  result.poles = {22, 4, 6};
  CHECK(result_from_json(to_json(result), "new").size_bits == 81920);
  CHECK(contains(to_json(result), R"("a_products":4,"a_stored_bits":22,"a_width":6)"));
  const auto poles = result_from_json(to_json(result), "new").poles;
  CHECK(poles.stored_bits == 22);
  CHECK(poles.products == 4);
  CHECK(poles.multiplier_bits == 6);
}

TEST_CASE("report: a terminal that is too narrow for the table shows its first columns, and says which it leaves out") {
  MadeUpRuns runs;
  runs.accuracy("a_bits = 8\n", 0.5);
  runs.accuracy("a_bits = 4\n", 0.5);
  const Report report = runs.report();
  const std::string whole = report_terminal(report);
  const std::size_t rule = whole.find("\n--") + 1;
  const std::size_t width = whole.find('\n', rule) - rule;
  CHECK(report_terminal(report, width) == whole);
  const std::string narrow = report_terminal(report, width - 1);
  CHECK(contains(narrow, "n  diverged  missing\n"));
  CHECK(contains(narrow, "\nNot shown, for they do not fit here: seconds (see table.md)\n"));
  CHECK(contains(report_terminal(report, 1), "\na_bits  test accuracy, %\n"));
}

TEST_CASE("report: runs whose A costs the same need no column for that") {
  MadeUpRuns runs;
  for (const char* const quant : {"w8a8", "w4a8-ssm8"}) {
    runs.add(std::string("quant = ") + quant + "\n",
             R"({"status":"diverged","test_mse":1.0,"size_bits":4096,"a_width":8,"a_products":4,"a_stored_bits":16})");
  }
  const std::string text = report_markdown(runs.report());
  CHECK_FALSE(contains(text, "A stored bits"));
  CHECK_FALSE(contains(text, "A products"));
  CHECK(contains(text, "| w8a8 | – | – | 0.50 | – | 0 | 1 | 0 | – |"));
}

TEST_CASE("report: the page marks counts of diverged and missing runs, whatever columns there are") {
  MadeUpRuns runs;
  runs.add("quant = none\n", R"({"status":"done","test_mse":1.0,"size_bits":327680,"a_width":32})");
  runs.add("quant = w8a8\n", R"({"status":"diverged","size_bits":81920,"a_width":8})");
  runs.add("quant = w4a8\n", "");
  const std::string page = report_html(runs.report());
  CHECK(contains(page, "<td>0</td><td class=\"warn\">1</td><td>0</td>"));
  CHECK(contains(page, "<td>0</td><td>0</td><td class=\"warn\">1</td>"));
}

TEST_CASE("report: the difference is to the float row of the same setting") {
  MadeUpRuns runs;
  const auto add = [&](const std::string& d_model, const std::string& a, double mse) {
    runs.add("d_model = " + d_model + "\na_bits = " + a + "\n",
             R"({"status":"done","test_mse":)" + std::to_string(mse) + "}");
  };
  add("3", "none", 10.0);
  add("3", "2", 14.0);
  add("4", "none", 8.0);
  add("4", "2", 9.0);
  const Report report = runs.report();
  REQUIRE(report.rows.size() == 4);
  CHECK(row_at(report, "3", "2").difference.mean == 4.0);
  CHECK(row_at(report, "4", "2").difference.mean == 1.0);
}

TEST_CASE("report: two axes make a matrix, ordered by bits with float first") {
  MadeUpRuns runs;
  for (const char* a : {"16", "2", "none", "8"}) {
    for (const char* x : {"8", "none", "16"}) {
      if (std::string(a) != "8" || std::string(x) != "16") runs.mse(a, x, std::string(a) == "16" ? 3.0 : 2.0);
    }
  }
  const Report report = runs.report();
  CHECK(axis_of(report, 0) == std::vector<std::string>{"none", "2", "8", "16"});
  CHECK(axis_of(report, 1) == std::vector<std::string>{"none", "8", "16"});
  const std::string text = report_markdown(report);
  CHECK(contains(text, "| a_bits \\ ssm_act_bits | float | 8 | 16 |\n"));
  CHECK(contains(text, "| 8 | 2.000 | 2.000 | – |\n"));
}

TEST_CASE("report: Q-S5's configurations stand in the order of its tables") {
  MadeUpRuns runs;
  for (const char* name : {"w2a8", "w4a8-a8", "none", "w8a8", "w4a8", "w2a8-ssm8", "w4a8-ssm8", "w2a8-a8"}) {
    runs.accuracy(std::string("quant = ") + name + "\n", 0.5);
  }
  CHECK(axis_of(runs.report(), 0) ==
        std::vector<std::string>{"none", "w8a8", "w4a8-ssm8", "w4a8-a8", "w4a8", "w2a8-ssm8", "w2a8-a8", "w2a8"});
}

TEST_CASE("report: curves are means over the seeds, and a torn last line is passed over") {
  MadeUpRuns runs;
  const std::string done = R"({"status":"done","test_mse":1.0})";
  runs.add("seed = 1\n", done, "{\"epoch\":1,\"train_loss\":4.0}\n{\"epoch\":2,\"train_loss\":2.0}\n");
  runs.add("seed = 2\n", done, "{\"epoch\":1,\"train_loss\":2.0}\n{\"epoch\":2,\"train_l");
  runs.add("seed = 3\n", R"({"status":"diverged"})", "{\"epoch\":1,\"train_loss\":1000.0}\n");
  const Report report = runs.report();
  REQUIRE(report.rows.size() == 1);
  const std::vector<std::pair<double, double>> expected{{1.0, 3.0}, {2.0, 2.0}};
  CHECK(report.rows[0].curves.at("train_loss") == expected);
}

TEST_CASE("report: all text in the page is escaped, and the page names no other place") {
  CHECK(html_escaped("<a href=\"x\">&'") == "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
  MadeUpRuns runs;
  const std::string evil = "<script>alert('1')</script>";
  runs.add("quant = " + evil + "\nseed = " + evil + "\n", R"({"status":"done","test_mse":1.0})",
           "{\"epoch\":1,\"<i>loss\":4.0}\n{\"epoch\":2,\"<i>loss\":3.0}\n");
  runs.add("quant = none\nseed = " + evil + "\n", R"({"status":"diverged","reason":")" + evil + R"("})");
  runs.add("quant = none\nseed = 4\n", "");
  const std::string page = report_html(runs.report());
  CHECK_FALSE(contains(page, "<script>alert"));
  CHECK_FALSE(contains(page, "<i>"));
  CHECK(contains(page, "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"));
  CHECK(contains(page, "<svg "));
  for (const char* outside : {"http:", "https:", "src=", "url(", "@import", "<link"})
    CHECK_FALSE(contains(page, outside));
}

TEST_CASE("report: bars in a Markdown cell are escaped") {
  MadeUpRuns runs;
  runs.accuracy("quant = a|b||c\n", 0.5);
  runs.accuracy("quant = none\n", 0.5);
  CHECK(contains(report_markdown(runs.report()), "| a\\|b\\|\\|c |"));
}

TEST_CASE("report: write_report leaves its files and refuses a folder without runs") {
  MadeUpRuns runs;
  add_three_configurations(runs);
  write_report({runs.folder.path()}, runs.folder.path());
  CHECK(contains(read_text(runs.folder / "table.md"), "| w8a8 |"));
  CHECK(contains(read_text(runs.folder / "table.csv"), "w8a8,accuracy,"));
  CHECK(contains(read_text(runs.folder / "runs.csv"),
                 "\nw8a8,3,diverged,accuracy,0,,,,,,,,,loss is NaN in step 7,runs/run6\n"));
  CHECK(contains(read_text(runs.folder / "table.tex"), "  w8a8 & 97.00 $\\pm$ 1.41 & $-$0.50 [$-$6.85, +5.85] &"));
  CHECK(contains(read_text(runs.folder / "index.html"), "</html>"));
  const TempFolder empty;
  CHECK(contains(error_of<UsageError>([&] { write_report({empty.path()}, empty.path()); }), "holds no runs"));
}

/// Float runs and what was tuned from them.
struct TunedRuns {
  MadeUpRuns runs;

  std::string source(int seed, float weight) {
    const auto run = runs.accuracy(fmt::format("quant = none\nepochs = 9\nseed = {}\n", seed), 0.9);
    MadeUpRuns::keep_weights(run, weight);
    return run.string();
  }
  std::string tune(int seed, const std::string& source, double accuracy, int epochs = 1) {
    const auto run =
        runs.accuracy(fmt::format("quant = w8a8\nepochs = {}\nseed = {}\nfrom = {}\n", epochs, seed, source), accuracy);
    MadeUpRuns::keep_weights(run, static_cast<float>(accuracy), source_digest(source));
    return run.string();
  }
  /// n of each row that is not float.
  [[nodiscard]] std::multiset<std::size_t> counts() const {
    std::multiset<std::size_t> found;
    for (const auto& row : runs.report().rows) {
      if (!row.is_float) found.insert(row.test.n);
    }
    return found;
  }
};

using Counts = std::multiset<std::size_t>;

TEST_CASE("report: runs that started from float runs of their own seeds are one row, and are compared with those") {
  TunedRuns all;
  const std::string one = all.source(1, 1.0F);
  const std::string two = all.source(2, 2.0F);
  all.tune(1, one, 0.7);
  all.tune(2, two, 0.5);
  CHECK(all.counts() == Counts{2});
  for (const auto& row : all.runs.report().rows) {
    if (row.is_float) continue;
    CHECK(*row.test.mean == doctest::Approx(0.6));
    CHECK(*row.difference.mean == doctest::Approx(-0.3));
    CHECK(*row.difference.deviation == doctest::Approx(0.1 * std::sqrt(2.0)));
    CHECK_FALSE(row.one_source);
  }
}

TEST_CASE("report: the seeds of a sweep from one run are one row, also where its own seed is among them") {
  TunedRuns all;
  const std::string one = all.source(1, 1.0F);
  for (const int seed : {1, 2, 3}) all.tune(seed, one, 0.5);
  CHECK(all.counts() == Counts{3});
}

TEST_CASE("report: sources with equal settings and seed but other weights are two rows") {
  TunedRuns all;
  all.tune(1, all.source(1, 1.0F), 0.7);
  all.tune(1, all.source(1, 5.0F), 0.5);
  CHECK(all.counts() == Counts{1, 1});
}

TEST_CASE("report: runs in two stages, each from its own seed, are one row for each stage") {
  TunedRuns all;
  for (const int seed : {1, 2}) {
    all.tune(seed, all.tune(seed, all.source(seed, static_cast<float>(seed)), 0.5 + 0.1 * seed), 0.3 + 0.1 * seed, 2);
  }
  CHECK(all.counts() == Counts{2, 2});
}

TEST_CASE("report: a run that started from a float run of the report is compared with it") {
  MadeUpRuns runs;
  runs.accuracy("quant = none\nepochs = 9\nfrom = \n", 0.9);  // run0
  const std::string source = (runs.folder / "runs/run0").string();
  runs.accuracy("quant = w8a8\nepochs = 0\nfrom = " + source + "\n", 0.8);
  runs.accuracy("quant = w8a8\nepochs = 0\nfrom = elsewhere\n", 0.7);
  runs.accuracy("quant = w8a8\nepochs = 2\nfrom = " + source + "\n", 0.6);
  runs.accuracy("quant = none\nepochs = 2\nfrom = " + source + "\n", 0.5);
  const Report report = runs.report();
  REQUIRE(report.rows.size() == 5);
  for (const auto& row : report.rows) {
    CAPTURE(*row.test.mean);
    const auto& from = row.runs.front().from;
    if (from.filename() == "elsewhere") {
      CHECK(row.difference.n == 0);
    } else {
      // the nearest reference first: float, fine-tuned for as long
      const double reference = from.empty() || *row.test.mean == doctest::Approx(0.8) ? 0.9 : 0.5;
      REQUIRE(row.difference.mean.has_value());
      CHECK(*row.difference.mean == doctest::Approx(*row.test.mean - reference));
    }
  }
}
