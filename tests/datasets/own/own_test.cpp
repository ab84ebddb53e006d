#include "datasets/own/own.h"

#include "datasets/splits.h"
#include "tests/datasets/own/own_files.h"

#include <doctest/doctest.h>

#include <sys/stat.h>

using namespace bitstate;
using namespace bitstate::datasets;
using namespace bitstate::tests;

TEST_CASE("own: a CSV file is cut in time, standardised by its training part") {
  const TempFolder folder;
  tests::write_quickly(folder / "s.csv", series(40));
  const Splits splits = own_data(folder / "s.csv", u_to_y);
  CHECK(splits.task == Task::regression);
  CHECK_FALSE(splits.tokens);
  CHECK(splits.d_input == 1);
  CHECK(splits.d_output == 1);
  CHECK(splits.max_length == 32);
  REQUIRE(splits.train->size() == 1);
  REQUIRE(splits.validation->size() == 1);
  REQUIRE(splits.test->size() == 1);
  // of 0 to 31: mean 15.5, variance (32^2 - 1) / 12
  CHECK(splits.reading.input_units.mean == Doubles{15.5});
  CHECK(splits.reading.input_units.deviation[0] == doctest::Approx(std::sqrt(1023.0 / 12.0)).epsilon(1e-6));
  CHECK(splits.reading.target_units.mean == Doubles{156});
  CHECK(splits.reading.target_units.deviation[0] == doctest::Approx(10.0 * std::sqrt(1023.0 / 12.0)).epsilon(1e-6));
  const Example train = example_of(splits.train, 0);
  CHECK(train.x[0] == static_cast<float>((0 - 15.5) / splits.reading.input_units.deviation[0]));
  CHECK(train.target[31] == static_cast<float>((311 - 156.0) / splits.reading.target_units.deviation[0]));
  CHECK(restored(splits, splits.validation, 0).x == counting(32, 4));
  const Example test = restored(splits, splits.test, 0);
  CHECK(test.x == counting(36, 4));
  CHECK(test.target == counting(36, 4, 10.0F, 1.0F));
  CHECK_THROWS_AS((void)example_of(splits.test, 1), Error);
}

TEST_CASE("own: a constant column has the deviation 1") {
  const TempFolder folder;
  tests::write_quickly(folder / "s.csv", series(20));
  const Splits splits = own_data(folder / "s.csv", {.input = "k,u", .target = "y,c"});
  CHECK(splits.d_input == 2);
  CHECK(splits.d_output == 2);
  CHECK(splits.reading.input_units.mean[0] == 5.0);
  CHECK(splits.reading.input_units.deviation[0] == 1.0);
  CHECK(splits.reading.input_units.deviation[1] > 4.0);
  CHECK(restored(splits, splits.test, 0).target == Floats{181, 0, 191, 1});
}

TEST_CASE("own: training windows start every stride steps, the others follow each other and end with the rest") {
  const TempFolder folder;
  tests::write_quickly(folder / "s.csv", series(100));
  const Splits splits = own_data(folder / "s.csv", u_to_y, {8, 3});
  REQUIRE(splits.train->size() == 25);  // 0, 3, ..., 72: those that fit into 80
  CHECK(restored(splits, splits.train, 0).x == counting(0, 8));
  CHECK(restored(splits, splits.train, 24).x == counting(72, 8));
  CHECK(restored(splits, splits.train, 24).target == counting(72, 8, 10.0F, 1.0F));
  REQUIRE(splits.test->size() == 2);
  CHECK(restored(splits, splits.test, 0).x == counting(90, 8));
  CHECK(restored(splits, splits.test, 1).x == counting(98, 2));
  CHECK(splits.max_length == 8);
  CHECK(own_data(folder / "s.csv", u_to_y, {8}).train->size() == 10);
  const Splits whole = own_data(folder / "s.csv", u_to_y, {500});
  CHECK(whole.train->size() == 1);
  CHECK(whole.max_length == 80);
}

TEST_CASE("own: with a horizon the target of a step is that of a later row, and every step is used once in the test") {
  const TempFolder folder;
  tests::write_quickly(folder / "s.csv", series(100));
  const Splits splits = own_data(folder / "s.csv", u_to_y, {4, 2, 3});
  CHECK(splits.train->size() == 37);  // 77 steps
  const Example train = restored(splits, splits.train, 36);
  CHECK(train.x == counting(72, 4));
  CHECK(train.target == counting(75, 4, 10.0F, 1.0F));
  REQUIRE(splits.test->size() == 2);  // 7 steps
  CHECK(restored(splits, splits.test, 1).x == counting(94, 3));
  CHECK(restored(splits, splits.test, 1).target == counting(97, 3, 10.0F, 1.0F));
  CHECK(own_data(folder / "s.csv", u_to_y, {0, 0, 9}).test->size() == 1);
  says(refusal_of(folder / "s.csv", u_to_y, {0, 0, 10}), "there are 10 rows, but the horizon of 10 needs at least 11");
}

TEST_CASE("own: of a value or a class a sequence has that of its last step") {
  const TempFolder folder;
  tests::write_quickly(folder / "s.csv", series(100));
  const SeriesSettings windows{5, 5, 1};
  const Splits values = own_data(folder / "s.csv", {.input = "u", .target = "y", .task = "value"}, windows);
  CHECK(values.task == Task::value);
  CHECK(restored(values, values.train, 2).x == counting(10, 5));
  CHECK(restored(values, values.train, 2).target == Floats{151});
  const OwnSettings class_of_u{.input = "u", .target = "c", .task = "classification"};
  const Splits classes = own_data(folder / "s.csv", class_of_u, windows);
  CHECK(classes.task == Task::classification);
  CHECK(classes.d_output == 3);
  CHECK(classes.reading.target_units == Units{});
  for (std::size_t i = 0; i < classes.train->size(); ++i) {
    const Example example = restored(classes, classes.train, i);
    CHECK(example.label == (static_cast<int>(example.x[4]) + 1) % 3);
    CHECK(example.target.empty());
  }
  for (const char* bad : {"0.5", "1e300"}) {
    tests::write_quickly(folder / "bad.csv", series(30) + "1,2," + bad + ",3\n");
    says(refusal_of(folder / "bad.csv", class_of_u, windows),
         fmt::format("bad.csv, line 32: column c: expected a class (a whole number or a name), got \"{}\"", bad));
  }
  for (const char* missing : {"", "nan"}) {
    tests::write_quickly(folder / "bad.csv", series(30) + "1,2," + missing + ",3\n");
    says(refusal_of(folder / "bad.csv", class_of_u, windows), "bad.csv, line 32: column c: expected");
  }
}

TEST_CASE("own: a folder has files or folders of series for its parts") {
  const TempFolder folder;
  tests::write_quickly(folder / "train.csv", series(10));
  tests::write_quickly(folder / "test.csv", series(7, 50));
  const Splits files = own_data(folder.path(), u_to_y, {4});
  CHECK(files.train->size() == 2);
  CHECK(files.validation == nullptr);
  CHECK(files.test->size() == 2);
  CHECK(files.reading.input_units.mean == Doubles{4.5});
  CHECK(restored(files, files.test, 1).x == counting(54, 3));

  std::filesystem::create_directory(folder / "val");
  tests::write_quickly(folder / "val/b.csv", series(5, 20));
  tests::write_quickly(folder / "val/a.csv", series(6, 10));
  tests::write_quickly(folder / "val/readme.txt", "no data");
  const Splits folders = own_data(folder.path(), u_to_y, {4});
  REQUIRE(folders.validation->size() == 4);  // 4 and 2 steps, 4 and 1
  CHECK(restored(folders, folders.validation, 1).x == counting(14, 2));
  CHECK(restored(folders, folders.validation, 2).x == counting(20, 4));
  CHECK(restored(folders, folders.validation, 3).target == counting(24, 1, 10.0F, 1.0F));
  const Splits ahead = own_data(folder.path(), u_to_y, {4, 0, 2});
  REQUIRE(ahead.validation->size() == 2);  // 4 steps and 3
  CHECK(restored(ahead, ahead.validation, 1).x == counting(20, 3));
  CHECK(restored(ahead, ahead.validation, 1).target == counting(22, 3, 10.0F, 1.0F));

  tests::write_quickly(folder / "validation.csv", series(9));
  says(refusal_of(folder.path(), u_to_y, {4}), "are the same part");
  std::filesystem::remove(folder / "validation.csv");
  std::filesystem::remove(folder / "test.csv");
  says(refusal_of(folder.path(), u_to_y, {4}), "holds no test");
  std::filesystem::create_directory(folder / "test");
  says(refusal_of(folder.path(), u_to_y, {4}), "holds no .csv, .tsv, .dat or .txt file");
  std::filesystem::remove(folder / "test");
  written(
      folder, [](Hdf5Writer& writer) { Arrays{}.write(writer); }, "test.h5");
  says(refusal_of(folder.path(), u_to_y, {4}), "are files of different kinds");
}

TEST_CASE("own: numbers far from 0 keep their variation, and so does what is read in the same units") {
  const TempFolder folder;
  const auto table = [](double offset) {
    std::string text = "u,y\n";
    for (int i = 0; i < 40; ++i) text += fmt::format("{},{}\n", offset + 0.125 * (i * 7 % 11), offset - 0.25 * (i % 5));
    return text;
  };
  tests::write_quickly(folder / "near.csv", table(0.0));
  tests::write_quickly(folder / "far.csv", table(1e9));
  const Splits near = own_data(folder / "near.csv", u_to_y);
  const Splits far = own_data(folder / "far.csv", u_to_y);
  CHECK(far.reading.input_units.mean[0] == doctest::Approx(1e9 + near.reading.input_units.mean[0]).epsilon(1e-15));
  CHECK(far.reading.input_units.deviation[0] == doctest::Approx(near.reading.input_units.deviation[0]).epsilon(1e-9));
  const Example a = example_of(near.train, 0);
  const Example b = example_of(far.train, 0);
  for (std::size_t t = 0; t < a.x.size(); ++t) {
    CHECK(b.x[t] == doctest::Approx(a.x[t]).epsilon(1e-6));
    CHECK(b.target[t] == doctest::Approx(a.target[t]).epsilon(1e-6));
  }

  std::vector<double> x;
  for (std::size_t i = 0; i < 48; ++i) x.push_back(1e9 + 0.25 * static_cast<double>(i * 5 % 17));
  const auto file = written(folder, [&](Hdf5Writer& writer) {
    writer.write("/x", x, {12, 4});
    writer.write("/y", x, {12, 4});
    writer.set_attribute("/", "standardize", 1);
  });
  const Splits doubles = own_data(file, {.task = "regression"});
  CHECK(doubles.reading.input_units.deviation[0] == doctest::Approx(1.2).epsilon(0.1));
  const std::vector<double> again = bitstate::restored(doubles.reading.input_units, example_of(doubles.train, 0).x);
  const std::size_t sequence = random_split({9, 1, 2}, 42)[0][0];
  for (std::size_t t = 0; t < 4; ++t) CHECK(std::fabs(again[t] - x[4 * sequence + t]) < 1e-6);
}

TEST_CASE("own: a model of single precision is read in single precision, as it always was") {
  const TempFolder folder;
  tests::write_quickly(folder / "s.csv", series(40));
  const Reading reading{{{double{0.1F}}, {double{0.7F}}, true}, {{double{0.3F}}, {3.0}, true}, ""};
  const Splits splits = own_data(folder / "s.csv", u_to_y, {}, reading);
  CHECK(example_of(splits.test, 0).x[0] == (36.0F - 0.1F) / 0.7F);
  CHECK(example_of(splits.test, 0).target[0] == (361.0F - 0.3F) / 3.0F);
  CHECK(splits.reading == reading);
}

TEST_CASE("own: a target that is an input, too, needs a horizon") {
  const TempFolder folder;
  tests::write_quickly(folder / "s.csv", series(40));
  const auto file = folder / "s.csv";
  for (const char* task : {"auto", "value", "classification"}) {
    says(usage_of(file, {.input = "u,c", .target = "c", .task = task}), "[target] column c of");
  }
  says(usage_of(file, {.input = "0", .target = "u"}), "is an input, too");  // by number and by name
  CHECK(own_data(file, {.input = "u,y", .target = "y"}, {.horizon = 1}).d_input == 2);
}

TEST_CASE("own: names of files may have capital letters, hidden files are none, and what is not read is named") {
  const TempFolder folder;
  std::filesystem::create_directory(folder / "train");
  tests::write_quickly(folder / "train/1.CSV", series(10));
  tests::write_quickly(folder / "train/2.Csv", series(10));
  tests::write_quickly(folder / "train/3.csv", series(10));
  tests::write_quickly(folder / "train/._3.csv", "not data");
  tests::write_quickly(folder / "train/.DS_Store", "not data");
  tests::write_quickly(folder / "train/4.xlsx", "not read");
  tests::write_quickly(folder / "Test.CSV", series(7, 50));
  tests::write_quickly(folder / "notes.txt", "no data");
  const Splits splits = own_data(folder.path(), u_to_y, {10});
  CHECK(splits.train->size() == 3);
  CHECK(splits.test->size() == 1);
  says(splits.origin,
       "37 rows of 4 files with the header u,y,c,k, input u, target y; not read: notes.txt, train/4.xlsx");
  says(summary(splits),
       "own: 3 training and 1 test sequences of at most 10 steps (without a validation part); 1 input, "
       "1 target per step; 37 rows");
  tests::write_quickly(folder / "S.CSV", series(40));
  CHECK(own_data(folder / "S.CSV", u_to_y).train->size() == 1);
  std::filesystem::rename(written(folder, Arrays{}), folder / "D.H5");
  CHECK(own_data(folder / "D.H5", {}).train->size() == 9);
  says(refusal_of(folder / "train", u_to_y, {10}), "but it has 3; not read: 1.CSV, 2.Csv, 3.csv, 4.xlsx");
  std::filesystem::remove(folder / "Test.CSV");
  says(refusal_of(folder.path(), u_to_y, {10}),
       "holds no test: a folder of data has train and test, each a file or a folder of files; not read: D.H5, S.CSV, "
       "notes.txt");
}

TEST_CASE("own: the validation part may be called validation, val, valid or dev, one of them") {
  for (const char* name : {"validation", "val", "valid", "dev"}) {
    const TempFolder folder;
    tests::write_quickly(folder / "train.csv", series(10));
    tests::write_quickly(folder / "test.csv", series(7));
    std::filesystem::create_directory(folder / name);
    tests::write_quickly(folder / name / "a.csv", series(8));
    const Splits splits = own_data(folder.path(), u_to_y, {4});
    REQUIRE(splits.validation != nullptr);
    CHECK(splits.validation->size() == 2);
    tests::write_quickly(folder / (std::string(name) == "dev" ? "val.csv" : "dev.csv"), series(8));
    says(refusal_of(folder.path(), u_to_y, {4}), "are the same part");

    const auto file = written(folder, [&](Hdf5Writer& writer) {
      for (const std::string& group : {std::string("train"), std::string("test"), std::string(name)}) {
        Arrays{}.write(writer, group);
      }
      writer.write_scalar("version", std::int64_t{1});
    });
    REQUIRE(own_data(file, {}).validation != nullptr);
    says(own_data(file, {}).origin,
         "144 steps of d.h5: x [12, 4] of numbers, y [12] of one value per sequence, not "
         "standardised; not read: version");
  }
}

TEST_CASE("own: a pipe is refused, not waited for") {
  const TempFolder folder;
  for (const char* name : {"p.csv", "p.h5", "train"}) REQUIRE(::mkfifo((folder / name).c_str(), 0600) == 0);
  says(refusal_of(folder / "p.csv", u_to_y), "p.csv] is a pipe; a file is expected");
  says(refusal_of(folder / "p.h5", {}), "p.h5] is a pipe; a file is expected");
  says(refusal_of(folder.path(), u_to_y), "holds no train");
}

TEST_CASE("own: options that fit neither each other nor the data are usage errors") {
  const TempFolder folder;
  tests::write_quickly(folder / "s.csv", series(20));
  const auto file = folder / "s.csv";
  says(usage_of(file, {.target = "y"}), "[input] a table needs --input=");
  says(usage_of(file, {.input = "u"}), "[target]");
  says(usage_of(file, {.input = "u", .target = "x"}), "no column \"x\"; it has u, y, c, k");
  says(usage_of(file, u_to_y, {0, 2}), "[stride]");
  says(usage_of(file, {.input = "u", .target = "y", .task = "sorting"}),
       "expected one of auto, classification, regression, value, got \"sorting\"");
  says(usage_of(file, {.input = "u", .target = "y,c", .task = "classification"}), "needs one column");
  tests::write_quickly(folder / "s.xlsx", "no data");
  says(usage_of(folder / "s.xlsx", u_to_y),
       "neither a folder nor a .csv, .tsv, .dat, .h5, .npz, .mat, .npy, .txt, .ts or .arff file");
  OwnSettings held;
  held.table.missing = "hold";
  says(usage_of(written(folder, Arrays{}), held), "is no table of steps, but there are options of how tables are read");
  says(refusal_of(folder / "absent.csv", u_to_y), "absent.csv");
  says(usage_of(written(folder, Arrays{}), u_to_y, {4}),
       "input and target are columns of tables; arrays are named by --x and --y");
  tests::write_quickly(folder / "short.csv", series(9));
  says(refusal_of(folder / "short.csv", u_to_y), "9 rows, but splitting them takes at least 10");
}

TEST_CASE("own: what standardised does not fit a float is refused") {
  const TempFolder folder;
  std::string text = "u,y\n";
  for (int i = 0; i < 19; ++i) text += fmt::format("{}e-30,1\n", i);
  tests::write_quickly(folder / "s.csv", text + "3e30,1\n");
  says(refusal_of(folder / "s.csv", u_to_y), "the test part] 3e+30 is too far");
}

TEST_CASE("own: data for a model that is trained are read in its units, whatever their own are") {
  const TempFolder folder;
  tests::write_quickly(folder / "s.csv", series(40));
  tests::write_quickly(folder / "t.csv", series(40, 100));
  const Splits trained = own_data(folder / "s.csv", u_to_y);
  const Splits splits = own_data(folder / "t.csv", u_to_y, {}, trained.reading);
  CHECK(splits.reading == trained.reading);
  CHECK(own_data(folder / "t.csv", u_to_y).reading != trained.reading);
  const Example test = example_of(splits.test, 0);
  CHECK(test.x[0] == static_cast<float>((136 - 15.5) / trained.reading.input_units.deviation[0]));
  CHECK(test.target[0] == static_cast<float>((1361 - 156.0) / trained.reading.target_units.deviation[0]));
  const OwnSettings two_inputs{.input = "u,k", .target = "y"};
  says(error_of<Error>([&] { (void)own_data(folder / "t.csv", two_inputs, {}, trained.reading); }),
       "2 columns are read, but the model was trained with 1");

  const auto file = written(folder, [](Hdf5Writer& writer) {
    Arrays{}.write(writer);
    writer.set_attribute("/", "standardize", 1);
  });
  CHECK(own_data(file, {}, {}, Reading{}).reading == Reading{});
  CHECK(own_data(file, {}).reading.input_units.mean.size() == 1);
  const Splits given = own_data(file, {}, {}, Reading{{{10}, {2}}, {{1}, {4}}, ""});
  const Example first = example_of(given.train, 0);
  const auto sequence = static_cast<float>(random_split({9, 1, 2}, 42)[0][0]);
  CHECK(first.x[0] == (4.0F * sequence - 10.0F) / 2.0F);
  CHECK(first.target[0] == (100.0F + sequence - 1.0F) / 4.0F);
}
