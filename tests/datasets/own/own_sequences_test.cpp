// One's own sequences with a label each, and parts that are given one by one.
#include "datasets/own/own_sequences.h"
#include "datasets/data_settings.h"
#include "datasets/registry.h"
#include "tests/datasets/formats/wav_files.h"
#include "tests/datasets/own/own_files.h"

#include <doctest/doctest.h>

using namespace bitstate;
using namespace bitstate::datasets;
using namespace bitstate::tests;

namespace {

using Strings = std::vector<std::string>;

/// A .ts of `count` sequences of one to three steps of two columns, of which the first begins with its number.
std::string ts_of(int first, int count, const std::string& classes = "down up") {
  std::string text = "@classLabel true " + classes + "\n@data\n";
  for (int n = first; n < first + count; ++n) {
    std::string a = std::to_string(n);
    std::string b = "5";
    for (int t = 0; t < n % 3; ++t) {
      a += ",1";
      b += ",7";
    }
    text += a + ":" + b + (n % 2 == 0 ? ":up\n" : ":down\n");
  }
  return text;
}

}  // namespace

TEST_CASE("own sequences: one file is split by chance, and standardised by its training part") {
  const TempFolder folder;
  write_quickly(folder / "d.ts", ts_of(0, 40));
  const Splits splits = own_data(folder / "d.ts", {});
  CHECK(splits.task == Task::classification);
  CHECK(splits.train->size() == 32);
  CHECK(splits.validation->size() == 4);
  CHECK(splits.test->size() == 4);
  CHECK(splits.d_input == 2);
  CHECK(splits.max_length == 3);
  CHECK(splits.reading.classes == Strings{"down", "up"});
  for (const auto& part : {splits.train, splits.validation, splits.test}) {
    for (std::size_t i = 0; i < part->size(); ++i) {
      const Example example = restored(splits, part, i);
      const int n = static_cast<int>(example.x[0]);
      CHECK(example.length == static_cast<std::size_t>(n % 3 + 1));
      CHECK(example.label == (n % 2 == 0 ? 1 : 0));
      CHECK(example.x[1] == 5);
    }
  }
  says(splits.origin, "steps of d.ts: 2 columns of numbers, a class per sequence, standardised");
}

TEST_CASE("own sequences: a file or folder that is split by chance has all classes in all parts") {
  const TempFolder folder;
  const auto count = [](const std::shared_ptr<const Dataset>& part, std::int32_t label) {
    std::size_t found = 0;
    for (std::size_t i = 0; i < part->size(); ++i) found += example_of(part, i).label == label ? 1 : 0;
    return found;
  };
  const auto check = [&](const Splits& splits, std::size_t of_class) {
    for (const std::int32_t label : {0, 1, 2}) {
      CHECK(count(splits.train, label) == of_class * 8 / 10);
      CHECK(count(splits.validation, label) == of_class / 10);
      CHECK(count(splits.test, label) == of_class / 10);
    }
  };
  for (const std::size_t of_class : {20, 100}) {
    std::string rows;
    for (std::size_t i = 0; i < 3 * of_class; ++i) rows += fmt::format("{},{},{}\n", i / of_class, i, i + 1);
    write_quickly(folder / "s.csv", rows);
    check(own_data(folder / "s.csv", {.rows = "sequences"}), of_class);
    const auto file = written(folder, [&](Hdf5Writer& writer) {
      std::vector<std::int64_t> labels;
      for (std::size_t i = 0; i < 3 * of_class; ++i) labels.push_back(static_cast<std::int64_t>(i / of_class));
      writer.write("x", counting(0, 6 * of_class), {3 * of_class, 2});
      writer.write("y", labels);
    });
    check(own_data(file, {}), of_class);
  }
  const TempFolder tables;  // of which each is a sequence; its class is that of its last row
  for (std::size_t i = 0; i < 60; ++i) {
    write_quickly(tables / fmt::format("{:02}.csv", i), fmt::format("u,c\n{},0\n{},{}\n", i, i + 1, i / 20));
  }
  check(own_data(tables.path(), {.input = "u", .target = "c", .task = "classification"}), 20);
  // what --val_split holds back, too
  write_quickly(folder / "train.ts", ts_of(0, 40));
  write_quickly(folder / "test.ts", ts_of(40, 4));
  for (const std::size_t half : {2, 4, 6, 10, 14}) {
    const Splits held = load("own", {.val_split = static_cast<double>(half) / 20.0,
                                     .own = {.parts = {.train = folder / "train.ts", .test = folder / "test.ts"}}});
    CHECK(count(held.validation, 0) == half);
    CHECK(count(held.validation, 1) == half);
  }
}

TEST_CASE("own sequences: the files of an archive's folder are its parts, of a .ts and an .arff the .ts") {
  const TempFolder folder;
  write_quickly(folder / "Walk_TRAIN.ts", ts_of(0, 6));
  write_quickly(folder / "Walk_TEST.ts", ts_of(6, 4));
  write_quickly(folder / "Walk_TRAIN.arff", "not read\n");
  write_quickly(folder / "Walk_TEST.arff", "not read\n");
  write_quickly(folder / "Walk.txt", "about it\n");
  const Splits splits = own_data(folder.path(), {});
  CHECK(splits.train->size() == 6);
  CHECK(splits.test->size() == 4);
  CHECK(splits.validation == nullptr);
  says(splits.origin, "steps of 2 files");
  says(splits.origin, "; not read: Walk.txt, Walk_TEST.arff, Walk_TRAIN.arff");
  write_quickly(folder / "Run_TRAIN.ts", ts_of(0, 6));
  says(refusal_of(folder.path()), "are the same part; say which files are meant, by --train, --val and --test");
  const Splits given =
      own_data("", {.parts = {folder / "Run_TRAIN.ts", folder / "Walk_TRAIN.ts", folder / "Walk_TEST.ts"}});
  CHECK(given.train->size() == 6);
  CHECK(given.validation->size() == 6);
  CHECK(given.test->size() == 4);
}

TEST_CASE("own sequences: a folder of files is one part, and files must be alike") {
  const TempFolder folder;
  for (const char* part : {"train", "test"}) std::filesystem::create_directory(folder / part);
  write_quickly(folder / "train" / "a.ts", ts_of(0, 3));
  write_quickly(folder / "train" / "b.ts", ts_of(3, 4));
  write_quickly(folder / "test" / "c.ts", ts_of(7, 2));
  const Splits splits = own_data(folder.path(), {});
  CHECK(splits.train->size() == 7);
  for (std::size_t i = 0; i < 7; ++i) CHECK(restored(splits, splits.train, i).x[0] == static_cast<float>(i));
  write_quickly(folder / "train" / "b.ts", "@classLabel true down up\n@data\n1,2:up\n");
  says(refusal_of(folder.path()), "b.ts] has 1 columns and classification per sequence, but files before it have 2");
  write_quickly(folder / "train" / "b.ts", ts_of(3, 4, "up down"));
  says(refusal_of(folder.path()), "b.ts] declares the classes up, down, but a file before it has down, up");
}

TEST_CASE("own sequences: rows of text by the option, and of a .tsv without columns") {
  const TempFolder folder;
  std::string rows;
  for (int i = 0; i < 20; ++i) rows += fmt::format("{},{},{}\n", i % 2 == 0 ? -1 : 1, i, 2 * i);
  write_quickly(folder / "s.csv", rows);
  const Splits splits = own_data(folder / "s.csv", {.rows = "sequences"});
  CHECK(splits.reading.classes == Strings{"-1", "1"});
  CHECK(splits.train->size() == 16);
  const Example example = restored(splits, splits.train, 0);
  CHECK(example.x[1] == 2 * example.x[0]);
  CHECK(own_data(folder / "s.csv", {.task = "value", .rows = "sequences"}).task == Task::value);
  std::replace(rows.begin(), rows.end(), ',', '\t');
  write_quickly(folder / "s.tsv", rows);
  CHECK(own_data(folder / "s.tsv", {}).train->size() == 16);
  says(usage_of(folder / "s.csv", {}), "or --rows=sequences where a row is one");
  CHECK(own_data(folder / "s.tsv", {}, {.window = 1}).train->size() == 32);
  says(usage_of(folder / "s.tsv", {}, {.horizon = 2}), "horizon are for series, x and y for arrays, not for files of");
  says(usage_of(folder / "s.tsv", {.task = "regression"}), "expected classification or value for sequences");
  rows += "0.5\t1\t2\n";
  write_quickly(folder / "s.tsv", rows);
  says(refusal_of(folder / "s.tsv", {.rows = "sequences"}),
       "s.tsv, line 21] expected a class (a whole number or a name), got \"0.5\"");
  CHECK(own_data(folder / "s.tsv", {.task = "value", .rows = "sequences"}).task == Task::value);
  write_quickly(folder / "n.ts", "@classLabel false\n@data\n1,2\n");
  says(refusal_of(folder / "n.ts"), "its sequences have no labels");
}

TEST_CASE("own sequences: a .tsv whose rows may be steps is refused, and the message says what decides") {
  const TempFolder folder;
  const std::string both =
      "if a row is a step, name columns with --input and --target; if it is a sequence, say --rows=sequences";
  std::string rows;
  for (int i = 0; i < 200; ++i) rows += fmt::format("{}\t{}\t{}\n", i, i % 7, i % 5);
  const auto refused = [&](const std::string& text) {
    write_quickly(folder / "s.tsv", text);
    return refusal_of(folder / "s.tsv");
  };
  says(refused(rows), "s.tsv] its first cells would be 200 classes of 200 sequences; " + both);
  CHECK(own_data(folder / "s.tsv", {.rows = "sequences"}).d_output == 200);
  CHECK(own_data(folder / "s.tsv", {.task = "value"}).task == Task::value);
  CHECK(own_data(folder / "s.tsv", {.input = "1", .target = "2"}).task == Task::regression);
  says(refused("t\tu\ty\n" + rows), "s.tsv] begins with names of columns; " + both);
  says(refused("t\tu\ty\ns\tV\tm\n" + rows),
       "s.tsv, line 2] expected a number, or ? for a missing one, got \"V\"; " + both);
  says(refused(rows + "1\t2\n"), "s.tsv, line 201] the row has 2 cells, but line 1 has 3; shorter sequences end");
}

TEST_CASE("own parts: files one by one, for series and tokens too, and a test part alone for a trained model") {
  const TempFolder folder;
  write_quickly(folder / "a.csv", series(40));
  write_quickly(folder / "b.csv", series(10, 40));
  write_quickly(folder / "c.csv", series(20, 50));
  OwnSettings own = u_to_y;
  own.parts = {folder / "a.csv", folder / "b.csv", folder / "c.csv"};
  const Splits splits = load("own", {.own = own});
  CHECK(splits.train->size() == 1);
  CHECK(restored(splits, splits.test, 0).x == counting(50, 20));
  CHECK(splits.max_length == 40);
  own.parts = {.test = folder / "c.csv"};
  says(error_of<UsageError>([&] { (void)load("own", {.own = own}); }),
       "[train] is missing: a test part alone is for a");
  const Splits alone = load("own", {.own = own, .reading = splits.reading});
  CHECK(alone.reading == splits.reading);
  CHECK(alone.max_length == 40);  // so that a backward scan begins where it did in the training
  CHECK(example_of(alone.test, 0).x == example_of(splits.test, 0).x);
  own.parts = {.train = folder / "a.csv"};
  says(error_of<UsageError>([&] { (void)load("own", {.own = own}); }), "[test] is missing");
  says(error_of<UsageError>([&] { (void)load("own", {}); }), "own data need a file or a folder");

  write_quickly(folder / "a.txt", "abcdefghij");
  write_quickly(folder / "c.txt", "xyz");
  const Splits texts = load("own", {.own = {.parts = {folder / "a.txt", {}, folder / "c.txt"}}});
  CHECK(texts.tokens);
  CHECK(texts.test->size() == 1);
  CHECK(load("own", {.own = {.parts = {.test = folder / "c.txt"}}, .reading = texts.reading}).test->size() == 1);
  for (const char* name : {"a.h5", "c.h5"})
    written(
        folder, [](Hdf5Writer& writer) { Arrays().write(writer); }, name);
  const Splits arrays = load("own", {.own = {.parts = {folder / "a.h5", {}, folder / "c.h5"}}});
  CHECK(load("own", {.own = {.parts = {.test = folder / "c.h5"}}, .reading = arrays.reading}).test->size() == 12);
}

TEST_CASE("own parts: of data and parts, what is said last counts") {
  DataSettings settings;
  const auto set = [&](const char* name, const char* value) {
    find_option(data_options().rows(), name)->set(settings, value);
  };
  set("data", "all.csv");
  set("test", "t.csv");
  CHECK(settings.path.empty());
  set("train", "a.csv");
  CHECK(settings.own.parts.train == "a.csv");
  set("data", "all.csv");
  CHECK(settings.own.parts.train.empty());
  CHECK(settings.own.parts.test.empty());
  CHECK(settings.path == "all.csv");
  set("train", "");
  CHECK(settings.path == "all.csv");
}

TEST_CASE("own sequences: folders of .wav files are classes, of a whole that is split or of parts") {
  const TempFolder folder;
  const auto sound = [](int n, std::uint32_t rate = 8000) {
    const auto sample = static_cast<std::int16_t>(100 * n);
    return riff(wav_format(rate) + wav_samples({sample, static_cast<std::int16_t>(-sample)}));
  };
  for (const char* name : {"yes", "no"}) std::filesystem::create_directory(folder / name);
  for (int n = 1; n <= 20; ++n) {
    write_quickly(folder / (n % 2 == 0 ? "yes" : "no") / fmt::format("{}.wav", n), sound(n));
  }
  write_quickly(folder / "no" / "notes.md", "not a sound");
  const Splits splits = own_data(folder.path(), {});
  CHECK(splits.train->size() == 16);
  CHECK(splits.reading.classes == Strings{"no", "yes"});
  says(splits.origin, "; not read: no/notes.md");
  for (std::size_t i = 0; i < splits.train->size(); ++i) {
    const Example example = example_of(splits.train, i);
    const auto x = bitstate::restored(splits.reading.input_units, example.x);
    CHECK(x[0] == doctest::Approx(-x[1]));
    CHECK(example.label == (std::lround(x[0] * 327.68) % 2 == 0 ? 1 : 0));
  }
  write_quickly(folder / "yes" / "0.wav", sound(4, 16000));
  says(refusal_of(folder.path()), "0.wav] has 16000 samples per second, but files before it have 8000");

  const TempFolder parts;
  for (const char* part : {"train", "test"}) {
    for (const char* name : {"yes", "no"}) {
      std::filesystem::create_directories(parts / part / name);
      write_quickly(parts / part / name / "a.wav", sound(7));
    }
  }
  CHECK(own_data(parts.path(), {}).test->size() == 2);
}

TEST_CASE("own data: what does not exist is refused as such, as a whole and as each part") {
  const TempFolder folder;
  write_quickly(folder / "a.csv", series(20));
  const auto absent = folder / "absent";
  for (const auto& file : {absent, folder / "absent.csv", folder / "absent.h5", folder / "absent.ts"}) {
    says(refusal_of(file, u_to_y), "[data] " + file.string() + " does not exist");
  }
  const auto given = folder / "a.csv";
  for (const OwnFiles& parts :
       {OwnFiles{absent, {}, given}, OwnFiles{given, absent, given}, OwnFiles{given, {}, absent}}) {
    OwnSettings own = u_to_y;
    own.parts = parts;
    says(refusal_of("", own), absent.string() + " does not exist");
  }
}

TEST_CASE("own sequences: a folder of tables without parts is split by file, if it holds ten") {
  const TempFolder folder;
  for (std::size_t i = 0; i < 9; ++i) write_quickly(folder / fmt::format("{}.csv", i), series(5, 10 * i));
  says(refusal_of(folder.path(), u_to_y),
       "holds no train and no test: a folder of data has both, each a file or a folder of files, or else at least 10 "
       "files that are split by chance, but it has 9; not read: 0.csv, 1.csv");
  write_quickly(folder / "9.csv", series(5, 90));
  const Splits splits = own_data(folder.path(), u_to_y);
  CHECK(splits.train->size() == 8);
  CHECK(splits.validation->size() == 1);
  CHECK(splits.test->size() == 1);
}
