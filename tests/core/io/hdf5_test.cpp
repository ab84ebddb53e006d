#include "core/io/hdf5.h"

#include "core/error.h"
#include "tests/support/folders.h"
#include "tests/support/temp_folder.h"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <limits>
#include <numeric>
#include <string>
#include <thread>

using namespace bitstate;
using tests::error_of;
using tests::TempFolder;

namespace {

/// A file with one of everything.
void write_sample(const std::filesystem::path& file) {
  Hdf5Writer writer(file);
  writer.group("empty/inner");
  std::vector<float> matrix(64 * 48);
  std::iota(matrix.begin(), matrix.end(), 0.0F);
  writer.write("layers.0/ssm/B", matrix, {64, 48});
  writer.write("small", std::vector<double>{1.5, -2.5, 1e300}, {3, 1});
  writer.write("none", std::vector<std::int32_t>{}, {0, 7});
  writer.write_scalar("step", std::uint64_t{1} << 63);
  writer.write_text("settings", "lr = 1e-3\nname = h\xc3\xa4llo");
  writer.write_texts("names", {"a", "", "longer"});
  writer.set_attribute("/", "version", 3);
  writer.set_attribute("layers.0", "bits", std::string("W4A8"));
  writer.set_attribute("layers.0/ssm/B", "scale", 0.125);
  writer.commit();
}

template <class T>
void check_round_trip(const std::vector<T>& values, const Hdf5Shape& shape) {
  const TempFolder folder;
  Hdf5Writer writer(folder / "x.h5");
  writer.write("x", values, shape);
  writer.write_scalar("first", values.at(0));
  writer.commit();
  const Hdf5Reader reader(folder / "x.h5");
  const Hdf5Array<T> array = reader.read<T>("x");
  CHECK(array.shape == shape);
  CHECK(array.values == values);
  CHECK(reader.read_scalar<T>("first") == values[0]);
  CHECK(reader.shape("first").empty());
}

}  // namespace

TEST_CASE("hdf5: arrays of every type come back with their shape") {
  using std::numeric_limits;
  check_round_trip<float>({0.1F, -1e-38F, numeric_limits<float>::infinity(), 3.0F}, {2, 2});
  check_round_trip<double>({0.1, -1e-308, 1e308}, {1, 3, 1});
  check_round_trip<std::int32_t>({numeric_limits<std::int32_t>::min(), 0, numeric_limits<std::int32_t>::max()}, {3});
  check_round_trip<std::int64_t>({numeric_limits<std::int64_t>::min(), numeric_limits<std::int64_t>::max()}, {2});
  check_round_trip<std::uint64_t>({numeric_limits<std::uint64_t>::max(), 0}, {2, 1});
  check_round_trip<std::uint8_t>({0, 255, 7}, {3});
  // several chunks, on more than one axis, with ragged edges
  std::vector<double> big(5 * 190'001);
  std::iota(big.begin(), big.end(), 0.25);
  check_round_trip<double>(big, {5, 190'001});
}

TEST_CASE("hdf5: groups, texts and attributes come back") {
  const TempFolder folder;
  write_sample(folder / "a.h5");
  CHECK(folder.entries() == 1);
  const Hdf5Reader reader(folder / "a.h5");
  CHECK(reader.list() == std::vector<std::string>{"empty", "layers.0", "names", "none", "settings", "small", "step"});
  CHECK(reader.list("layers.0/ssm") == std::vector<std::string>{"B"});
  CHECK(reader.exists("empty/inner"));
  CHECK(reader.exists("/"));
  CHECK(reader.exists("/layers.0/ssm/B"));
  CHECK_FALSE(reader.exists("layers.0/ssm/C"));
  CHECK_FALSE(reader.exists("no/such/group"));
  CHECK_FALSE(reader.exists("step/inside"));
  CHECK(reader.is_group("layers.0"));
  CHECK_FALSE(reader.is_group("step"));
  CHECK(reader.read<std::int32_t>("none").shape == Hdf5Shape{0, 7});
  CHECK(reader.read_text("settings") == "lr = 1e-3\nname = h\xc3\xa4llo");
  CHECK(reader.read_texts("names") == std::vector<std::string>{"a", "", "longer"});
  CHECK(reader.attribute<std::int64_t>("/", "version") == 3);
  CHECK(reader.attribute<double>("/", "version") == 3.0);
  CHECK(reader.attribute<std::string>("layers.0", "bits") == "W4A8");
  CHECK(reader.attribute<float>("layers.0/ssm/B", "scale") == 0.125F);
  CHECK(reader.attributes("layers.0") == std::vector<std::string>{"bits"});
  CHECK_FALSE(reader.has_attribute("/", "bits"));
}

TEST_CASE("hdf5: texts and attributes longer than an object header come back") {
  const TempFolder folder;
  const std::string text(100'000, 'y');
  Hdf5Writer writer(folder / "a.h5");
  writer.write_text("long", text);
  writer.write_text("empty", "");
  writer.set_attribute("/", "long", text);
  writer.set_attribute("/", "empty", "");
  for (int i = 0; i < 50; ++i) writer.set_attribute("/", "a" + std::to_string(i), i);
  CHECK_THROWS_AS(writer.write_text("nul", std::string("a\0b", 3)), Error);
  writer.commit();
  const Hdf5Reader reader(folder / "a.h5");
  CHECK(reader.read_text("long") == text);
  CHECK(reader.read_text("empty").empty());
  CHECK(reader.attribute<std::string>("/", "long") == text);
  CHECK(reader.attribute<std::string>("/", "empty").empty());
  CHECK(reader.attribute<std::int32_t>("/", "a49") == 49);
}

TEST_CASE("hdf5: equal content gives equal bytes, also a second later") {
  const TempFolder folder;
  write_sample(folder / "a.h5");
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // HDF5's timestamps would count seconds
  write_sample(folder / "b.h5");
  CHECK(read_file(folder / "a.h5", 1 << 20) == read_file(folder / "b.h5", 1 << 20));
}

TEST_CASE("hdf5: a writer that does not commit leaves the old file and no other") {
  const TempFolder folder;
  write_sample(folder / "a.h5");
  const std::string before = read_file(folder / "a.h5", 1 << 20);
  {
    Hdf5Writer writer(folder / "a.h5");
    writer.write("x", std::vector<float>(100'000));
  }
  CHECK(folder.entries() == 1);
  CHECK(read_file(folder / "a.h5", 1 << 20) == before);
}

TEST_CASE("hdf5: numbers are converted where the wanted type can hold them, and refused where it cannot") {
  const TempFolder folder;
  Hdf5Writer writer(folder / "a.h5");
  writer.write("whole", std::vector<double>{1.0, -3.0});
  writer.write("fraction", std::vector<double>{1.0, 0.5});
  writer.write("nan", std::vector<float>{std::nanf("")});
  writer.write("huge", std::vector<double>{1e300});
  writer.write("large", std::vector<std::int64_t>{std::int64_t{1} << 40});
  writer.write("negative", std::vector<std::int32_t>{-1});
  writer.write_text("text", "12");
  writer.set_attribute("/", "large", std::int64_t{1} << 40);
  writer.set_attribute("/", "fraction", 0.5);
  writer.set_attribute("/", "text", "12");
  writer.commit();
  const Hdf5Reader reader(folder / "a.h5");
  CHECK(reader.read<std::int32_t>("whole").values == std::vector<std::int32_t>{1, -3});
  CHECK(reader.read<float>("fraction").values == std::vector<float>{1.0F, 0.5F});
  CHECK(std::isnan(reader.read<double>("nan").values.at(0)));
  CHECK(reader.read<double>("large").values.at(0) == 0x1p40);
  CHECK(reader.attribute<double>("/", "large") == 0x1p40);
  CHECK_THROWS_AS((void)reader.read<std::int32_t>("fraction"), Error);
  CHECK_THROWS_AS((void)reader.read<std::int64_t>("nan"), Error);
  CHECK_THROWS_AS((void)reader.read<float>("huge"), Error);
  CHECK_THROWS_AS((void)reader.read<std::int32_t>("large"), Error);
  CHECK_THROWS_AS((void)reader.read<std::uint64_t>("negative"), Error);
  CHECK_THROWS_AS((void)reader.read<std::uint8_t>("text"), Error);
  CHECK_THROWS_AS((void)reader.read_text("whole"), Error);
  CHECK_THROWS_AS((void)reader.attribute<std::int32_t>("/", "large"), Error);
  CHECK_THROWS_AS((void)reader.attribute<std::int64_t>("/", "fraction"), Error);
  CHECK_THROWS_AS((void)reader.attribute<double>("/", "text"), Error);
  CHECK_THROWS_AS((void)reader.attribute<std::string>("/", "large"), Error);
}

TEST_CASE("hdf5: an array says whether it holds integers") {
  const TempFolder folder;
  Hdf5Writer writer(folder / "a.h5");
  writer.write("bytes", std::vector<std::uint8_t>{1});
  writer.write("longs", std::vector<std::int64_t>{1});
  writer.write("floats", std::vector<float>{1.0F});
  writer.commit();
  const Hdf5Reader reader(folder / "a.h5");
  CHECK(reader.is_integer("bytes"));
  CHECK(reader.is_integer("longs"));
  CHECK_FALSE(reader.is_integer("floats"));
  CHECK_THROWS_AS((void)reader.is_integer("absent"), Error);
}

TEST_CASE("hdf5: errors name the file, the object and the reason") {
  const TempFolder folder;
  write_sample(folder / "a.h5");
  const Hdf5Reader reader(folder / "a.h5");
  const std::string message = error_of<Error>([&] { (void)reader.read<float>("layers.0/ssm/C"); });
  CHECK(message.find((folder / "a.h5").string()) != std::string::npos);
  CHECK(message.find("/layers.0/ssm/C") != std::string::npos);
  CHECK(message.find("doesn't exist") != std::string::npos);
  CHECK_THROWS_AS((void)reader.read<float>("layers.0"), Error);
  CHECK_THROWS_AS((void)reader.list("step"), Error);
  CHECK_THROWS_AS((void)reader.list("absent"), Error);
  CHECK_THROWS_AS((void)reader.attribute<double>("/", "absent"), Error);
  CHECK_THROWS_AS((void)reader.read_scalar<double>("small"), Error);
  CHECK_THROWS_AS(Hdf5Reader(folder / "absent.h5"), Error);
  CHECK_THROWS_AS(Hdf5Reader(folder.path()), Error);
  CHECK_THROWS_AS(Hdf5Writer(folder / "no" / "folder.h5"), Error);

  Hdf5Writer writer(folder / "b.h5");
  CHECK_THROWS_AS(writer.write("x", std::vector<float>{1.0F, 2.0F}, {3}), Error);
  writer.write("x", std::vector<float>{1.0F});
  CHECK_THROWS_AS(writer.write("x", std::vector<float>{1.0F}), Error);
  CHECK_THROWS_AS(writer.write("x/y", std::vector<float>{1.0F}), Error);
  CHECK_THROWS_AS(writer.set_attribute("absent", "a", 1), Error);
  writer.commit();
  CHECK_THROWS_AS(writer.commit(), Error);
}

TEST_CASE("hdf5: an array beyond the limit is refused") {
  const TempFolder folder;
  write_sample(folder / "a.h5");
  const Hdf5Reader reader(folder / "a.h5");
  CHECK(reader.read<float>("layers.0/ssm/B", 64 * 48).values.size() == 64 * 48);
  const std::string message = error_of<Error>([&] { (void)reader.read<float>("layers.0/ssm/B", 64 * 48 - 1); });
  CHECK(message.find("[64, 48]") != std::string::npos);
  CHECK_THROWS_AS((void)reader.read_texts("names", 2), Error);
}

namespace {

/// Reads everything a sample file holds; true if it is what was written.
bool sample_is_intact(const std::filesystem::path& file) {
  const Hdf5Reader reader(file);
  const auto matrix = reader.read<float>("layers.0/ssm/B", 1 << 16);
  bool intact = matrix.shape == Hdf5Shape{64, 48};
  for (std::size_t i = 0; i < matrix.values.size(); ++i) intact = intact && matrix.values[i] == static_cast<float>(i);
  return intact && reader.read<double>("small", 100).values == std::vector<double>{1.5, -2.5, 1e300} &&
         reader.read_scalar<std::uint64_t>("step") == std::uint64_t{1} << 63 &&
         reader.read_text("settings") == "lr = 1e-3\nname = h\xc3\xa4llo" &&
         reader.read_texts("names") == std::vector<std::string>{"a", "", "longer"} &&
         reader.attribute<std::int64_t>("/", "version") == 3 &&
         reader.attribute<std::string>("layers.0", "bits") == "W4A8" &&
         reader.attribute<double>("layers.0/ssm/B", "scale") == 0.125;
}

}  // namespace

TEST_CASE("hdf5: a truncated file is an error, wherever it ends") {
  const TempFolder folder;
  write_sample(folder / "a.h5");
  REQUIRE(sample_is_intact(folder / "a.h5"));
  const std::string bytes = read_file(folder / "a.h5", 1 << 20);
  for (std::size_t size = 0; size < bytes.size(); size += 61) {
    tests::write_quickly(folder / "cut.h5", std::string_view(bytes).substr(0, size));
    CAPTURE(size);
    CHECK_THROWS_AS((void)sample_is_intact(folder / "cut.h5"), Error);
  }
}

TEST_CASE("hdf5: a damaged byte is an error or changes nothing that is read") {
  const TempFolder folder;
  write_sample(folder / "a.h5");
  const std::string bytes = read_file(folder / "a.h5", 1 << 20);
  std::size_t errors = 0;
  // every byte of the metadata would take long: a stride that shares no factor with the file's alignment
  for (std::size_t offset = 0; offset < bytes.size(); offset += 13) {
    std::string damaged = bytes;
    damaged[offset] = static_cast<char>(damaged[offset] ^ 0x55);
    tests::write_quickly(folder / "bad.h5", damaged);
    bool intact = true;
    try {
      intact = sample_is_intact(folder / "bad.h5");
    } catch (const Error&) {
      ++errors;
    }
    CAPTURE(offset);
    CHECK(intact);
  }
  CHECK(errors > bytes.size() / 13 / 2);
}

TEST_CASE("hdf5: files written by h5py are read, with their variable-length strings") {
  const Hdf5Reader reader(tests::source_folder() / "tests/fixtures/s5_reference.h5");
  CHECK(reader.attribute<std::string>("/", "loss") == "sum(g*y)");
  CHECK(reader.attribute<std::int64_t>("blockdiag/P16_J1_conj1/V", "complex") == 1);
  CHECK(reader.read<float>("blockdiag/P16_J1_conj1/V").shape == Hdf5Shape{16, 8, 2});
}

namespace {

/// What is written to standard error while it lives.
class StandardError {
 public:
  StandardError() : before_(::dup(STDERR_FILENO)) {
    REQUIRE(::pipe2(pipe_.data(), O_NONBLOCK) == 0);
    ::dup2(pipe_[1], STDERR_FILENO);
  }
  ~StandardError() {
    ::dup2(before_, STDERR_FILENO);
    for (const int file : {before_, pipe_[0], pipe_[1]}) ::close(file);
  }
  StandardError(const StandardError&) = delete;
  StandardError& operator=(const StandardError&) = delete;

  /// Since the last call.
  std::string text() {
    std::string text(1 << 16, '\0');
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(::read(pipe_[0], text.data(), text.size()), 0)));
    return text;
  }

 private:
  int before_;
  std::array<int, 2> pipe_{};
};

/// Files of this process have at most so many bytes while it lives, as on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(std::size_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    (void)std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  void (*handler_)(int);
  rlimit before_{};
};

}  // namespace

TEST_CASE("hdf5: a file that does not fit is one sentence with the system's reason, and leaves nothing behind") {
  const TempFolder folder;
  write_sample(folder / "whole.h5");
  const std::size_t size = std::filesystem::file_size(folder / "whole.h5");
  StandardError said;
  for (std::size_t limit = 0; limit < size; limit += 200) {
    const std::string sentence = error_of<Error>([&] {
      const FileSizeLimit full(limit);
      write_sample(folder / "x.h5");
    });
    CAPTURE(limit);
    REQUIRE(sentence.starts_with("[" + (folder / "x.h5").string()));
    REQUIRE(sentence.ends_with(": File too large"));
    REQUIRE(sentence.find('\n') == std::string::npos);
    REQUIRE(said.text().empty());
    REQUIRE(folder.entries() == 1);
  }
}
