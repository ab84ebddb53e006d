#include "tests/fuzz/target.h"

#include "tests/support/temp_folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>

namespace bitstate::fuzz {
namespace {

void append_part(std::string& content, const datasets::Splits& splits, const datasets::Dataset& part) {
  using datasets::Task;
  const auto finite = [](float x) { return std::isfinite(x); };
  const auto is_token = [&](std::int32_t id) { return id >= 0 && static_cast<std::size_t>(id) < splits.d_input; };
  datasets::Example example;
  for (std::size_t i = 0; i < part.size(); ++i) {
    example.clear();
    part.read(i, example);
    const std::size_t inputs = splits.tokens ? example.tokens.size() : example.x.size() / splits.d_input;
    promise(example.length >= 1 && example.length <= splits.max_length && inputs == example.length, "a length");
    promise(std::all_of(example.x.begin(), example.x.end(), finite), "finite inputs");
    promise(std::all_of(example.target.begin(), example.target.end(), finite), "finite targets");
    promise(std::all_of(example.tokens.begin(), example.tokens.end(), is_token), "a token");
    if (splits.task == Task::classification) {
      promise(example.label >= 0 && static_cast<std::size_t>(example.label) < splits.d_output, "a label");
    } else {
      const std::size_t rows = splits.task == Task::regression ? example.length : 1;
      promise(example.target.size() == rows * splits.d_output, "targets");
    }
    append(content, example.x);
    append(content, example.tokens);
    append(content, example.target);
    content += std::to_string(example.label) + '\n';
  }
}

}  // namespace

void promise(bool kept, const char* what) {
  if (!kept) throw std::logic_error(std::string("the reader did not keep its promise of ") + what);
}

std::filesystem::path in_file(std::string_view bytes) {
  static const tests::TempFolder folder;
  static const std::filesystem::path path = folder / "input";
  static const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  // written over: a file that is first emptied goes to the disk at once on some file systems
  const auto size = static_cast<off_t>(bytes.size());
  const bool written = ::pwrite(file, bytes.data(), bytes.size(), 0) == size && ::ftruncate(file, size) == 0;
  if (!written) throw std::runtime_error("cannot write " + path.string());
  return path;
}

std::string content_of(const datasets::Splits& splits) {
  std::string content;
  for (const auto* part : {&splits.train, &splits.validation, &splits.test}) {
    content += '|';
    if (*part != nullptr) append_part(content, splits, **part);
  }
  return content;
}

}  // namespace bitstate::fuzz
